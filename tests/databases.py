"""Databases of earlier releases, and what a statement costs in one."""

import json

from schemas.db.migrate import CREATE_MIGRATIONS, INSERT_APPLIED, all_migrations
from schemas.db.pool import Connection


async def migrate_to_before(connection: Connection, name: str) -> None:
    """Apply the migrations that come before one."""
    await connection.execute(CREATE_MIGRATIONS)
    for migration in all_migrations():
        if migration.name < name:
            await connection.execute(migration.sql)
            await connection.execute(INSERT_APPLIED, migration.name)


async def touched_blocks(connection: Connection, statement: str, *arguments: object) -> int:
    """Run a statement and return how many blocks of tables and indexes it touches."""
    explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement
    top = json.loads(await connection.fetchval(explain, *arguments))[0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])
