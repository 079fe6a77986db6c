"""The partitions of the stored lines: begins new ones, drops old ones whole."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final

from schemas.db.locks import KEPT_SHELVES
from schemas.db.pool import Connection, Pool
from streams.domain.retention import Shelf

# So long a writer or a query may wait for us, and we for them, before we let them pass.
LOCK_TIMEOUT_MS: Final = 250

SELECT_SHELVES: Final = "SELECT shelf, begun_at, newest_record_ms FROM log_shelves ORDER BY shelf"


async def select_shelves(connection: Connection) -> list[Shelf]:
    """Return all shelves, oldest first."""
    return [Shelf(**dict(row)) for row in await connection.fetch(SELECT_SHELVES)]


SELECT_NOW: Final = "SELECT now()"


async def select_now(connection: Connection) -> datetime:
    """Return the database's time: the only clock that shelves go by."""
    now: datetime = await connection.fetchval(SELECT_NOW)
    return now


INSERT_SHELF: Final = "INSERT INTO log_shelves (shelf) VALUES ($1)"
INSERT_SHELF_ENDS: Final = """
INSERT INTO log_shelf_ends (shelf, topic, partition, end_offset)
SELECT $1, stored.topic, stored.partition, stored.next_offset FROM stream_offsets AS stored
WHERE EXISTS (SELECT FROM log_blocks AS lines
              WHERE lines.topic = stored.topic AND lines.partition = stored.partition)
"""
# What LIKE leaves out; the numbers are those of the first shelf (0001_logs.sql).
CREATE_SHELF: Final = """
CREATE TABLE {shelf} (LIKE {former} INCLUDING ALL) WITH (
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
    toast.autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_vacuum_threshold = 500)
"""
# Attached, not created in place: writers and readers need not wait for this.
ATTACH_SHELF: Final = "ALTER TABLE log_chunks ATTACH PARTITION {shelf} FOR VALUES IN ({number})"


async def begin_shelf(connection: Connection, newest: Shelf) -> None:
    """Have lines put on a new shelf from now on.

    Raises:
        asyncpg.InsufficientPrivilegeError: this user does not own the tables.
    """
    number = newest.shelf + 1
    shelf, former = _table(number), _table(newest.shelf)
    async with connection.transaction():
        await wait_briefly(connection)
        await connection.execute(CREATE_SHELF.format(shelf=shelf, former=former))
        await connection.execute(ATTACH_SHELF.format(shelf=shelf, number=number))
        await connection.execute(INSERT_SHELF, number)
        await connection.execute(INSERT_SHELF_ENDS, newest.shelf)


UPDATE_NEWEST_RECORDS: Final = """
UPDATE log_shelves AS noted SET newest_record_ms = found.newest_record_ms
FROM (SELECT wanted.shelf, coalesce(
          (SELECT max(max_record_ms) FROM log_chunks WHERE log_chunks.shelf = wanted.shelf),
          -4611686018427387904) AS newest_record_ms
      FROM unnest($1::integer[]) AS wanted (shelf)) AS found
WHERE noted.shelf = found.shelf
  AND noted.newest_record_ms IS DISTINCT FROM found.newest_record_ms
"""


async def update_newest_records(connection: Connection, shelves: Sequence[Shelf]) -> None:
    """Note how new the records on these shelves are, so that searches can pass them over."""
    await connection.execute(UPDATE_NEWEST_RECORDS, [one.shelf for one in shelves])


RAISE_NEWEST_RECORDS: Final = """
UPDATE log_shelves AS noted SET newest_record_ms = written.newest_record_ms
FROM (SELECT shelf, max(record_ms) AS newest_record_ms
      FROM unnest($1::integer[], $2::bigint[]) AS rows (shelf, record_ms)
      GROUP BY shelf) AS written
WHERE noted.shelf = written.shelf AND noted.newest_record_ms < written.newest_record_ms
"""


async def raise_newest_records(
    connection: Connection, shelves: Sequence[int], record_times_ms: Sequence[int]
) -> None:
    """Take note of written rows, each by its shelf and its newest record's time."""
    await connection.execute(RAISE_NEWEST_RECORDS, shelves, record_times_ms)


TRY_TO_OWN_SHELVES: Final = f"SELECT pg_try_advisory_xact_lock({KEPT_SHELVES})"


async def try_to_own_shelves(connection: Connection) -> bool:
    """Keep replays out until the transaction ends; False while one is running."""
    is_owned: bool = await connection.fetchval(TRY_TO_OWN_SHELVES)
    return is_owned


# One probe of an index for each partition: chunks leave in the order of their offsets.
UPSERT_GONE_LINES: Final = """
INSERT INTO log_gone_lines AS gone (topic, partition, end_offset)
SELECT stored.topic, stored.partition, newest.end_offset
FROM stream_offsets AS stored
CROSS JOIN LATERAL (
    SELECT end_offset FROM log_chunks AS piece
    WHERE piece.shelf = $1 AND piece.topic = stored.topic AND piece.partition = stored.partition
    ORDER BY first_offset DESC LIMIT 1) AS newest
ON CONFLICT (topic, partition) DO UPDATE
SET end_offset = greatest(gone.end_offset, EXCLUDED.end_offset)
"""
DELETE_SHELF: Final = "DELETE FROM log_shelves WHERE shelf = $1"
DROP_SHELF: Final = "DROP TABLE {shelf}"


async def drop_shelf(connection: Connection, shelf: Shelf) -> bool:
    """Drop a shelf with its lines; False while a replay is running, which needs them.

    Raises:
        asyncpg.InsufficientPrivilegeError: this user does not own the tables.
        asyncpg.LockNotAvailableError: a long query is reading; ask again later.
    """
    async with connection.transaction():
        await wait_briefly(connection)
        if not await try_to_own_shelves(connection):
            return False
        await connection.execute(UPSERT_GONE_LINES, shelf.shelf)
        await connection.execute(DELETE_SHELF, shelf.shelf)
        await connection.execute(DROP_SHELF.format(shelf=_table(shelf.shelf)))
    return True


SELECT_GONE_END: Final = """
SELECT end_offset FROM log_gone_lines WHERE topic = $1 AND partition = $2
"""


async def select_gone_end(connection: Connection, topic: str, partition: int) -> int:
    """Return the offset below which the lines of a partition are past retention; 0 for none."""
    end: int | None = await connection.fetchval(SELECT_GONE_END, topic, partition)
    return end or 0


KEEP_SHELVES: Final = f"SELECT pg_advisory_lock_shared({KEPT_SHELVES})"
FREE_SHELVES: Final = f"SELECT pg_advisory_unlock_shared({KEPT_SHELVES})"


@asynccontextmanager
async def kept_shelves(pool: Pool) -> AsyncIterator[None]:
    """Have no shelf dropped meanwhile, by this process's own connection."""
    async with pool.acquire() as connection:
        await connection.execute(KEEP_SHELVES)
        try:
            yield
        finally:
            # A connection that is gone has freed them already.
            with suppress(Exception):
                await connection.execute(FREE_SHELVES)


async def wait_briefly(connection: Connection) -> None:
    """Have the transaction wait for no lock for long: those behind it would wait too."""
    await connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")


def _table(shelf: int) -> str:
    return f"log_chunks_shelf_{shelf}"
