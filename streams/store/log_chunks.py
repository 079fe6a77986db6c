"""Writes the lines themselves: the pieces of the chunks a batch touches."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any, Final

import msgspec

from schemas.chunks import StoredLine, pack_lines, piece_bounds, unpack_lines
from schemas.db.pool import Connection
from schemas.ids import CHUNK_RECORDS, chunk_of
from streams.domain.log_blocks import service_key
from streams.domain.retention import place_chunks
from streams.offsets import OffsetSpan
from streams.store.shelves import raise_newest_records, select_gone_end


class Shelves(msgspec.Struct, frozen=True, kw_only=True):
    """The shelf that lines are put on, and the oldest one that the open chunk may lie on."""

    newest: int
    oldest_open: int


TAKE_PIECES: Final = """
DELETE FROM log_chunks
WHERE topic = $1 AND partition = $2 AND first_offset >= $3 AND first_offset < $4
  AND shelf BETWEEN $5 AND $6
RETURNING first_offset, payload
"""


async def append_lines(
    connection: Connection, span: OffsetSpan, lines: Sequence[StoredLine], shelves: Shelves
) -> None:
    """Add the lines of `span`, which goes on where the stored pieces end.

    Pieces of the open chunk that grow or merge are read back and written anew, so that the rows
    depend on the records and on `span.end` alone, not on how the records arrived. Once there is
    another shelf all pieces of the open chunk come along, so that new lines never leave with it.
    """
    rows: list[tuple[Any, ...]] = []
    stays = shelves.newest == shelves.oldest_open
    for chunk in range(chunk_of(span.first), chunk_of(span.end - 1) + 1):
        start = chunk * CHUNK_RECORDS
        before = piece_bounds(start, max(span.first, start))
        after = piece_bounds(start, span.end)
        changed = after[_common_length(before, after) :] if stays else after
        place = (changed[0][0], start + CHUNK_RECORDS)
        rewritten = await _take_pieces(connection, span, place, shelves)
        added = lines[_index_of(lines, start) : _index_of(lines, start + CHUNK_RECORDS)]
        rows.extend(piece_rows(span, changed, [*rewritten, *added], {chunk: shelves.newest}))
    await insert_pieces(connection, rows)


DELETE_PIECES: Final = """
DELETE FROM log_chunks
WHERE topic = $1 AND partition = $2 AND first_offset >= $3 AND first_offset < $4
RETURNING first_offset, shelf
"""


async def replace_lines(
    connection: Connection, span: OffsetSpan, lines: Sequence[StoredLine], newest_shelf: int
) -> None:
    """Write the lines of `span`, which begins at a chunk, in place of what is stored there.

    Chunks stay on their shelves, and lines past retention stay away.
    """
    chunks = range(chunk_of(span.first), chunk_of(span.end - 1) + 1)
    bounds = [bound for chunk in chunks for bound in piece_bounds(chunk * CHUNK_RECORDS, span.end)]
    place = (span.topic, span.partition)
    removed = await connection.fetch(DELETE_PIECES, *place, span.first, span.end)
    stored = {chunk_of(row["first_offset"]): row["shelf"] for row in removed}
    gone_end = await select_gone_end(connection, *place)
    kept = [line for line in lines if line.offset >= gone_end]
    shelf_of = place_chunks(chunks, stored, newest_shelf)
    rows = list(piece_rows(span, bounds, kept, shelf_of))
    await insert_pieces(connection, rows)
    await raise_newest_records(
        connection, [row[_SHELF] for row in rows], [row[_MAX_RECORD_MS] for row in rows]
    )


# Columns of a row of `piece_rows`.
_MAX_RECORD_MS: Final = 8
_SHELF: Final = 13


# Few rows at a time: one round trip, where COPY takes two.
INSERT_PIECES: Final = """
INSERT INTO log_chunks
    (topic, partition, first_offset, end_offset, lines, min_event_ns, max_event_ns, min_record_ms,
     max_record_ms, services, severities, shape_ids, payload, shelf)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""


async def insert_pieces(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows of `piece_rows`."""
    await connection.executemany(INSERT_PIECES, rows)


def piece_rows(
    span: OffsetSpan,
    bounds: Sequence[tuple[int, int]],
    lines: Sequence[StoredLine],
    shelf_of: Mapping[int, int],
) -> Iterator[tuple[Any, ...]]:
    """Yield the row of each piece that holds a line, on the shelf of its chunk.

    `lines` are in order of offset and within the bounds.
    """
    begin = 0
    for first, end in bounds:
        position = _index_of(lines, end)
        if position > begin:
            columns = _columns(lines[begin:position])
            yield span.topic, span.partition, first, end, *columns, shelf_of[chunk_of(first)]
        begin = position


def _columns(lines: Sequence[StoredLine]) -> tuple[Any, ...]:
    times = [line.event.timestamp_ns for line in lines]
    record_times = [line.record_ms for line in lines]
    return (
        len(lines),
        min(times),
        max(times),
        min(record_times),
        max(record_times),
        sorted({service_key(service) for service in {line.event.service for line in lines}}),
        sorted({line.event.severity_number for line in lines}),
        sorted({line.shape_id for line in lines}),
        pack_lines(lines),
    )


async def _take_pieces(
    connection: Connection, span: OffsetSpan, place: tuple[int, int], shelves: Shelves
) -> list[StoredLine]:
    """Remove the pieces that begin within the place [first, end) and return their lines."""
    if place[0] >= span.first:
        return []
    rows = await connection.fetch(
        TAKE_PIECES, span.topic, span.partition, *place, shelves.oldest_open, shelves.newest
    )
    ordered = sorted(rows, key=itemgetter("first_offset"))
    return [line for row in ordered for line in unpack_lines(row["payload"])]


def _index_of(lines: Sequence[StoredLine], offset: int) -> int:
    """Return how many of the lines, which are in order, lie before the offset."""
    return bisect_left(lines, offset, key=attrgetter("offset"))


def _common_length(before: Sequence[object], after: Sequence[object]) -> int:
    length = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        length += 1
    return length
