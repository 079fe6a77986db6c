"""What an operator wants to know: how far each partition is, and what went wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from aiops.topics import PartitionEnds, partition_ends
from schemas.db.locks import REPLAY_RUNS
from schemas.db.pool import CONNECT_TIMEOUT_S, Connection
from schemas.errors import TransientError
from schemas.settings import Settings
from schemas.topics import SOURCE_TOPICS


class PartitionLag(msgspec.Struct, frozen=True, kw_only=True):
    """How far a partition is stored, and how far the broker's log goes.

    `newest_event` is the newest event time stored, `stored_at` when the last batch was; both None
    before the first batch. `lag_s` is how long the partition has been standing with a lag, 0
    without one.
    """

    topic: str
    partition: int
    next_offset: int
    end: int
    lag: int
    lag_s: float
    newest_event: datetime | None
    stored_at: datetime | None


class DeadLetterCount(msgspec.Struct, frozen=True, kw_only=True):
    """Records of a topic that were rejected for one reason, and not redriven since."""

    topic: str
    reason: str
    records: int


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Offsets [from_offset, to_offset) that retention cut off before they were read."""

    topic: str
    partition: int
    from_offset: int
    to_offset: int


class WindowCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Window summaries: complete ones, ones that may still grow, and those to be recomputed."""

    closed: int
    open: int
    dirty: int


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A replay that has not ended, or one of the last; `blocks` is None until it is planned.

    `is_interrupted` tells that no process runs it: one that was asked for over the API goes on by
    itself, the others with `aiops replay --resume`.
    """

    run_id: str
    topic: str
    partition: int | None
    state: str
    is_interrupted: bool
    is_attended: bool
    is_dry_run: bool
    is_retriage: bool
    requested_by: str
    requested_at: datetime
    heartbeat_at: datetime | None
    ended_at: datetime | None
    blocks: int | None
    done_blocks: int
    changed_blocks: int
    records: int
    error: str | None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the whole pipeline."""

    partitions: list[PartitionLag]
    dead_letters: list[DeadLetterCount]
    gaps: list[Gap]
    windows: WindowCounts
    replays: list[Replay]
    # The oldest lines were stored then; None while all lines are still there.
    lines_since: datetime | None

    @property
    def lag(self) -> int:
        """Return all records that are not stored yet."""
        return sum(partition.lag for partition in self.partitions)


async def read_status(settings: Settings) -> Status:
    """Return the state of the pipeline.

    Raises:
        TransientError: the broker or Postgres does not answer.
    """
    topics = [spec.name for spec in SOURCE_TOPICS]
    ends = await asyncio.to_thread(partition_ends, settings.kafka_bootstrap, topics)
    async with _connected(settings) as connection:
        return Status(
            partitions=await _select_lags(connection, ends),
            dead_letters=[
                DeadLetterCount(**dict(row)) for row in await connection.fetch(SELECT_DEAD_LETTERS)
            ],
            gaps=[Gap(**dict(row)) for row in await connection.fetch(SELECT_GAPS)],
            windows=await _select_windows(connection),
            replays=await _select_replays(connection),
            lines_since=await connection.fetchval(SELECT_LINES_SINCE),
        )


SELECT_LINES_SINCE: Final = """
SELECT begun_at FROM log_shelves
WHERE EXISTS (SELECT FROM log_gone_lines) ORDER BY shelf LIMIT 1
"""


SELECT_DEAD_LETTERS: Final = """
SELECT topic, reason, count(*) AS records FROM dead_letters WHERE redriven_at IS NULL
GROUP BY topic, reason ORDER BY topic, reason
"""
SELECT_GAPS: Final = """
SELECT topic, partition, from_offset, to_offset FROM offset_gaps
WHERE reason = 'retention' ORDER BY topic, partition, from_offset
"""
SELECT_WINDOWS: Final = """
SELECT count(*) FILTER (WHERE NOT is_open) AS closed, count(*) FILTER (WHERE is_open) AS open,
       (SELECT count(DISTINCT (service, start_ns)) FROM log_dirty_windows) AS dirty
FROM log_window_summaries
"""


async def _select_windows(connection: Connection) -> WindowCounts:
    row = await connection.fetchrow(SELECT_WINDOWS)
    assert row is not None  # noqa: S101 - an aggregate returns its row
    return WindowCounts(**dict(row))


# Those that have not ended come first.
SELECT_REPLAYS: Final = """
SELECT run_id, topic, partition, state,
       state = 'running' AND NOT has_replay_process(run_id, $1) AS is_interrupted,
       is_attended, is_dry_run, is_retriage, requested_by, requested_at, heartbeat_at, ended_at,
       blocks, done_blocks, changed_blocks, records, error
FROM replay_runs
ORDER BY state IN ('requested', 'running') DESC, requested_at DESC, run_id LIMIT 10
"""


async def _select_replays(connection: Connection) -> list[Replay]:
    rows = await connection.fetch(SELECT_REPLAYS, REPLAY_RUNS)
    return [Replay(**dict(row)) for row in rows]


SELECT_OFFSETS: Final = """
SELECT topic, partition, next_offset, updated_at AS stored_at,
       extract(epoch FROM now() - updated_at)::float8 AS standing_s,
       CASE WHEN max_event_ns > 0
           THEN to_timestamp(max_event_ns / 1000000000.0) END AS newest_event
FROM stream_offsets
"""


async def partition_lags(settings: Settings) -> list[PartitionLag]:
    """Return the lag of each partition of the source topics, in order.

    Raises:
        TransientError: the broker or Postgres does not answer.
    """
    return (await read_status(settings)).partitions


async def _select_lags(connection: Connection, ends: list[PartitionEnds]) -> list[PartitionLag]:
    rows = await connection.fetch(SELECT_OFFSETS)
    stored = {(row["topic"], row["partition"]): row for row in rows}
    return [_lag(one, stored.get((one.topic, one.partition))) for one in ends]


def _lag(ends: PartitionEnds, stored: asyncpg.Record | None) -> PartitionLag:
    next_offset = ends.beginning if stored is None else stored["next_offset"]
    lag = max(ends.end - next_offset, 0)
    return PartitionLag(
        topic=ends.topic,
        partition=ends.partition,
        next_offset=next_offset,
        end=ends.end,
        lag=lag,
        lag_s=round(stored["standing_s"], 1) if stored and lag else 0.0,
        newest_event=stored["newest_event"] if stored else None,
        stored_at=stored["stored_at"] if stored else None,
    )


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[Connection]:
    try:
        connection = await asyncpg.connect(settings.postgres_dsn, timeout=CONNECT_TIMEOUT_S)
    except (OSError, asyncpg.PostgresError) as exc:
        raise TransientError(f"Postgres does not answer (AIOPS_POSTGRES_DSN): {exc}") from exc
    try:
        yield connection
    finally:
        await connection.close()
