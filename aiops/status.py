"""What an operator wants to know: how far each partition is, and what went wrong."""

import asyncio
from typing import Final

import asyncpg
import msgspec

from aiops.topics import PartitionEnds, partition_ends
from schemas.db.pool import CONNECT_TIMEOUT_S
from schemas.errors import TransientError
from schemas.settings import Settings
from schemas.topics import SOURCE_TOPICS


class PartitionLag(msgspec.Struct, frozen=True, kw_only=True):
    """How far a partition is stored, and how far the broker's log goes."""

    topic: str
    partition: int
    next_offset: int
    end: int
    lag: int


SELECT_OFFSETS: Final = "SELECT topic, partition, next_offset FROM stream_offsets"


async def partition_lags(settings: Settings) -> list[PartitionLag]:
    """Return the lag of each partition of the source topics, in order.

    Raises:
        TransientError: the broker or Postgres does not answer.
    """
    topics = [spec.name for spec in SOURCE_TOPICS]
    ends = await asyncio.to_thread(partition_ends, settings.kafka_bootstrap, topics)
    try:
        connection = await asyncpg.connect(settings.postgres_dsn, timeout=CONNECT_TIMEOUT_S)
    except (OSError, asyncpg.PostgresError) as exc:
        raise TransientError(f"Postgres does not answer (AIOPS_POSTGRES_DSN): {exc}") from exc
    try:
        rows = await connection.fetch(SELECT_OFFSETS)
    finally:
        await connection.close()
    stored = {(row["topic"], row["partition"]): int(row["next_offset"]) for row in rows}
    return [_lag(one, stored.get((one.topic, one.partition), one.beginning)) for one in ends]


def _lag(ends: PartitionEnds, next_offset: int) -> PartitionLag:
    return PartitionLag(
        topic=ends.topic,
        partition=ends.partition,
        next_offset=next_offset,
        end=ends.end,
        lag=max(ends.end - next_offset, 0),
    )
