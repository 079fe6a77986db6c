"""The whole product idle on one machine: `python -m bench.product`.

Prints the delay of `summarizeLog` until its answer, milliseconds (goal: p50 150), and the memory of
all processes: proportional set sizes, so that what they share counts once (goal: 900 MB).
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.e2e.product import Product

CALLS: Final = 100
SUBMIT: Final = "mutation($text: String!) { summarizeLog(raw: $text) { id summary status } }"


def delays_ms(product: Product, calls: int) -> list[float]:
    """Return how long each call took, sorted; each one is answered with its summary."""
    token = product.log_in()
    delays = []
    for number in range(calls):
        started = time.monotonic()
        entry = product.query(
            SUBMIT, token=token, variables={"text": f"ERROR payment {number} failed"}
        )
        delays.append((time.monotonic() - started) * 1_000)
        assert entry["summarizeLog"]["summary"], entry
    return sorted(delays)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)
        product = Product(home)
        started = time.monotonic()
        try:
            product.start()
            start_s = time.monotonic() - started
            delays = delays_ms(product, CALLS)
            report = {
                "start_s": round(start_s, 1),
                "summarize_ms_p50": round(delays[CALLS // 2]),
                "summarize_ms_p95": round(delays[CALLS * 95 // 100]),
                "memory_mib": sum(product.proportional_bytes().values()) >> 20,
            }
        finally:
            product.stop()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
