"""Starts a process for each replay that was asked for over the API, one at a time.

Replaying is decoding without a pause: in the finalizer's process summaries and changelogs would
have to wait for it.
"""

import asyncio
from typing import Final

import structlog

from schemas.db.pool import Connection
from streams.children import run_child
from streams.store.replay_queue import begin_attempt, give_up

log = structlog.get_logger()

# Processes that may die within one block before the replay is given up.
MAX_ATTEMPTS: Final = 5
STOP_TIMEOUT_S: Final = 5.0


class ReplayDispatcher:
    """Looks for replays that wait, or whose process died, and has them run."""

    def __init__(self, connection: Connection, stopping: asyncio.Event) -> None:
        self._connection = connection
        self._stopping = stopping

    async def run_cycle(self) -> bool:
        """Run the oldest replay that waits; tell whether there may be more right now."""
        waiting = await begin_attempt(self._connection)
        if waiting is None:
            return False
        run_id, attempts = waiting
        if attempts > MAX_ATTEMPTS:
            error = f"its process died {MAX_ATTEMPTS} times within one block"
            await give_up(self._connection, run_id, error)
            log.error("replay_given_up", run=run_id)
            return True
        arguments = ("replay", "--resume", run_id, "--in-background")
        status = await run_child(
            f"replay-{run_id}", arguments, self._stopping, stop_timeout_s=STOP_TIMEOUT_S
        )
        log.info("replay_process_ended", run=run_id, status=status)
        return status == 0
