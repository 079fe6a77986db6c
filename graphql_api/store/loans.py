"""Connections of a pool, lent without the pool's own ceremony where that can be spared."""

from types import TracebackType
from typing import Final, TypeAlias

import asyncpg

from graphql_api.errors import ApiError, ErrorCode
from schemas.db.pool import CONNECT_TIMEOUT_S, CONNECTION_ERRORS, DATABASE_ERRORS, Pool

Lent: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

# The pool takes a task, a timer and a turn of the event loop to get a connection back: half as
# much CPU as a statement. A few connections are not given back while nobody waits for one.
_KEPT: Final = 4
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


class Lender:
    """Lends the connections of a pool; nothing that is done with them may change their state."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._kept: list[Lent] = []
        self._waiting = 0

    def loan(self) -> "Loan":
        """Return a context that holds a connection."""
        return Loan(self)

    async def borrow(self) -> Lent:
        """Return a connection.

        Raises:
            ApiError: Postgres is away, or none gets free in time.
        """
        while self._kept:
            connection = self._kept.pop()
            if _is_open(connection):
                return connection
            await self._pool.release(connection)
        self._waiting += 1
        try:
            return await self._pool.acquire(timeout=CONNECT_TIMEOUT_S)
        except DATABASE_ERRORS as exc:
            if is_database_away(exc) or isinstance(exc, TimeoutError):
                raise database_unavailable() from exc
            raise
        finally:
            self._waiting -= 1

    async def give_back(self, connection: Lent) -> None:
        """Take back a connection whose last statement has ended well."""
        if self._waiting or len(self._kept) >= _KEPT:
            await self._pool.release(connection)
        else:
            self._kept.append(connection)

    async def give_up(self, connection: Lent) -> None:
        """Take back a connection with which something went wrong."""
        await self._pool.release(connection)

    def terminate(self) -> None:
        """Close all connections at once, lent ones too."""
        self._pool.terminate()


def _is_open(connection: Lent) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        # It has ended, and the pool has taken it back by itself.
        return False


class Loan:
    """Holds a connection; failures of the database leave as coded errors."""

    def __init__(self, lender: Lender) -> None:
        self._lender = lender

    async def __aenter__(self) -> Lent:
        """Borrow a connection."""
        self._connection = await self._lender.borrow()
        return self._connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give it back.

        Raises:
            ApiError: the database went away, or took too long.
        """
        if error is None:
            await self._lender.give_back(self._connection)
            return
        await self._lender.give_up(self._connection)
        if isinstance(error, TimeoutError):
            raise ApiError(ErrorCode.TIMEOUT, "the database took too long") from error
        if isinstance(error, DATABASE_ERRORS) and is_database_away(error):
            raise database_unavailable() from error
