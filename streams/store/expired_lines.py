"""Takes away the old lines of chunks that also hold newer ones: one a partition and shelf."""

from typing import Final

import msgspec

from schemas.chunks import unpack_lines
from schemas.db.pool import Connection
from schemas.ids import CHUNK_RECORDS, chunk_of
from streams.offsets import OffsetSpan, lock_stored_range
from streams.store.log_chunks import insert_pieces, piece_rows
from streams.store.shelves import try_to_own_shelves, wait_briefly


class ShelfEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How far a partition was stored when the shelf after this one began."""

    shelf: int
    topic: str
    partition: int
    end_offset: int


SELECT_DROPPED_ENDS: Final = """
SELECT shelf, topic, partition, end_offset FROM log_shelf_ends AS ends
WHERE NOT EXISTS (SELECT FROM log_shelves AS kept WHERE kept.shelf = ends.shelf)
ORDER BY shelf, topic, partition
"""


async def select_dropped_ends(connection: Connection) -> list[ShelfEnd]:
    """Return the ends of shelves that were dropped, where old lines may be left."""
    return [ShelfEnd(**dict(row)) for row in await connection.fetch(SELECT_DROPPED_ENDS)]


TAKE_OLD_PIECES: Final = """
DELETE FROM log_chunks
WHERE topic = $1 AND partition = $2 AND first_offset >= $3 AND first_offset < $4
RETURNING first_offset, end_offset, shelf, payload
"""
RAISE_GONE_END: Final = """
INSERT INTO log_gone_lines AS gone (topic, partition, end_offset) VALUES ($1, $2, $3)
ON CONFLICT (topic, partition) DO UPDATE
SET end_offset = greatest(gone.end_offset, EXCLUDED.end_offset)
"""
DELETE_SHELF_END: Final = """
DELETE FROM log_shelf_ends WHERE shelf = $1 AND topic = $2 AND partition = $3
"""


async def expire_lines(connection: Connection, end: ShelfEnd) -> bool:
    """Take away the lines below the end; False while a replay is running, which needs them.

    Raises:
        asyncpg.LockNotAvailableError: the partition is being written; ask again later.
    """
    place = (end.topic, end.partition)
    async with connection.transaction():
        await wait_briefly(connection)
        if not await try_to_own_shelves(connection):
            return False
        await lock_stored_range(connection, *place)
        await _trim_chunk(connection, end)
        await connection.execute(RAISE_GONE_END, *place, end.end_offset)
        await connection.execute(DELETE_SHELF_END, end.shelf, *place)
    return True


async def _trim_chunk(connection: Connection, end: ShelfEnd) -> None:
    """Write the pieces of the chunk that the end lies in without the lines below it."""
    chunk = chunk_of(end.end_offset)
    first = chunk * CHUNK_RECORDS
    span = OffsetSpan(
        topic=end.topic, partition=end.partition, first=first, end=first + CHUNK_RECORDS
    )
    rows = await connection.fetch(TAKE_OLD_PIECES, end.topic, end.partition, first, end.end_offset)
    for row in rows:
        lines = [line for line in unpack_lines(row["payload"]) if line.offset >= end.end_offset]
        bounds = [(row["first_offset"], row["end_offset"])]
        await insert_pieces(connection, piece_rows(span, bounds, lines, {chunk: row["shelf"]}))
