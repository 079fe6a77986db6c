import asyncio

import asyncpg
import pytest

from schemas.db.migrate import (
    Migration,
    all_migrations,
    apply_migration,
    migrate,
    require_migrated,
)
from schemas.db.pool import open_pool
from schemas.errors import ConfigError
from tests.conftest import with_database

pytestmark = pytest.mark.integration

NAMES = [migration.name for migration in all_migrations()]


async def test_migrating_applies_what_is_missing_once(empty_database: str) -> None:
    assert await migrate(empty_database) == NAMES
    assert await migrate(empty_database) == []


async def test_processes_that_migrate_together_apply_each_migration_once(
    empty_database: str,
) -> None:
    applied = await asyncio.gather(*(migrate(empty_database) for _ in range(3)))

    assert sorted(name for names in applied for name in names) == NAMES


async def test_a_database_that_is_behind_is_refused_with_the_command(empty_database: str) -> None:
    connection = await asyncpg.connect(empty_database)
    with pytest.raises(ConfigError, match=f"missing {NAMES[0]}.* run `aiops migrate`"):
        await require_migrated(connection)
    await migrate(empty_database)
    await connection.execute("DELETE FROM schema_migrations WHERE name = $1", NAMES[-1])

    with pytest.raises(ConfigError, match=rf"\(missing {NAMES[-1]}\)"):
        await require_migrated(connection)
    await connection.close()


async def open_and_close(dsn: str) -> None:
    pool = await open_pool(dsn, application_name="test", max_size=1)
    await pool.close()


async def test_an_unknown_database_is_a_setting_to_mend(postgres_server: str) -> None:
    dsn = with_database(postgres_server, "no_such_database")

    with pytest.raises(ConfigError, match=r"^AIOPS_POSTGRES_DSN: the database does not exist$"):
        await migrate(dsn)
    with pytest.raises(ConfigError, match=r"^AIOPS_POSTGRES_DSN: the database does not exist$"):
        await open_and_close(dsn)


async def test_a_refused_user_is_a_setting_to_mend(postgres_server: str) -> None:
    password = postgres_server.partition("@")[0].rpartition(":")[2]
    dsn = postgres_server.replace(password, "wrong-password")

    with pytest.raises(ConfigError, match=r"^AIOPS_POSTGRES_DSN: user or password is refused$"):
        await open_and_close(dsn)


async def test_a_malformed_address_is_a_setting_to_mend() -> None:
    with pytest.raises(ConfigError, match=r"^AIOPS_POSTGRES_DSN: not an address"):
        await open_and_close("postgresql://127.0.0.1:port/x")


async def test_a_client_that_is_silent_in_a_transaction_loses_its_locks(database: str) -> None:
    pool = await open_pool(database, application_name="test", max_size=1, idle_in_transaction_s=1)
    async with pool.acquire() as connection:
        settings = {
            name: await connection.fetchval("SELECT current_setting($1)", name)
            for name in ("idle_in_transaction_session_timeout", "tcp_keepalives_idle", "timezone")
        }
    await pool.close()

    assert settings == {
        "idle_in_transaction_session_timeout": "1s",
        "tcp_keepalives_idle": "10",
        "timezone": "UTC",
    }


async def test_a_migration_that_waits_for_a_lock_lets_others_pass(database: str) -> None:
    holder, migrating, reader = [await asyncpg.connect(database) for _ in range(3)]
    migration = Migration("9999_later", "ALTER TABLE log_blocks ADD COLUMN later bigint")
    holding = holder.transaction()
    await holding.start()
    await holder.execute("LOCK TABLE log_blocks IN ACCESS SHARE MODE")
    applying = asyncio.create_task(apply_migration(migrating, migration))
    for _ in range(1_000):
        if await reader.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            break
        await asyncio.sleep(0.01)

    # It waits behind the migration, which gives up its place before the holder ends.
    assert await reader.fetchval("SELECT count(*) FROM log_blocks") == 0
    await holding.rollback()
    await applying
    assert await reader.fetchval("SELECT count(later) FROM log_blocks") == 0
    for connection in (holder, migrating, reader):
        await connection.close()
