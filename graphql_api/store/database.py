"""Connections that survive Postgres being away: opened on demand, failures told as coded errors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import asyncpg

from graphql_api.store.loans import Lender, Loan, database_unavailable
from schemas.db.migrate import require_migrated
from schemas.db.pool import CONNECT_TIMEOUT_S, GENERIC_PLANS, Connection

# Of the changes that a feed may have missed, as many as it asks for at most.
MAX_MISSED: Final = 20_000
READER_ROLE: Final = "aiops_reader"
LINE_PLANS: Final = {
    "plan_cache_mode": GENERIC_PLANS,
    "enable_sort": "off",
    "enable_bitmapscan": "off",
}


async def _keep_state(_connection: Connection) -> None:
    """Nothing here changes a connection's state, so there is nothing to reset: a round trip less.

    The roles and timeouts are the connection's own start-up settings.
    """


class Database:
    """Pools: reads run as a role that cannot write, the rest as the owner.

    Reads of log lines have connections where each statement is planned once: left to itself
    Postgres plans anew each time what touches a few of many partitions, and takes longer for it
    than for the statement. A plan made once takes it that filters leave next to nothing, and would
    rather collect and sort all pieces than read an index in its order: it must do neither. Other
    reads depend on which filters are given.
    """

    def __init__(self, dsn: str, *, max_connections: int, statement_timeout_s: float) -> None:
        self._dsn = dsn
        self._max_connections = max_connections
        self._timeout_s = statement_timeout_s
        self._reader: Lender | None = None
        self._line_reader: Lender | None = None
        self._writer: Lender | None = None

    async def open(self) -> None:
        """Make the pools; nothing is connected yet, so this works while Postgres is away."""
        reading = {"role": READER_ROLE, "default_transaction_read_only": "on"}
        self._reader = await self._make_lender(self._max_connections, **reading)
        self._line_reader = await self._make_lender(self._max_connections, **reading, **LINE_PLANS)
        self._writer = await self._make_lender(max(2, self._max_connections // 2))

    async def close(self) -> None:
        """Close all pools at once: requests have ended by now."""
        for lender in (self._reader, self._line_reader, self._writer):
            if lender is not None:
                lender.terminate()

    async def _make_lender(self, max_size: int, **server_settings: str) -> Lender:
        timeout_ms = str(int(self._timeout_s * 1000))
        pool = await asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=max_size,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=self._timeout_s,
            reset=_keep_state,
            server_settings={
                "application_name": "aiops-api",
                "timezone": "UTC",
                "statement_timeout": timeout_ms,
                **server_settings,
            },
        )
        return Lender(pool)

    def read(self) -> Loan:
        """Lend a connection that cannot write."""
        return _opened(self._reader).loan()

    def read_lines(self) -> Loan:
        """Lend a connection that cannot write, for statements over log lines."""
        return _opened(self._line_reader).loan()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Connection]:
        """Lend a connection in a transaction of its own."""
        async with _opened(self._writer).loan() as connection, connection.transaction():
            yield connection

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Return the rows of a read."""
        async with self.read() as connection:
            return await connection.fetch(query, *arguments)

    async def fetchrow(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        """Return the first row of a read, None when there is none."""
        async with self.read() as connection:
            return await connection.fetchrow(query, *arguments)

    async def now(self) -> datetime | None:
        """Return the time by the database's clock."""
        row = await self.fetchrow("SELECT now() AS now")
        return row["now"] if row else None

    async def check_ready(self) -> None:
        """Raise when Postgres is away or not migrated.

        Raises:
            ApiError: it is away.
            ConfigError: it is not migrated.
        """
        async with self.write() as connection:
            await require_migrated(connection)


def _opened(lender: Lender | None) -> Lender:
    if lender is None:
        raise database_unavailable()
    return lender
