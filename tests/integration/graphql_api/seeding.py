"""Fills the log tables as the writer does: pieces on their grids, counts, offsets."""

from collections.abc import Sequence

from schemas.chunks import RawText, StoredLine, pack_lines, piece_bounds
from schemas.db.pool import Connection
from schemas.events import LogEvent
from schemas.ids import CHUNK_RECORDS

BASE_MS = 1_700_000_000_000
SERVICES = ("api", "billing", None)
SEVERITIES = (9, 9, 13, 17)


def make_line(offset: int, *, record_ms: int | None = None, body: str | None = None) -> StoredLine:
    """Return the line of a record; services and severities take turns."""
    text = f"request {offset} took {offset % 97} ms" if body is None else body
    milliseconds = BASE_MS + offset * 10 if record_ms is None else record_ms
    return StoredLine(
        offset=offset,
        index=0,
        record_ms=milliseconds,
        event=LogEvent(
            timestamp_ns=milliseconds * 1_000_000 - 1_500_000,
            body=text,
            severity_number=SEVERITIES[offset % len(SEVERITIES)],
            service=SERVICES[offset % len(SERVICES)],
            host=f"web-{offset % 5}",
            attributes={"http.status": 200 + offset % 3},
            trace_id=f"{offset:032x}" if offset % 7 == 0 else None,
        ),
        shape_id=offset % 11 - 5,
        raw=RawText(f"<13>{text}"),
    )


INSERT_PIECE = """
INSERT INTO log_chunks VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT DO NOTHING
"""
UPSERT_OFFSET = """
INSERT INTO stream_offsets (topic, partition, next_offset, max_event_ns) VALUES ($1, $2, $3, $4)
ON CONFLICT (topic, partition) DO UPDATE
SET next_offset = EXCLUDED.next_offset, max_event_ns = EXCLUDED.max_event_ns
"""


async def seed_lines(
    connection: Connection,
    lines: Sequence[StoredLine],
    *,
    topic: str = "logs.raw",
    partition: int = 0,
    notify: bool = False,
) -> None:
    """Store lines that start a partition, and its next offset, in one transaction."""
    end = max(line.offset for line in lines) + 1
    async with connection.transaction():
        await connection.execute(
            "DELETE FROM log_chunks WHERE topic = $1 AND partition = $2", topic, partition
        )
        for start in range(0, end, CHUNK_RECORDS):
            for first, after in piece_bounds(start, end):
                piece = [line for line in lines if first <= line.offset < after]
                if piece:
                    await connection.execute(
                        INSERT_PIECE, topic, partition, first, after, *piece_columns(piece)
                    )
        newest = max(line.event.timestamp_ns for line in lines)
        await connection.execute(UPSERT_OFFSET, topic, partition, end, newest)
        if notify:
            payload = f'{{"topic":"{topic}","partition":{partition},"next_offset":{end}}}'
            await connection.execute("SELECT pg_notify('aiops_progress', $1)", payload)


def piece_columns(piece: Sequence[StoredLine]) -> tuple[object, ...]:
    """Return the columns after the bounds, as the writer fills them."""
    events = [line.event for line in piece]
    return (
        len(piece),
        min(event.timestamp_ns for event in events),
        max(event.timestamp_ns for event in events),
        min(line.record_ms for line in piece),
        max(line.record_ms for line in piece),
        sorted({event.service or "" for event in events}),
        sorted({event.severity_number for event in events}),
        sorted({line.shape_id for line in piece}),
        pack_lines(piece),
    )
