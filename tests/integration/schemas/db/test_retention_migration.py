"""What was stored before there was retention becomes the first partition, unwritten."""

import asyncpg
import pytest

from schemas.db.migrate import migrate
from schemas.db.pool import Connection
from tests.databases import migrate_to_before
from tests.integration.graphql_api.seeding import make_line, seed_lines

pytestmark = pytest.mark.integration

RETENTION = "0006_retention"


async def payloads(connection: Connection) -> list[bytes]:
    rows = await connection.fetch("SELECT payload FROM log_chunks ORDER BY partition, first_offset")
    return [row["payload"] for row in rows]


async def files(connection: Connection, table: str) -> list[int]:
    row = await connection.fetchrow(
        "SELECT pg_relation_filenode(oid) AS rows, pg_relation_filenode(reltoastrelid) AS payloads"
        " FROM pg_class WHERE oid = $1::text::regclass",
        table,
    )
    assert row is not None
    return list(row.values())


async def test_stored_lines_become_the_first_shelf_without_being_rewritten(
    empty_database: str,
) -> None:
    connection = await asyncpg.connect(empty_database)
    await migrate_to_before(connection, RETENTION)
    await seed_lines(connection, [make_line(offset) for offset in range(5_000)])
    before = await payloads(connection)
    files_before = await files(connection, "log_chunks")

    assert RETENTION in await migrate(empty_database)

    assert await payloads(connection) == before
    assert await files(connection, "log_chunks_shelf_0") == files_before
    assert await connection.fetchval("SELECT array_agg(shelf) FROM log_shelves") == [0]
    await connection.close()


async def test_the_release_before_goes_on_writing(empty_database: str) -> None:
    connection = await asyncpg.connect(empty_database)
    await migrate(empty_database)

    # As it wrote: without naming a shelf.
    await seed_lines(connection, [make_line(offset) for offset in range(300)], partition=1)
    await seed_lines(connection, [make_line(offset) for offset in range(900)], partition=1)
    await connection.execute(
        "INSERT INTO log_blocks (topic, partition, block, records, events, dropped, dead_lettered)"
        " VALUES ('logs.raw', 1, 0, 900, 900, '{}', '{}')"
    )

    assert await connection.fetchval("SELECT sum(lines) FROM log_chunks WHERE shelf = 0") == 900
    assert await connection.fetchval("SELECT shelf FROM log_blocks") == 0
    await connection.close()
