"""Log records that look like a real stream: several services and shippers' formats, some bad."""

import random
from collections.abc import Iterator

import msgspec

from schemas.records import SourceRecord
from tests.builders import START_NS

START_MS = START_NS // 1_000_000
SERVICES = ("checkout", "cart", "search", "auth-gateway")
HOSTILE = (
    None,
    b"",
    b"\x00\x01binary",
    b"\xff\xfe not utf-8",
    b"a nul \x00 inside",
    b"\x1f\x8b\x08 broken gzip",
    b'{"message": "half \\ud800 pair", "n": 123456789012345678901234567890}',
)


def log_value(chooser: random.Random, number: int) -> bytes:
    """Return one line, JSON object or batch, all different from each other by `number`."""
    service = chooser.choice(SERVICES)
    level = chooser.choice(("INFO", "INFO", "INFO", "WARN", "ERROR"))
    kind = chooser.randrange(10)
    if kind < 5:
        duration = chooser.randrange(5_000)
        return f"{level} request {number} served in {duration} ms by {service}".encode()
    text = chooser.choice(
        (
            f"user {number} logged in from 10.0.{number % 250}.{number % 199}",
            f"connection to db-{number % 7} lost after {number} queries",
            f"cache miss for key session:{number:08x}",
        )
    )
    members = {"service": service, "level": level.lower(), "message": text, "n": number}
    if kind < 9:
        return msgspec.json.encode(members)
    return msgspec.json.encode([members, {**members, "message": "retrying " + text}])


def log_records(
    count: int, *, seed: int = 1, partition: int = 0, first_offset: int = 0, hostile: float = 0.02
) -> Iterator[SourceRecord]:
    """Yield records in order of offset over an hour of event time, with gaps between offsets."""
    chooser = random.Random(seed)
    offset = first_offset
    for number in range(count):
        bad = chooser.random() < hostile
        yield SourceRecord(
            topic="logs.raw",
            partition=partition,
            offset=offset,
            value=chooser.choice(HOSTILE) if bad else log_value(chooser, number),
            timestamp_ms=START_MS + chooser.randrange(3_600_000),
        )
        offset += 1 if chooser.random() < 0.95 else chooser.randrange(2, 6)
