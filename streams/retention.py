"""Retention: begins shelves for new lines and drops those whose lines are all too old."""

import asyncpg
import structlog

from schemas.db.pool import Connection
from schemas.errors import ConfigError
from schemas.telemetry import SHELVES_DROPPED, SHELVES_KEPT, SHELVES_OVERDUE
from streams.domain.retention import Shelf, is_full, past_retention, settled
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
            overdue += not await self._try_to_drop(shelf)
        SHELVES_KEPT.set(len(await select_shelves(self._connection)))
        SHELVES_OVERDUE.set(overdue)

    async def _try_to_drop(self, shelf: Shelf) -> bool:
        try:
            is_dropped = await drop_shelf(self._connection, shelf)
        except asyncpg.LockNotAvailableError:
            log.info("shelf_kept", shelf=shelf.shelf, reason="a query reads it")
            return False
        if not is_dropped:
            log.info("shelf_kept", shelf=shelf.shelf, reason="a replay is running")
            return False
        SHELVES_DROPPED.inc()
        log.info("shelf_dropped", shelf=shelf.shelf, begun_at=shelf.begun_at.isoformat())
        return True
