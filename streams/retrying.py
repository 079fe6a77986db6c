"""Repeat what failed for a passing reason: capped back-off, in place, as long as it takes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import asyncpg
import structlog

from schemas.db.pool import CONNECTION_ERRORS
from schemas.errors import TransientError
from schemas.telemetry import RETRIES

log = structlog.get_logger()

FIRST_DELAY_S: Final = 0.1
MAX_DELAY_S: Final = 5.0

# SQLSTATE classes: connection, rollback (serialization, deadlock), insufficient resources (disk
# full, too many connections), operator intervention (shutdown); and single codes.
_TRANSIENT_CLASSES: Final = frozenset({"08", "40", "53", "57"})
_TRANSIENT_CODES: Final = frozenset(
    {
        "25P03",  # idle in transaction for too long: cut off from the server for a while
        "25006",  # read-only transaction: a standby, soon to be promoted or left
        "55P03",  # lock not available
        "58030",  # I/O error
    }
)

_T = TypeVar("_T")


def is_transient(exc: BaseException) -> bool:
    """Tell whether the same work may succeed later, by class and SQLSTATE, never by text."""
    if isinstance(exc, asyncpg.PostgresError):
        code = str(exc.sqlstate or "")
        return code[:2] in _TRANSIENT_CLASSES or code in _TRANSIENT_CODES
    return isinstance(exc, (*CONNECTION_ERRORS, TransientError))


def _is_cancelled() -> bool:
    """Tell whether the present task was told to end, by a time limit too."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def retry_transient(
    operation: str,
    attempt: Callable[[], Awaitable[_T]],
    *,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> _T:
    """Return what `attempt` returns, repeating it while it fails for a passing reason.

    Any other exception leaves at once. Cancelling ends the wait. Tests give a `pause` of their own.
    """
    delay_s = FIRST_DELAY_S
    while True:
        try:
            return await attempt()
        except Exception as exc:
            if not is_transient(exc):
                raise
            if _is_cancelled():
                # It is the cleaning up that failed: a rollback on a connection that is gone.
                raise asyncio.CancelledError from exc
            RETRIES.labels(operation).inc()
            log.warning("attempt_failed", operation=operation, error=repr(exc), delay_s=delay_s)
        await pause(delay_s)
        delay_s = min(delay_s * 2, MAX_DELAY_S)
