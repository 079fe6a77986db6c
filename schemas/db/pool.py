"""Connections to Postgres."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg

from schemas.errors import ConfigError

if TYPE_CHECKING:
    Connection: TypeAlias = (
        asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    )
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection: TypeAlias = asyncpg.Connection
    Pool: TypeAlias = asyncpg.Pool

CONNECT_TIMEOUT_S: Final = 10.0
# What a connection raises that is gone or going: asyncpg.InternalClientError between the server's
# farewell and the end of the connection, where asyncpg takes no further statement. An OSError may
# be a TimeoutError.
CONNECTION_ERRORS: Final = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)
DATABASE_ERRORS: Final = (*CONNECTION_ERRORS, asyncpg.PostgresError)
DSN_SETTING: Final = "AIOPS_POSTGRES_DSN"
# The workers' statements do not depend on which values are given, and are planned once. Left to
# itself Postgres plans anew each time what touches a few of many partitions.
GENERIC_PLANS: Final = "force_generic_plan"
# The server notices within 20 s that a client's machine is gone, and frees its locks.
KEEPALIVES: Final = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "2",
}


async def open_pool(
    dsn: str,
    *,
    application_name: str,
    max_size: int,
    command_timeout_s: float | None = 60.0,
    idle_in_transaction_s: int = 0,
    reset: Callable[[Connection], Awaitable[None]] | None = None,
) -> Pool:
    """Open a pool; the password comes from the DSN or from PGPASSWORD, which asyncpg reads.

    A client that is silent in a transaction for `idle_in_transaction_s` (0: however long) loses
    its connection, and with it its locks. `reset` is called when a connection is given back; None
    stands for asyncpg's own, a round trip that ends whatever the session still holds.

    Raises:
        ConfigError: the address is malformed, or the server knows no such user or database.
        OSError, asyncpg.PostgresError: the server is away or refuses.
    """
    with refusals_as_config_errors():
        return await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=max_size,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=command_timeout_s,
            reset=reset,
            server_settings=KEEPALIVES
            | {
                "application_name": application_name,
                "timezone": "UTC",
                "plan_cache_mode": GENERIC_PLANS,
                "idle_in_transaction_session_timeout": f"{idle_in_transaction_s}s",
            },
        )


@contextmanager
def refusals_as_config_errors() -> Iterator[None]:
    """Raise a ConfigError for what waiting cannot mend; the address itself is a secret.

    Raises:
        ConfigError: the address is malformed, or the server knows no such user or database.
    """
    try:
        yield
    except asyncpg.InvalidCatalogNameError as exc:
        raise ConfigError("the database does not exist", setting=DSN_SETTING) from exc
    except asyncpg.InvalidAuthorizationSpecificationError as exc:
        raise ConfigError("user or password is refused", setting=DSN_SETTING) from exc
    except ValueError as exc:
        raise ConfigError("not an address of a Postgres database", setting=DSN_SETTING) from exc
