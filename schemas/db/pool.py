"""Connections to Postgres."""

from typing import TYPE_CHECKING, TypeAlias

import asyncpg

if TYPE_CHECKING:
    Connection: TypeAlias = (
        asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    )
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection: TypeAlias = asyncpg.Connection
    Pool: TypeAlias = asyncpg.Pool

CONNECT_TIMEOUT_S = 10.0


async def open_pool(
    dsn: str, *, application_name: str, max_size: int, command_timeout_s: float | None = 60.0
) -> Pool:
    """Open a pool; the password comes from the DSN or from PGPASSWORD, which asyncpg reads.

    Raises:
        OSError, asyncpg.PostgresError: the server is away or refuses.
    """
    return await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=max_size,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=command_timeout_s,
        server_settings={"application_name": application_name, "timezone": "UTC"},
    )
