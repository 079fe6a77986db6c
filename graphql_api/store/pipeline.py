"""Reads of how far the streams have come, and what they refused."""

from datetime import datetime
from typing import Final

import msgspec

from graphql_api.store.database import Database


class PartitionProgress(msgspec.Struct, frozen=True, kw_only=True):
    """A partition's stored offset and its newest event time (0: none yet)."""

    topic: str
    partition: int
    next_offset: int
    max_event_ns: int
    updated_at: datetime


SELECT_PROGRESS: Final = """
SELECT topic, partition, next_offset, max_event_ns, updated_at
FROM stream_offsets ORDER BY topic, partition
"""


async def select_progress(database: Database) -> list[PartitionProgress]:
    """Return every partition that was ever written, sorted."""
    rows = await database.fetch(SELECT_PROGRESS)
    return [PartitionProgress(**dict(row.items())) for row in rows]


# One probe a partition and shelf: lines leave in the order of their offsets.
SELECT_OLDEST_LINE: Final = """
SELECT min(kept.min_record_ms) FROM stream_offsets AS stored
CROSS JOIN LATERAL (
    SELECT min_record_ms FROM log_chunks
    WHERE topic = stored.topic AND partition = stored.partition
    ORDER BY first_offset LIMIT 1) AS kept
"""


async def select_oldest_line(database: Database) -> int | None:
    """Return the oldest record's time in ms, of the first lines that each partition has kept."""
    async with database.read_lines() as connection:
        oldest_ms: int | None = await connection.fetchval(SELECT_OLDEST_LINE)
    return oldest_ms


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Offsets [from, to) that will never be read."""

    topic: str
    partition: int
    from_offset: int
    to_offset: int
    reason: str


# Skipped offsets are transaction markers and compaction: by the thousand, and no loss.
SELECT_GAPS: Final = """
SELECT topic, partition, from_offset, to_offset, reason FROM offset_gaps
WHERE reason <> 'skipped' ORDER BY topic, partition, from_offset LIMIT 1000
"""


async def select_gaps(database: Database) -> list[Gap]:
    """Return the first thousand gaps that lost records."""
    return [Gap(**dict(row.items())) for row in await database.fetch(SELECT_GAPS)]


class DeadLetters(msgspec.Struct, frozen=True, kw_only=True):
    """How many records of a partition were refused for a reason, and not redriven since."""

    topic: str
    partition: int
    reason: str
    count: int


COUNT_DEAD_LETTERS: Final = """
SELECT topic, partition, reason, count(*) AS count FROM dead_letters
WHERE redriven_at IS NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


async def count_dead_letters(database: Database) -> list[DeadLetters]:
    """Return the dead letters by partition and reason."""
    return [DeadLetters(**dict(row.items())) for row in await database.fetch(COUNT_DEAD_LETTERS)]


class StoredDeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A refused record with the start of its value."""

    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    value_head: bytes
    value_bytes: int
    first_failed_at: datetime
    redriven_at: datetime | None


SELECT_DEAD_LETTERS: Final = """
SELECT topic, partition, "offset", reason, detail, value_head, value_bytes, first_failed_at,
       redriven_at
FROM dead_letters
WHERE ($1::text IS NULL OR topic = $1) AND (topic, partition, "offset") > ($2, $3, $4)
ORDER BY topic, partition, "offset" LIMIT $5
"""


async def select_dead_letters(
    database: Database, topic: str | None, after: tuple[str, int, int] | None, limit: int
) -> list[StoredDeadLetter]:
    """Return dead letters in the order of their coordinates."""
    place = after or ("", -1, -1)
    rows = await database.fetch(SELECT_DEAD_LETTERS, topic, *place, limit)
    return [StoredDeadLetter(**dict(row.items())) for row in rows]
