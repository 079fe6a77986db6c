"""Records -> stored lines: decoded, with the shape of each line and its headline."""

from base64 import b64encode
from typing import Final

import msgspec

from schemas.chunks import RawText, StoredLine
from schemas.events import LogEvent
from schemas.records import SourceRecord
from streams.domain.decode import (
    Decoded,
    decode_by_formats,
    read_plain_record,
    record_time_ms,
)
from streams.domain.prepared import Prepared
from streams.domain.summaries.events import headline_override
from streams.domain.templates import ShapeCache, shape_id

# A record without a timestamp is filed at the beginning of time, not at the wall clock: what is
# stored depends on the record alone.
NO_TIMESTAMP_MS: Final = 0
MAX_CACHED_SHAPE_IDS: Final = 50_000


class PreparedLine(msgspec.Struct, frozen=True, gc=False):
    """A line as it will lie in its chunk, and the masked text it was given its shape by."""

    stored: StoredLine
    shape: str


class PreparedRecord(Prepared, frozen=True, kw_only=True, gc=False):
    """What became of one log record: lines, or a reason why there are none."""

    lines: tuple[PreparedLine, ...] = ()


def raw_text(value: bytes) -> RawText:
    """Return the original value: text, or base64 where the bytes are not valid UTF-8."""
    try:
        return RawText(value.decode())
    except UnicodeDecodeError:
        return RawText(b64encode(value).decode("ascii"), is_base64=True)


class LinePreparer:
    """Prepares records; holds bounded caches that change the speed and never the result."""

    def __init__(self) -> None:
        self._shapes = ShapeCache()
        self._shape_ids: dict[tuple[str | None, str], int] = {}

    def prepare(self, record: SourceRecord) -> PreparedRecord:
        """Return what became of the record; never raises for any bytes."""
        plain = read_plain_record(record, fallback_ms=NO_TIMESTAMP_MS)
        if plain is not None:
            return PreparedRecord(record=record, lines=(self._first_line(record, plain),))
        decoded = decode_by_formats(record, fallback_ms=NO_TIMESTAMP_MS)
        if decoded.rejection is not None:
            return PreparedRecord(record=record, rejection=decoded.rejection)
        if decoded.dropped is not None:
            return PreparedRecord(record=record, dropped=decoded.dropped)
        return PreparedRecord(record=record, lines=self._lines(record, decoded))

    def _lines(self, record: SourceRecord, decoded: Decoded) -> tuple[PreparedLine, ...]:
        first, *others = decoded.events
        tail = (self._line(record, event, index, None) for index, event in enumerate(others, 1))
        return (self._first_line(record, first), *tail)

    def _first_line(self, record: SourceRecord, event: LogEvent) -> PreparedLine:
        return self._line(record, event, 0, raw_text(record.value or b""))

    def _line(
        self, record: SourceRecord, event: LogEvent, index: int, raw: RawText | None
    ) -> PreparedLine:
        shape = self._shapes.shape(event.body)
        stored = StoredLine(
            offset=record.offset,
            index=index,
            record_ms=record_time_ms(record, NO_TIMESTAMP_MS),
            event=event,
            shape_id=self._shape_id(event.service, shape),
            headline=headline_override(event.severity_number, event.severity_text, event.body),
            raw=raw,
        )
        return PreparedLine(stored, shape)

    def _shape_id(self, service: str | None, shape: str) -> int:
        key = (service, shape)
        known = self._shape_ids.get(key)
        if known is not None:
            return known
        if len(self._shape_ids) >= MAX_CACHED_SHAPE_IDS:
            self._shape_ids.clear()
        new = self._shape_ids[key] = shape_id(service, shape)
        return new
