"""Plain SQL migrations, forward only, each applied once in a transaction of its own."""

import asyncio
from importlib.resources import files
from typing import Final

import asyncpg
import msgspec

from schemas.db.locks import MIGRATIONS
from schemas.db.pool import CONNECT_TIMEOUT_S, Connection, refusals_as_config_errors
from schemas.errors import ConfigError

CREATE_MIGRATIONS: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text        NOT NULL PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
SELECT_APPLIED: Final = "SELECT name FROM schema_migrations"
SET_LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '2s'"
INSERT_APPLIED: Final = "INSERT INTO schema_migrations (name) VALUES ($1)"

# Two minutes at most: a transaction that holds a lock for longer is for an operator to see.
MAX_ATTEMPTS: Final = 60
PAUSE_S: Final = 0.2


class Migration(msgspec.Struct, frozen=True):
    """One numbered file of SQL."""

    name: str
    sql: str


def all_migrations() -> tuple[Migration, ...]:
    """Return the shipped migrations in the order of their numbers."""
    folder = files("schemas.db") / "migrations"
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return tuple(
        Migration(entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8"))
        for entry in sorted(found, key=lambda entry: entry.name)
    )


async def migrate(dsn: str) -> list[str]:
    """Bring the database up to date and return the names applied now; repeating is safe.

    Raises:
        ConfigError: the address is malformed, or the server knows no such user or database.
        OSError, asyncpg.PostgresError: the server is away or refuses.
    """
    with refusals_as_config_errors():
        connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", MIGRATIONS)
        await connection.execute(CREATE_MIGRATIONS)
        pending = await select_pending(connection)
        for migration in pending:
            await apply_migration(connection, migration)
        return [migration.name for migration in pending]
    finally:
        await connection.close()


async def apply_migration(connection: Connection, migration: Migration) -> None:
    """Apply one migration, while writers and readers go on.

    Who waits for a table's lock makes all others wait behind it, and writers take locks in another
    order: so a wait is short, and the whole migration is tried again after it or after a deadlock.

    Raises:
        asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError: not one of the attempts had
            its turn.
    """
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            async with connection.transaction():
                await connection.execute(SET_LOCK_TIMEOUT)
                await connection.execute(migration.sql)
                await connection.execute(INSERT_APPLIED, migration.name)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            if attempt == MAX_ATTEMPTS:
                raise
            await asyncio.sleep(PAUSE_S)
        else:
            return


async def select_pending(connection: Connection) -> list[Migration]:
    """Return the migrations that this database does not have yet, in order."""
    applied = {row["name"] for row in await connection.fetch(SELECT_APPLIED)}
    return [migration for migration in all_migrations() if migration.name not in applied]


async def require_migrated(connection: Connection) -> None:
    """Raise when the database is behind the code.

    Raises:
        ConfigError: a migration is missing; the message has the command to run.
    """
    try:
        pending = await select_pending(connection)
    except asyncpg.UndefinedTableError:
        pending = list(all_migrations())
    if pending:
        names = ", ".join(migration.name for migration in pending)
        raise ConfigError(f"the database is not migrated (missing {names}): run `aiops migrate`")
