"""What the finalizer reads (marks, counts, lines) and writes (summaries)."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from schemas.db.pool import Connection

SUMMARIES_CHANNEL: Final = "aiops_summaries"


class WindowKey(msgspec.Struct, frozen=True, order=True):
    """One window of one service ('' for none)."""

    service: str
    start_ns: int


class DirtyWindow(msgspec.Struct, frozen=True):
    """A mark that a window's counts changed; gone once it is cleared at this generation."""

    topic: str
    partition: int
    key: WindowKey
    generation: int


SELECT_DIRTY: Final = """
SELECT topic, partition, service, start_ns, generation FROM log_dirty_windows
ORDER BY start_ns, service LIMIT $1
"""


async def select_dirty(connection: Connection, limit: int) -> list[DirtyWindow]:
    """Return the oldest marks."""
    return [
        DirtyWindow(
            row["topic"],
            row["partition"],
            WindowKey(row["service"], row["start_ns"]),
            row["generation"],
        )
        for row in await connection.fetch(SELECT_DIRTY, limit)
    ]


DELETE_DIRTY: Final = """
DELETE FROM log_dirty_windows AS dirty
USING unnest($1::text[], $2::integer[], $3::text[], $4::bigint[], $5::bigint[])
    AS seen (topic, partition, service, start_ns, generation)
WHERE dirty.topic = seen.topic AND dirty.partition = seen.partition
  AND dirty.service = seen.service AND dirty.start_ns = seen.start_ns
  AND dirty.generation = seen.generation
"""


async def clear_dirty(connection: Connection, marks: Sequence[DirtyWindow]) -> None:
    """Remove the marks, but not those that were renewed since they were read."""
    await connection.execute(
        DELETE_DIRTY,
        [mark.topic for mark in marks],
        [mark.partition for mark in marks],
        [mark.key.service for mark in marks],
        [mark.key.start_ns for mark in marks],
        [mark.generation for mark in marks],
    )


SELECT_NEWEST_EVENT: Final = "SELECT coalesce(max(max_event_ns), 0) FROM stream_offsets"


async def select_newest_event_ns(connection: Connection) -> int:
    """Return the newest event time of all streams, 0 before the first event."""
    newest: int = await connection.fetchval(SELECT_NEWEST_EVENT)
    return newest


SELECT_OPEN: Final = "SELECT service, start_ns FROM log_window_summaries WHERE is_open"


async def select_open_windows(connection: Connection) -> list[WindowKey]:
    """Return the windows whose summary was written before they were complete."""
    rows = await connection.fetch(SELECT_OPEN)
    return [WindowKey(row["service"], row["start_ns"]) for row in rows]


class MinuteCounts(msgspec.Struct, frozen=True):
    """Lines of a service in one minute (since 1970) of one block, by shape and severity."""

    minute: int
    late: int
    first_event_ns: int
    last_event_ns: int
    severities: list[int]
    shape_ids: list[int]
    counts: list[int]


SELECT_MINUTES: Final = """
SELECT minute, late, first_event_ns, last_event_ns, severities, shape_ids, counts
FROM log_counts WHERE service = $1 AND minute >= $2 AND minute < $3
ORDER BY minute, topic, partition, block
"""


async def select_minutes(
    connection: Connection, service: str, first: int, end: int
) -> list[MinuteCounts]:
    """Return the counts of the minutes [first, end), in order."""
    return [
        MinuteCounts(*row.values())
        for row in await connection.fetch(SELECT_MINUTES, service, first, end)
    ]


SELECT_MINUTES_WITH_SHAPES: Final = """
SELECT DISTINCT minute FROM log_counts WHERE service = $1 AND shape_ids && $2::bigint[]
"""


async def select_minutes_with_shapes(
    connection: Connection, service: str, shape_ids: Sequence[int]
) -> list[int]:
    """Return the minutes in which the service has a line of one of the shapes."""
    rows = await connection.fetch(SELECT_MINUTES_WITH_SHAPES, service, shape_ids)
    return [row["minute"] for row in rows]


SELECT_PREVIOUS: Final = """
SELECT document FROM log_window_summaries
WHERE service = $1 AND start_ns < $2 ORDER BY start_ns DESC LIMIT 1
"""


async def select_previous_document(connection: Connection, key: WindowKey) -> bytes | None:
    """Return the document of the newest window before this one."""
    document: bytes | None = await connection.fetchval(SELECT_PREVIOUS, key.service, key.start_ns)
    return document


SELECT_NEXT_START: Final = """
SELECT min(start_ns) FROM log_window_summaries WHERE service = $1 AND start_ns > $2
"""


async def select_next_window(connection: Connection, key: WindowKey) -> WindowKey | None:
    """Return the service's next window that has a summary."""
    start = await connection.fetchval(SELECT_NEXT_START, key.service, key.start_ns)
    return None if start is None else WindowKey(key.service, start)


SELECT_STARTS: Final = """
SELECT start_ns FROM log_window_summaries
WHERE service = $1 AND start_ns > $2 AND start_ns <= $3
"""


async def select_windows_after(
    connection: Connection, key: WindowKey, last_start_ns: int
) -> list[WindowKey]:
    """Return the service's summarized windows after this one, up to `last_start_ns`."""
    rows = await connection.fetch(SELECT_STARTS, key.service, key.start_ns, last_start_ns)
    return [WindowKey(key.service, row["start_ns"]) for row in rows]


class SummaryRow(msgspec.Struct, frozen=True, kw_only=True):
    """A window summary as it is stored."""

    key: WindowKey
    end_ns: int
    lines: int
    is_open: bool
    unusual: bool
    headline: str
    document: bytes
    content_hash: bytes


UPSERT_SUMMARY: Final = """
INSERT INTO log_window_summaries AS stored
    (service, start_ns, end_ns, lines, is_open, unusual, headline, document, content_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (service, start_ns) DO UPDATE
SET end_ns = EXCLUDED.end_ns, lines = EXCLUDED.lines, is_open = EXCLUDED.is_open,
    unusual = EXCLUDED.unusual, headline = EXCLUDED.headline, document = EXCLUDED.document,
    content_hash = EXCLUDED.content_hash, revision = stored.revision + 1, updated_at = now()
WHERE stored.content_hash <> EXCLUDED.content_hash OR stored.is_open <> EXCLUDED.is_open
RETURNING revision
"""

NOTIFY_SUMMARY: Final = "SELECT pg_notify($1, $2)"


async def upsert_summary(connection: Connection, row: SummaryRow) -> bool:
    """Store the summary where it differs, as a new revision; tell whether it did."""
    revision = await connection.fetchval(
        UPSERT_SUMMARY,
        row.key.service,
        row.key.start_ns,
        row.end_ns,
        row.lines,
        row.is_open,
        row.unusual,
        row.headline,
        row.document,
        row.content_hash,
    )
    if revision is None:
        return False
    payload: Mapping[str, object] = {"service": row.key.service, "start_ns": row.key.start_ns}
    await connection.execute(
        NOTIFY_SUMMARY, SUMMARIES_CHANNEL, msgspec.json.encode(payload).decode()
    )
    return True


DELETE_SUMMARY: Final = """
DELETE FROM log_window_summaries WHERE service = $1 AND start_ns = $2 RETURNING start_ns
"""


async def delete_summary(connection: Connection, key: WindowKey) -> bool:
    """Remove the summary of a window that has no line any more; tell whether there was one."""
    return await connection.fetchval(DELETE_SUMMARY, key.service, key.start_ns) is not None
