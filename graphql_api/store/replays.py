"""Reads of replays: what was asked for, and how far each has come."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from graphql_api.store.database import MAX_MISSED, Database


class StoredReplay(msgspec.Struct, frozen=True, kw_only=True):
    """A replay; `blocks` is None until it is planned."""

    run_id: str
    topic: str
    partition: int | None
    from_bound: str | None
    to_bound: str | None
    is_retriage: bool
    is_dry_run: bool
    state: str
    requested_by: str
    requested_at: datetime
    started_at: datetime | None
    heartbeat_at: datetime | None
    ended_at: datetime | None
    error: str | None
    blocks: int | None
    done_blocks: int
    changed_blocks: int
    records: int
    retriaged: int
    updated_at: datetime


SELECT_REPLAY_FIELDS: Final = """
SELECT run_id, topic, partition, from_bound, to_bound, is_retriage, is_dry_run, state,
       requested_by, requested_at, started_at, heartbeat_at, ended_at, error, blocks, done_blocks,
       changed_blocks, records, retriaged, updated_at
FROM replay_runs
"""
SELECT_REPLAY: Final = SELECT_REPLAY_FIELDS + "WHERE run_id = $1"


async def select_replay(database: Database, run_id: str) -> StoredReplay | None:
    """Return a replay, None when there is none."""
    row = await database.fetchrow(SELECT_REPLAY, run_id)
    return None if row is None else StoredReplay(**dict(row.items()))


class ReplayFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which replays are wanted; None means all."""

    topic: str | None
    states: frozenset[str] | None


SELECT_REPLAYS: Final = (
    SELECT_REPLAY_FIELDS
    + """
WHERE ($1::text IS NULL OR topic = $1)
  AND ($2::text[] IS NULL OR state = ANY ($2))
  AND ($3::timestamptz IS NULL OR (requested_at, run_id) < ($3, $4))
ORDER BY requested_at DESC, run_id DESC LIMIT $5
"""
)


async def select_replays(
    database: Database, wanted: ReplayFilter, after: tuple[datetime, str] | None, limit: int
) -> list[StoredReplay]:
    """Return replays, those asked for last first, ties by id."""
    states = None if wanted.states is None else sorted(wanted.states)
    place = after or (None, None)
    rows = await database.fetch(SELECT_REPLAYS, wanted.topic, states, *place, limit)
    return [StoredReplay(**dict(row.items())) for row in rows]


SELECT_REPLAYS_AT: Final = (
    SELECT_REPLAY_FIELDS
    + """
WHERE run_id = ANY ($1::text[]) ORDER BY updated_at, run_id
"""
)


async def select_replays_at(database: Database, run_ids: Sequence[str]) -> list[StoredReplay]:
    """Return those of the replays that there are, the one that went on last at the end."""
    rows = await database.fetch(SELECT_REPLAYS_AT, list(run_ids))
    return [StoredReplay(**dict(row.items())) for row in rows]


SELECT_PROGRESSED_SINCE: Final = """
SELECT run_id FROM replay_runs
WHERE updated_at >= $1::timestamptz - interval '5 seconds'
ORDER BY updated_at DESC LIMIT $2
"""


async def select_progressed_since(database: Database, moment: datetime) -> list[str]:
    """Return the replays that went on since shortly before a moment, oldest first.

    Shortly before: a transaction's time is that of its start, and it may have committed later. Of
    more than MAX_MISSED the last ones.
    """
    rows = await database.fetch(SELECT_PROGRESSED_SINCE, moment, MAX_MISSED)
    return [row["run_id"] for row in reversed(rows)]
