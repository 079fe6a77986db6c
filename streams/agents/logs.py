"""The logs stream: record -> lines with shapes -> chunks and counts."""

from collections.abc import Sequence
from typing import Final

from schemas.db.pool import Connection
from schemas.records import Rejection, SourceRecord
from schemas.telemetry import EVENTS_WRITTEN
from streams.domain.log_blocks import NS_PER_MS
from streams.domain.log_lines import LinePreparer, PreparedRecord
from streams.domain.shape_budget import DEFAULT_SHAPE_ROOM
from streams.offsets import OffsetSpan
from streams.store.logs import append_records, replace_block

NAME: Final = "logs"


class LogsHandler:
    """Prepares log records and writes them."""

    def __init__(self, *, window_ns: int, shape_room: int = DEFAULT_SHAPE_ROOM) -> None:
        self._window_ns = window_ns
        self._shape_room = shape_room
        self._preparer = LinePreparer()

    def prepare(self, record: SourceRecord) -> PreparedRecord:
        """Return the lines of the record, or why there are none."""
        return self._preparer.prepare(record)

    def reject(self, record: SourceRecord, rejection: Rejection) -> PreparedRecord:
        """Return the record as rejected."""
        return PreparedRecord(record=record, rejection=rejection)

    def newest_event_ns(self, records: Sequence[PreparedRecord]) -> int:
        """Return the newest event time; no event is newer than its record's own timestamp."""
        return max((_newest_of(record) for record in records if record.lines), default=0)

    async def append(
        self, connection: Connection, span: OffsetSpan, records: Sequence[PreparedRecord]
    ) -> None:
        """Write the lines and counts of records never stored before."""
        await append_records(
            connection,
            span,
            records,
            window_ns=self._window_ns,
            shape_room=self._shape_room,
        )
        EVENTS_WRITTEN.labels(span.topic).inc(sum(len(record.lines) for record in records))

    async def replace(
        self, connection: Connection, span: OffsetSpan, records: Sequence[PreparedRecord]
    ) -> bool:
        """Write a block in place of what is stored for it; tell whether anything differs."""
        return await replace_block(
            connection,
            span,
            records,
            window_ns=self._window_ns,
            shape_room=self._shape_room,
        )


def _newest_of(record: PreparedRecord) -> int:
    lines, record_ns = record.lines, record.record.timestamp_ms * NS_PER_MS
    if len(lines) == 1:
        # Nearly all; a generator costs more than the rest of it.
        return min(lines[0].stored.event.timestamp_ns, record_ns)
    return min(max(line.stored.event.timestamp_ns for line in lines), record_ns)
