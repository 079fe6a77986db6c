"""Records with defaults, and the one event that they become."""

from typing import Final

from schemas.events import LogEvent
from schemas.records import SourceRecord
from streams.domain.decode import Decoded, decode_record
from streams.domain.decode.times import format_ns

RECORD_MS: Final = 1773476814100
"""2026-03-14T08:26:54.1Z."""


def decode(
    value: str | bytes | None,
    *,
    headers: dict[str, str] | None = None,
    timestamp_ms: int = RECORD_MS,
) -> Decoded:
    """Decode a value as a record of the test's topic."""
    record = SourceRecord(
        topic="logs.raw",
        partition=0,
        offset=0,
        value=value.encode() if isinstance(value, str) else value,
        headers=tuple((name, text.encode()) for name, text in (headers or {}).items()),
        timestamp_ms=timestamp_ms,
    )
    return decode_record(record, fallback_ms=RECORD_MS + 60_000)


def event_of(value: str | bytes, **options: object) -> LogEvent:
    """Return the only event of a value."""
    decoded = decode(value, **options)  # type: ignore[arg-type] # passed through to decode
    assert len(decoded.events) == 1, decoded
    return decoded.events[0]


def time_of(value: str | bytes, **options: object) -> str:
    """Return the time of the only event of a value."""
    return format_ns(event_of(value, **options).timestamp_ns)
