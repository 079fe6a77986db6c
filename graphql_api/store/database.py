"""Connections that survive Postgres being away: opened on demand, failures told as coded errors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from graphql_api.errors import ApiError, ErrorCode
from schemas.db.migrate import require_migrated
from schemas.db.pool import (
    CONNECT_TIMEOUT_S,
    CONNECTION_ERRORS,
    DATABASE_ERRORS,
    GENERIC_PLANS,
    Connection,
    Pool,
)

READER_ROLE: Final = "aiops_reader"
# SQLSTATE classes: connection exception, operator intervention (shutdown), too many connections.
_AWAY_CLASSES: Final = ("08", "57P", "53")
UNAVAILABLE: Final = "the database is away; try again"


def is_database_away(error: BaseException) -> bool:
    """Tell whether an error means that Postgres cannot be reached, rather than that it refuses."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_AWAY_CLASSES)
    # A TimeoutError is an OSError, but tells of a slow statement.
    is_timeout = isinstance(error, TimeoutError)
    return isinstance(error, CONNECTION_ERRORS) and not is_timeout


def database_unavailable() -> ApiError:
    """Return the error a client gets while Postgres is away."""
    return ApiError(ErrorCode.DATABASE_UNAVAILABLE, UNAVAILABLE)


async def _keep_state(_connection: Connection) -> None:
    """Nothing here changes a connection's state, so there is nothing to reset: a round trip less.

    The roles and timeouts are the connection's own start-up settings.
    """


class Database:
    """Pools: reads run as a role that cannot write, the rest as the owner.

    Reads of log lines have connections where each statement is planned once: left to itself
    Postgres plans anew each time what touches a few of many partitions, and takes longer for it
    than for the statement. Other reads depend on which filters are given.
    """

    def __init__(self, dsn: str, *, max_connections: int, statement_timeout_s: float) -> None:
        self._dsn = dsn
        self._max_connections = max_connections
        self._timeout_s = statement_timeout_s
        self._reader: Pool | None = None
        self._line_reader: Pool | None = None
        self._writer: Pool | None = None

    async def open(self) -> None:
        """Make the pools; nothing is connected yet, so this works while Postgres is away."""
        reading = {"role": READER_ROLE, "default_transaction_read_only": "on"}
        self._reader = await self._make_pool(self._max_connections, **reading)
        planned_once = reading | {"plan_cache_mode": GENERIC_PLANS}
        self._line_reader = await self._make_pool(self._max_connections, **planned_once)
        self._writer = await self._make_pool(max(2, self._max_connections // 2))

    async def close(self) -> None:
        """Close all pools at once: requests have ended by now."""
        for pool in (self._reader, self._line_reader, self._writer):
            if pool is not None:
                pool.terminate()

    async def _make_pool(self, max_size: int, **server_settings: str) -> Pool:
        timeout_ms = str(int(self._timeout_s * 1000))
        return await asyncpg.create_pool(
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

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """Lend a connection that cannot write."""
        async with _lend(self._reader) as connection:
            yield connection

    @asynccontextmanager
    async def read_lines(self) -> AsyncIterator[Connection]:
        """Lend a connection that cannot write, for statements over log lines."""
        async with _lend(self._line_reader) as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Connection]:
        """Lend a connection in a transaction of its own."""
        async with _lend(self._writer) as connection, connection.transaction():
            yield connection

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Return the rows of a read."""
        async with self.read() as connection:
            return await connection.fetch(query, *arguments)

    async def fetchrow(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        """Return the first row of a read, None when there is none."""
        async with self.read() as connection:
            return await connection.fetchrow(query, *arguments)

    async def check_ready(self) -> None:
        """Raise when Postgres is away or not migrated.

        Raises:
            ApiError: it is away.
            ConfigError: it is not migrated.
        """
        async with self.write() as connection:
            await require_migrated(connection)


@asynccontextmanager
async def _lend(pool: Pool | None) -> AsyncIterator[Connection]:
    if pool is None:
        raise database_unavailable()
    connection = await _acquired(pool)
    try:
        yield connection
    except TimeoutError as exc:
        raise ApiError(ErrorCode.TIMEOUT, "the database took too long") from exc
    except DATABASE_ERRORS as exc:
        if is_database_away(exc):
            raise database_unavailable() from exc
        raise
    finally:
        await pool.release(connection)


async def _acquired(pool: Pool) -> "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]":
    try:
        return await pool.acquire(timeout=CONNECT_TIMEOUT_S)
    except DATABASE_ERRORS as exc:
        if is_database_away(exc) or isinstance(exc, TimeoutError):
            raise database_unavailable() from exc
        raise
