"""Mutated, nested and hostile values for the decoder: `python -m bench.fuzz_decode [TRIES] [SEED]`.

Prints what raised and the slowest values; exits 1 if anything raised or took over a second.
"""

import base64
import gzip
import json
import random
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from aiops.workbench.input_records import parse_record
from schemas.records import SourceRecord
from streams.domain.decode import decode_record

SAMPLES = Path(__file__).resolve().parents[1] / "tests/samples/logs.raw.jsonl"
LIMIT_S = 1.0
MAX_SEED_BYTES = 20_000
TOKENS = (
    b'"', b"\\", b"{", b"}", b"[", b"]", b"<", b">", b"\n", b"\r", b"\t", b"\0", b"\x1b[", b"\xff",
    b" - ", b" | ", b": ", b"=", b",", b"null", b"true", b"NaN", b"1E99999999", b"-1", b"0",
    b"9" * 40, b"9" * 5000, b"\\u0000", b"\\ud800", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x0a\x00",
    b"2026-03-14T08:26:53Z", b"2026-02-30 25:61:61", b"<13>", b"<999>", b" ERROR ", b"\n\tat ",
    b"Traceback (most recent call last):\n", b"{}", b"[]", b'{"level":', b'"message":', b'"log":{',
    b'"@timestamp":', b'"t":{"$date":', b'"instant":{"epochSecond":', b"--- [a] ", b"\xc2\x85",
)  # fmt: skip


def seeds() -> list[bytes]:
    """Return the values of the samples that are short enough to be changed often."""
    records = [parse_record(line, position=0) for line in SAMPLES.read_bytes().splitlines()]
    return [r.value for r in records if r.value is not None and len(r.value) < MAX_SEED_BYTES]


def splice(value: bytes, other: bytes, rng: random.Random) -> bytes:
    """Put a piece of another value into this one."""
    at, start = rng.randrange(len(value) + 1), rng.randrange(len(other) + 1)
    return value[:at] + other[start : start + rng.randrange(200)] + value[at:]


def replace_bytes(value: bytes, _other: bytes, rng: random.Random) -> bytes:
    """Overwrite some bytes."""
    octets = bytearray(value or b" ")
    for _ in range(rng.randrange(1, 6)):
        octets[rng.randrange(len(octets))] = rng.randrange(256)
    return bytes(octets)


def insert_token(value: bytes, _: bytes, rng: random.Random) -> bytes:
    """Insert a token that formats care about, sometimes very often."""
    at = rng.randrange(len(value) + 1)
    count = rng.choice((1, 1, 1, 2, 3, 50, 500))
    return value[:at] + rng.choice(TOKENS) * count + value[at:]


def cut(value: bytes, _: bytes, rng: random.Random) -> bytes:
    """Cut a piece out."""
    start = rng.randrange(len(value) + 1)
    return value[:start] + value[start + rng.randrange(1, 60) :]


def nest(value: bytes, _: bytes, rng: random.Random) -> bytes:
    """Make the value the body of an envelope."""
    text = value.decode(errors="replace")
    key = rng.choice(("message", "log", "msg", "MESSAGE", "_raw", "body", "event"))
    outer = {key: text, "stream": "stdout", "time": rng.choice((0.1, "x", 1773476813))}
    choices = (
        lambda: json.dumps(outer).encode(),
        lambda: json.dumps(text).encode(),
        lambda: b"<13>Mar 14 08:26:53 h app: " + value,
        lambda: b"2026-03-14T08:26:53Z stdout F " + value,
        lambda: gzip.compress(value),
        lambda: b"\0\0\0\0\1" + value,
        lambda: ("\ufeff" + text).encode("utf-16"),
        lambda: b"[" + value + b"," + value + b"]",
    )
    return rng.choice(choices)()


def retype(value: bytes, _other: bytes, rng: random.Random) -> bytes:
    """Give some members of a JSON object values of other types."""
    try:
        members = json.loads(value)
    except ValueError:
        return value
    if not isinstance(members, dict) or not members:
        return value
    for _ in range(rng.randrange(1, 4)):
        members[rng.choice(list(members))] = rng.choice(
            (
                None,
                True,
                0,
                -1,
                10**25,
                1e300,
                "",
                "-",
                "x",
                [],
                [1, {"a": []}],
                {},
                {"a": {"b": 1}},
            )
        )
    return json.dumps(members).encode()


MUTATIONS: tuple[Callable[[bytes, bytes, random.Random], bytes], ...] = (
    splice, replace_bytes, insert_token, cut, nest, retype,
)  # fmt: skip


def mutated(pool: list[bytes], rng: random.Random) -> bytes:
    """Return a seed after a few changes."""
    value = rng.choice(pool)
    for _ in range(rng.randrange(1, 5)):
        value = rng.choice(MUTATIONS)(value, rng.choice(pool), rng)
    return value


def main() -> None:
    """Try many values."""
    tries = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    pool = seeds()
    failures, slowest = 0, (0.0, b"")
    for _ in range(tries):
        value = mutated(pool, rng)
        record = SourceRecord(
            topic="t",
            partition=0,
            offset=0,
            value=value,
            timestamp_ms=rng.choice((-1, 1773476814100)),
        )
        start = time.process_time()
        try:
            decode_record(record, fallback_ms=1773476814100)
        except Exception:  # noqa: BLE001 (whatever is raised is what is looked for)
            failures += 1
            if failures <= 5:
                print(base64.b64encode(value[:3000]).decode())
                traceback.print_exc()
        slowest = max(slowest, (time.process_time() - start, value[:200]))
    print(f"{tries} tries, {failures} raised, slowest {slowest[0] * 1e3:.1f} ms: {slowest[1]!r}")
    sys.exit(1 if failures or slowest[0] > LIMIT_S else 0)


if __name__ == "__main__":
    main()
