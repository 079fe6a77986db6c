"""The fence: a partition's next offset, locked and advanced with the rows it stands for."""

from typing import Final
from uuid import UUID

import msgspec

from schemas.db.pool import Connection
from schemas.errors import AiOpsError, ConfigError, OffsetFenceError

PROGRESS_CHANNEL: Final = "aiops_progress"


class OutdatedClaimError(AiOpsError):
    """The group shares its partitions anew: what is claimed now may be another worker's already."""


class OffsetSpan(msgspec.Struct, frozen=True, kw_only=True):
    """The offsets [first, end) of one partition that a write covers."""

    topic: str
    partition: int
    first: int
    end: int


class PartitionRange(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker has of a partition: [beginning, end) offsets; `topic_id` None if unknown."""

    topic: str
    partition: int
    beginning: int
    end: int
    topic_id: UUID | None = None


CLAIM_PARTITION: Final = """
INSERT INTO stream_offsets AS stored
    (topic, partition, topic_id, first_offset, next_offset, writer)
VALUES ($1, $2, $3, $4, $4, $5)
ON CONFLICT (topic, partition) DO UPDATE
SET writer = EXCLUDED.writer, topic_id = coalesce(stored.topic_id, EXCLUDED.topic_id)
RETURNING next_offset, topic_id
"""


async def claim_partition(connection: Connection, held: PartitionRange, writer: UUID) -> int:
    """Make `writer` the only one that may write the partition; return the offset to read next.

    A partition never seen starts at the beginning of the log. Offsets that retention has cut off
    are recorded as a gap and skipped. Call it within a transaction; repeating is safe.

    Raises:
        ConfigError: the topic was deleted and made anew since its records were stored.
    """
    row = await connection.fetchrow(
        CLAIM_PARTITION, held.topic, held.partition, held.topic_id, held.beginning, writer
    )
    assert row is not None  # noqa: S101 - an upsert returns its row
    next_offset: int = row["next_offset"]
    made_anew = held.topic_id is not None and row["topic_id"] not in (None, held.topic_id)
    if made_anew or next_offset > held.end:
        raise ConfigError(
            f"topic {held.topic} was deleted and made anew: partition {held.partition} ends at "
            f"{held.end}, but {next_offset} offsets of the former one are stored; "
            f"run `aiops topics forget {held.topic}` to drop what was stored and start again"
        )
    if next_offset >= held.beginning:
        return next_offset
    await insert_gap(connection, held, to_offset=held.beginning, from_offset=next_offset)
    await connection.execute(SKIP_TO, held.topic, held.partition, held.beginning)
    return held.beginning


SKIP_TO: Final = """
UPDATE stream_offsets SET next_offset = $3, updated_at = now() WHERE topic = $1 AND partition = $2
"""

INSERT_GAP: Final = """
INSERT INTO offset_gaps (topic, partition, from_offset, to_offset, reason)
VALUES ($1, $2, $3, $4, 'retention')
ON CONFLICT (topic, partition, from_offset) DO NOTHING
"""


async def insert_gap(
    connection: Connection, held: PartitionRange, *, from_offset: int, to_offset: int
) -> None:
    """Record that [from_offset, to_offset) was cut off by retention before it was read."""
    await connection.execute(INSERT_GAP, held.topic, held.partition, from_offset, to_offset)


LOCK_OFFSET: Final = """
SELECT next_offset, writer FROM stream_offsets
WHERE topic = $1 AND partition = $2
FOR UPDATE
"""


async def lock_offset(connection: Connection, topic: str, partition: int, writer: UUID) -> int:
    """Lock the partition's row until the transaction ends; return its next offset.

    Raises:
        OffsetFenceError: the partition was given to another writer since.
    """
    row = await connection.fetchrow(LOCK_OFFSET, topic, partition)
    if row is None or row["writer"] != writer:
        raise OffsetFenceError(topic=topic, partition=partition)
    next_offset: int = row["next_offset"]
    return next_offset


class StoredRange(msgspec.Struct, frozen=True, kw_only=True):
    """The offsets [first, next) of a partition that are stored."""

    first: int
    next: int


SELECT_STORED_RANGE: Final = """
SELECT first_offset, next_offset FROM stream_offsets WHERE topic = $1 AND partition = $2
"""

LOCK_STORED_RANGE: Final = SELECT_STORED_RANGE + "FOR UPDATE"


async def select_stored_range(
    connection: Connection, topic: str, partition: int
) -> StoredRange | None:
    """Return what is stored of a partition, None before its first batch."""
    row = await connection.fetchrow(SELECT_STORED_RANGE, topic, partition)
    return None if row is None else StoredRange(first=row["first_offset"], next=row["next_offset"])


async def lock_stored_range(
    connection: Connection, topic: str, partition: int
) -> StoredRange | None:
    """Return what is stored of a partition and keep its writer out until the transaction ends."""
    row = await connection.fetchrow(LOCK_STORED_RANGE, topic, partition)
    return None if row is None else StoredRange(first=row["first_offset"], next=row["next_offset"])


SELECT_NEXT_OFFSETS: Final = "SELECT partition, next_offset FROM stream_offsets WHERE topic = $1"


async def select_next_offsets(connection: Connection, topic: str) -> dict[int, int]:
    """Return how far each partition of the topic is stored."""
    rows = await connection.fetch(SELECT_NEXT_OFFSETS, topic)
    return {row["partition"]: row["next_offset"] for row in rows}


ADVANCE_OFFSET: Final = """
WITH advanced AS (
    UPDATE stream_offsets
    SET next_offset = $3, max_event_ns = greatest(max_event_ns, $4), updated_at = now()
    WHERE topic = $1 AND partition = $2 AND writer = $5
    RETURNING next_offset)
SELECT next_offset, pg_notify($6, $7) FROM advanced
"""


async def advance_offset(
    connection: Connection, span: OffsetSpan, *, max_event_ns: int, writer: UUID
) -> None:
    """Store that the partition stands at `span.end`, in the transaction of the rows up to there.

    Listeners hear of it when the transaction is committed.

    Raises:
        OffsetFenceError: the partition was given to another writer since.
    """
    progress = {"topic": span.topic, "partition": span.partition, "next_offset": span.end}
    advanced = await connection.fetchrow(
        ADVANCE_OFFSET,
        span.topic,
        span.partition,
        span.end,
        max_event_ns,
        writer,
        PROGRESS_CHANNEL,
        msgspec.json.encode(progress).decode(),
    )
    if advanced is None:
        raise OffsetFenceError(topic=span.topic, partition=span.partition)
