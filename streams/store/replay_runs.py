"""Replays as rows: who asked for what, who runs it, and how far it has come.

A run belongs to the process that claimed it last: its token fences off all others.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from schemas.db.locks import REPLAY_RUNS
from schemas.db.pool import Connection
from schemas.errors import AiOpsError
from schemas.events import ReplayStartEvent
from streams.store.tickets import TicketKey

REPLAYS_CHANNEL: Final = "aiops_replays"

REQUESTED: Final = "requested"
RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"  # a bug of ours, or a process that died again and again
REFUSED: Final = "refused"  # retention has cut into it, or there is no such topic
CANCELLED: Final = "cancelled"


class RunLostError(AiOpsError):
    """The run was cancelled, or is another process's now: write nothing more."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"replay {run_id} is not this process's any more")


class ReplayRun(msgspec.Struct, frozen=True, kw_only=True):
    """A replay; `blocks` is None until it is planned."""

    run_id: str
    topic: str
    partition: int | None
    from_bound: str | None
    to_bound: str | None
    is_retriage: bool
    is_dry_run: bool
    is_attended: bool
    requested_by: str
    requested_at: datetime
    state: str
    started_at: datetime | None
    heartbeat_at: datetime | None
    ended_at: datetime | None
    error: str | None
    blocks: int | None
    done_blocks: int
    changed_blocks: int
    records: int
    retriaged: int


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """A replay that was asked for, and whether somebody watches it on a terminal."""

    run_id: str
    asked: ReplayStartEvent
    requested_at: datetime
    is_attended: bool


INSERT_RUN: Final = """
WITH new AS (
    INSERT INTO replay_runs (run_id, topic, partition, from_bound, to_bound, is_retriage,
                             is_dry_run, is_attended, requested_by, requested_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (run_id) DO NOTHING
    RETURNING run_id)
SELECT pg_notify($11, json_build_object('run_id', run_id)::text) FROM new
"""


async def insert_run(connection: Connection, new: NewRun) -> None:
    """Store what was asked for; repeating is safe."""
    asked = new.asked
    await connection.execute(
        INSERT_RUN,
        new.run_id,
        asked.topic,
        asked.partition,
        asked.from_bound,
        asked.to_bound,
        asked.is_retriage,
        asked.is_dry_run,
        new.is_attended,
        asked.requested_by,
        new.requested_at,
        REPLAYS_CHANNEL,
    )


SELECT_RUN: Final = """
SELECT run_id, topic, partition, from_bound, to_bound, is_retriage, is_dry_run, is_attended,
       requested_by, requested_at, state, started_at, heartbeat_at, ended_at, error, blocks,
       done_blocks, changed_blocks, records, retriaged
FROM replay_runs WHERE run_id = $1
"""


async def select_run(connection: Connection, run_id: str) -> ReplayRun | None:
    """Return a run, None when there is none."""
    row = await connection.fetchrow(SELECT_RUN, run_id)
    return None if row is None else ReplayRun(**dict(row))


# Of the session: freed when the process dies, whatever it was doing.
LOCK_RUN: Final = "SELECT pg_try_advisory_lock($1, hashtext($2))"
UNLOCK_RUN: Final = "SELECT pg_advisory_unlock($1, hashtext($2))"


async def lock_run(connection: Connection, run_id: str) -> bool:
    """Keep other processes from running it for as long as the connection lasts, if none does."""
    return bool(await connection.fetchval(LOCK_RUN, REPLAY_RUNS, run_id))


async def unlock_run(connection: Connection, run_id: str) -> None:
    """Let other processes run it."""
    await connection.execute(UNLOCK_RUN, REPLAY_RUNS, run_id)


CLAIM_RUN: Final = """
WITH claimed AS (
    UPDATE replay_runs
    SET state = 'running', runner = $2, started_at = coalesce(started_at, now()),
        heartbeat_at = now(), ended_at = NULL, error = NULL, updated_at = now()
    WHERE run_id = $1 AND state IN ('requested', 'running', 'failed')
    RETURNING run_id)
SELECT run_id, pg_notify($3, json_build_object('run_id', run_id)::text) FROM claimed
"""


async def claim_run(connection: Connection, run_id: str, runner: UUID) -> bool:
    """Make `runner` the only one that may go on with it; False when it has ended for good."""
    row = await connection.fetchrow(CLAIM_RUN, run_id, runner, REPLAYS_CHANNEL)
    return row is not None


INSERT_BLOCKS: Final = """
INSERT INTO replay_blocks (run_id, partition, block)
SELECT $1, * FROM unnest($2::integer[], $3::bigint[])
"""
SET_PLANNED: Final = """
WITH planned AS (
    UPDATE replay_runs SET blocks = $3, heartbeat_at = now(), updated_at = now()
    WHERE run_id = $1 AND runner = $2 AND state = 'running' AND blocks IS NULL
    RETURNING run_id)
SELECT run_id, pg_notify($4, json_build_object('run_id', run_id)::text) FROM planned
"""


async def insert_plan(
    connection: Connection, run_id: str, runner: UUID, blocks: Sequence[tuple[int, int]]
) -> None:
    """Store which (partition, block) there are to do, once, within the caller's transaction.

    Raises:
        RunLostError: the run is not this runner's any more.
    """
    row = await connection.fetchrow(SET_PLANNED, run_id, runner, len(blocks), REPLAYS_CHANNEL)
    if row is None:
        raise RunLostError(run_id)
    if blocks:
        await connection.execute(INSERT_BLOCKS, run_id, *zip(*blocks, strict=True))


SELECT_OPEN_BLOCKS: Final = """
SELECT partition, block FROM replay_blocks WHERE run_id = $1 AND NOT is_done
ORDER BY partition, block
"""


async def select_open_blocks(connection: Connection, run_id: str) -> list[tuple[int, int]]:
    """Return the (partition, block) that are still to do, in order."""
    rows = await connection.fetch(SELECT_OPEN_BLOCKS, run_id)
    return [(row["partition"], row["block"]) for row in rows]


class DoneBlock(msgspec.Struct, frozen=True, kw_only=True):
    """What replaying a block of a run did."""

    partition: int
    block: int
    records: int
    is_changed: bool
    retriaged: frozenset[TicketKey]


INSERT_RETRIAGES: Final = """
WITH new AS (
    INSERT INTO replay_retriages (run_id, project, ticket_id)
    SELECT $1, * FROM unnest($2::text[], $3::text[])
    ON CONFLICT DO NOTHING
    RETURNING 1)
SELECT count(*) FROM new
"""
MARK_BLOCK: Final = """
WITH marked AS (
    UPDATE replay_blocks SET is_done = true
    WHERE run_id = $1 AND partition = $2 AND block = $3 AND NOT is_done
    RETURNING run_id),
counted AS (
    UPDATE replay_runs AS run
    SET done_blocks = done_blocks + 1, changed_blocks = changed_blocks + $4::boolean::integer,
        records = records + $5, retriaged = retriaged + $6, attempts = 0,
        heartbeat_at = now(), updated_at = now()
    FROM marked
    WHERE run.run_id = marked.run_id AND run.runner = $7 AND run.state = 'running'
    RETURNING run.run_id)
SELECT run_id, pg_notify($8, json_build_object('run_id', run_id)::text) FROM counted
"""


async def mark_block_done(
    connection: Connection, run_id: str, runner: UUID, done: DoneBlock
) -> None:
    """Count a block, once, in the transaction that replaces it.

    Raises:
        RunLostError: the run is not this runner's any more, or the block was done by another.
    """
    row = await connection.fetchrow(
        MARK_BLOCK,
        run_id,
        done.partition,
        done.block,
        done.is_changed,
        done.records,
        await _insert_retriages(connection, run_id, done.retriaged),
        runner,
        REPLAYS_CHANNEL,
    )
    if row is None:
        raise RunLostError(run_id)


async def _insert_retriages(connection: Connection, run_id: str, keys: Iterable[TicketKey]) -> int:
    ordered = sorted(keys)
    if not ordered:
        return 0
    projects = [key.project for key in ordered]
    ticket_ids = [key.ticket_id for key in ordered]
    return int(await connection.fetchval(INSERT_RETRIAGES, run_id, projects, ticket_ids))


UPDATE_HEARTBEAT: Final = """
UPDATE replay_runs SET heartbeat_at = now()
WHERE run_id = $1 AND runner = $2 AND state = 'running'
RETURNING run_id
"""


async def beat(connection: Connection, run_id: str, runner: UUID) -> None:
    """Note that the run is alive.

    Raises:
        RunLostError: it is not this runner's any more.
    """
    if await connection.fetchval(UPDATE_HEARTBEAT, run_id, runner) is None:
        raise RunLostError(run_id)


END_RUN: Final = """
WITH ended AS (
    UPDATE replay_runs SET state = $3, error = $4, ended_at = now(), updated_at = now()
    WHERE run_id = $1 AND runner = $2 AND state = 'running'
    RETURNING run_id)
SELECT run_id, pg_notify($5, json_build_object('run_id', run_id)::text) FROM ended
"""
DELETE_PLAN: Final = "DELETE FROM replay_blocks WHERE run_id = $1"
DELETE_RETRIAGES: Final = "DELETE FROM replay_retriages WHERE run_id = $1"


async def end_run(
    connection: Connection, run_id: str, runner: UUID, state: str, error: str | None = None
) -> None:
    """Note how the run ended, within the caller's transaction; nothing when it is another's.

    What failed may be resumed, and keeps its plan.
    """
    ended = await connection.fetchrow(END_RUN, run_id, runner, state, error, REPLAYS_CHANNEL)
    if ended is not None and state != FAILED:
        await _delete_plan(connection, run_id)


CANCEL_RUN: Final = """
WITH ended AS (
    UPDATE replay_runs SET state = 'cancelled', ended_at = now(), updated_at = now()
    WHERE run_id = $1 AND state IN ('requested', 'running', 'failed')
    RETURNING run_id)
SELECT run_id, pg_notify($2, json_build_object('run_id', run_id)::text) FROM ended
"""


async def cancel_run(connection: Connection, run_id: str) -> None:
    """End a run that has not ended, within the caller's transaction; repeating is safe.

    Its process learns of it with the next block, which it does not write.
    """
    if await connection.fetchrow(CANCEL_RUN, run_id, REPLAYS_CHANNEL) is not None:
        await _delete_plan(connection, run_id)


async def _delete_plan(connection: Connection, run_id: str) -> None:
    await connection.execute(DELETE_PLAN, run_id)
    await connection.execute(DELETE_RETRIAGES, run_id)


DELETE_REQUESTED_RUNS: Final = "DELETE FROM replay_runs WHERE NOT is_attended"


async def delete_requested_runs(connection: Connection) -> None:
    """Remove the runs whose ids are places on the topic of requests, which was made anew."""
    await connection.execute(DELETE_REQUESTED_RUNS)
