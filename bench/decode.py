"""CPU microseconds an event costs to decode, by format: `python -m bench.decode [FILE]`.

FILE holds records as `aiops try decode` reads them; without it the samples of the tests are used.
"""

import sys
import time
from pathlib import Path

from aiops.workbench.input_records import parse_record
from schemas.records import SourceRecord
from streams.domain.decode import decode_record

SAMPLES = Path(__file__).resolve().parents[1] / "tests/samples/logs.raw.jsonl"
ROUNDS = 15
CALLS = 40
BULK = (
    b"2026-03-14T08:26:53.123Z ERROR connection to db-1 refused after 3 tries",
    b"2026-03-14 08:26:53,123 INFO request 17 served in 12 ms",
    b"a plain line without time or level",
    b"2026-03-14T08:26:53.009287+00:00 edge-03 cron[99]: (root) CMD (run-parts)",
    b'{"level":"info","ts":1773476813.8703582,"msg":"request served","status":200}',
)
LONG_BYTES = 100_000


def cost_us(record: SourceRecord) -> float:
    """Return the CPU time of one call, the best of some rounds: the machine has other work."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(CALLS):
            decode_record(record, fallback_ms=1)
        best = min(best, (time.process_time() - start) / CALLS)
    return best * 1e6


def main() -> None:
    """Print the cost of each record and of the whole mix."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    total_us, event_count = 0.0, 0
    rows = []
    for position, line in enumerate(path.read_bytes().splitlines()):
        record = parse_record(line, position=position)
        if record.value is None or len(record.value) > LONG_BYTES:
            continue
        count = max(1, len(decode_record(record, fallback_ms=1).events))
        cost = cost_us(record)
        rows.append((cost / count, record.value[:60]))
        total_us += cost
        event_count += count
    for cost, value in sorted(rows, reverse=True):
        print(f"{cost:9.1f} us/event  {value!r}")
    for value in BULK:
        record = SourceRecord(
            topic="t", partition=0, offset=0, value=value, timestamp_ms=1773476814100
        )
        print(f"{cost_us(record):9.1f} us/event  {value[:60]!r}")
    mean_us = total_us / event_count
    print(f"{mean_us:9.1f} us/event over all, {1e6 / mean_us:,.0f} events per core-second")


if __name__ == "__main__":
    main()
