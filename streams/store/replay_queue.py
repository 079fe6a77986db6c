"""Replays that were asked for and wait for a process of their own."""

from typing import Final

from schemas.db.locks import REPLAY_RUNS
from schemas.db.pool import Connection
from streams.store.replay_runs import REPLAYS_CHANNEL

# Also one whose process died; what somebody watched on a terminal is resumed by hand.
BEGIN_ATTEMPT: Final = """
UPDATE replay_runs SET attempts = attempts + 1
WHERE run_id = (
    SELECT run_id FROM replay_runs
    WHERE NOT is_attended AND state IN ('requested', 'running')
      AND NOT has_replay_process(run_id, $1)
    ORDER BY requested_at, run_id LIMIT 1)
RETURNING run_id, attempts
"""


async def begin_attempt(connection: Connection) -> tuple[str, int] | None:
    """Return the oldest run that waits for a process, and how many it has had in this block."""
    row = await connection.fetchrow(BEGIN_ATTEMPT, REPLAY_RUNS)
    return None if row is None else (row["run_id"], row["attempts"])


GIVE_UP: Final = """
WITH ended AS (
    UPDATE replay_runs SET state = 'failed', error = $2, ended_at = now(), updated_at = now()
    WHERE run_id = $1 AND state IN ('requested', 'running')
    RETURNING run_id)
SELECT run_id, pg_notify($3, json_build_object('run_id', run_id)::text) FROM ended
"""


async def give_up(connection: Connection, run_id: str, error: str) -> None:
    """End a run that no process gets on with."""
    await connection.execute(GIVE_UP, run_id, error, REPLAYS_CHANNEL)
