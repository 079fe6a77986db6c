"""Starts a process for each replay that was asked for over the API, one at a time.

Replaying is decoding without a pause: in the finalizer's process summaries and changelogs would
have to wait for it.
"""

import asyncio
from typing import Final

import structlog

from schemas.db.locks import REPLAY_RUNS
from schemas.db.pool import Connection
from streams.children import run_child
from streams.store.replay_runs import REPLAYS_CHANNEL

log = structlog.get_logger()

# Processes that may die within one block before the replay is given up.
MAX_ATTEMPTS: Final = 5
STOP_TIMEOUT_S: Final = 5.0

# Also one whose process died; what somebody watched on a terminal is resumed by hand.
START_NEXT: Final = """
UPDATE replay_runs SET attempts = attempts + 1
WHERE run_id = (
    SELECT run_id FROM replay_runs
    WHERE NOT is_attended AND state IN ('requested', 'running')
      AND NOT has_replay_process(run_id, $1)
    ORDER BY requested_at, run_id LIMIT 1)
RETURNING run_id, attempts
"""
GIVE_UP: Final = """
WITH ended AS (
    UPDATE replay_runs SET state = 'failed', error = $2, ended_at = now(), updated_at = now()
    WHERE run_id = $1 AND state IN ('requested', 'running')
    RETURNING run_id)
SELECT run_id, pg_notify($3, json_build_object('run_id', run_id)::text) FROM ended
"""


class ReplayDispatcher:
    """Looks for replays that wait, or whose process died, and has them run."""

    def __init__(self, connection: Connection, stopping: asyncio.Event) -> None:
        self._connection = connection
        self._stopping = stopping

    async def run_cycle(self) -> bool:
        """Run the oldest replay that waits; tell whether there may be more right now."""
        row = await self._connection.fetchrow(START_NEXT, REPLAY_RUNS)
        if row is None:
            return False
        run_id, attempts = row["run_id"], row["attempts"]
        if attempts > MAX_ATTEMPTS:
            error = f"its process died {MAX_ATTEMPTS} times within one block"
            await self._connection.execute(GIVE_UP, run_id, error, REPLAYS_CHANNEL)
            log.error("replay_given_up", run=run_id)
            return True
        arguments = ("replay", "--resume", run_id, "--in-background")
        status = await run_child(
            f"replay-{run_id}", arguments, self._stopping, stop_timeout_s=STOP_TIMEOUT_S
        )
        log.info("replay_process_ended", run=run_id, status=status)
        return status == 0
