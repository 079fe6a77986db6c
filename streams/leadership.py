"""One leader at a time for work that must not be done twice at once: an advisory lock."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import structlog

from schemas.db.pool import Connection, Pool
from streams.retrying import is_transient

log = structlog.get_logger()

RETRY_DELAY_S: Final = 2.0

# Does what there is to do; tells whether there is more right now.
RunCycle: TypeAlias = Callable[[], Awaitable[bool]]


async def lead(
    pool: Pool,
    lock: int,
    create: Callable[[Connection], RunCycle],
    *,
    stopping: asyncio.Event,
    interval_s: float,
) -> None:
    """Run cycles while this process holds the lock, until the event is set.

    `create` makes the cycle anew for each leadership: nothing is remembered beyond one. A database
    that goes away costs the leadership; another process, or this one, takes it again.
    """
    while not stopping.is_set():
        try:
            async with pool.acquire() as connection:
                if await connection.fetchval("SELECT pg_try_advisory_lock($1)", lock):
                    await _run_cycles(connection, lock, create(connection), stopping, interval_s)
        except Exception as exc:
            if not is_transient(exc):
                raise
            log.warning("leader_interrupted", lock=lock, error=repr(exc))
        await _pause(stopping, RETRY_DELAY_S)


async def _run_cycles(
    connection: Connection,
    lock: int,
    run_cycle: RunCycle,
    stopping: asyncio.Event,
    interval_s: float,
) -> None:
    log.info("leader_started", lock=lock)
    try:
        while not stopping.is_set():
            if not await run_cycle():
                await _pause(stopping, interval_s)
    finally:
        # A connection that is gone has freed the lock already.
        with contextlib.suppress(Exception):
            await connection.execute("SELECT pg_advisory_unlock($1)", lock)


async def _pause(stopping: asyncio.Event, duration_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), duration_s)
