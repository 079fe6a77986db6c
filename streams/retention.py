"""Retention: begins shelves for new lines and drops those whose lines are all too old."""

from collections.abc import Awaitable

import asyncpg
import structlog

from schemas.db.pool import Connection
from schemas.errors import ConfigError
from schemas.telemetry import SHELVES_DROPPED, SHELVES_KEPT, SHELVES_OVERDUE
from streams.domain.retention import is_full, past_retention, settled
from streams.store.expired_lines import expire_lines, select_dropped_ends
from streams.store.shelves import (
    begin_shelf,
    drop_shelf,
    select_now,
    select_shelves,
    update_newest_records,
)

log = structlog.get_logger()


class Retention:
    """Keeps lines for so many days; counts, templates and summaries stay for good."""

    def __init__(self, connection: Connection, retention_days: int) -> None:
        self._connection = connection
        self._days = retention_days

    async def run_cycle(self) -> bool:
        """Do what is due; nothing more is right after it.

        Raises:
            ConfigError: the user may not make or drop partitions.
        """
        try:
            await self._run_cycle()
        except asyncpg.InsufficientPrivilegeError as exc:
            raise ConfigError(
                f"the finalizer's database user must own the tables to drop old lines: {exc}",
                setting="AIOPS_RETENTION_DAYS",
            ) from exc
        return False

    async def _run_cycle(self) -> None:
        now = await select_now(self._connection)
        shelves = await select_shelves(self._connection)
        if is_full(shelves[-1], now, self._days):
            await begin_shelf(self._connection, shelves[-1])
            log.info("shelf_begun", shelf=shelves[-1].shelf + 1)
        await update_newest_records(self._connection, settled(shelves, now))
        overdue = 0
        for shelf in past_retention(shelves, now, self._days):
            if await _is_let(drop_shelf(self._connection, shelf), shelf.shelf):
                SHELVES_DROPPED.inc()
                log.info("shelf_dropped", shelf=shelf.shelf, begun_at=shelf.begun_at.isoformat())
            else:
                overdue += 1
        for end in await select_dropped_ends(self._connection):
            await _is_let(expire_lines(self._connection, end), end.shelf)
        SHELVES_KEPT.set(len(await select_shelves(self._connection)))
        SHELVES_OVERDUE.set(overdue)


async def _is_let(dropping: Awaitable[bool], shelf: int) -> bool:
    """Tell whether lines could be dropped now; if not, the next cycle tries again."""
    try:
        is_done = await dropping
    except asyncpg.LockNotAvailableError:
        log.info("lines_kept", shelf=shelf, reason="a query or a writer holds them")
        return False
    if not is_done:
        log.info("lines_kept", shelf=shelf, reason="a replay is running")
    return is_done
