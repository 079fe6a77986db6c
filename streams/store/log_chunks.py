"""Writes the lines themselves: the pieces of the chunks a batch touches."""

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, Final

from schemas.chunks import StoredLine, pack_lines, piece_bounds, unpack_lines
from schemas.db.pool import Connection
from schemas.ids import CHUNK_RECORDS, chunk_of
from streams.domain.log_blocks import service_key
from streams.offsets import OffsetSpan

TAKE_PIECES: Final = """
DELETE FROM log_chunks
WHERE topic = $1 AND partition = $2 AND first_offset >= $3 AND first_offset < $4
RETURNING first_offset, payload
"""


async def append_lines(
    connection: Connection, span: OffsetSpan, lines: Sequence[StoredLine]
) -> None:
    """Add the lines of `span`, which goes on where the stored pieces end.

    Pieces of the open chunk that grow or merge are read back and written anew, so that the rows
    depend on the records and on `span.end` alone, not on how the records arrived.
    """
    rows: list[tuple[Any, ...]] = []
    for chunk in range(chunk_of(span.first), chunk_of(span.end - 1) + 1):
        start = chunk * CHUNK_RECORDS
        before = piece_bounds(start, max(span.first, start))
        after = piece_bounds(start, span.end)
        changed = after[_common_length(before, after) :]
        rewritten = await _take_pieces(connection, span, changed[0][0], start + CHUNK_RECORDS)
        added = [line for line in lines if start <= line.offset < start + CHUNK_RECORDS]
        rows.extend(piece_rows(span, changed, rewritten + added))
    await insert_pieces(connection, rows)


async def replace_lines(
    connection: Connection, span: OffsetSpan, lines: Sequence[StoredLine]
) -> None:
    """Write the lines of `span`, which begins at a chunk, in place of what is stored there."""
    chunks = range(chunk_of(span.first), chunk_of(span.end - 1) + 1)
    bounds = [bound for chunk in chunks for bound in piece_bounds(chunk * CHUNK_RECORDS, span.end)]
    await connection.execute(TAKE_PIECES, span.topic, span.partition, span.first, span.end)
    await insert_pieces(connection, piece_rows(span, bounds, lines))


# Few rows at a time: one round trip, where COPY takes two.
INSERT_PIECES: Final = """
INSERT INTO log_chunks
    (topic, partition, first_offset, end_offset, lines, min_event_ns, max_event_ns, min_record_ms,
     max_record_ms, services, severities, shape_ids, payload)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""


async def insert_pieces(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows of `piece_rows`."""
    await connection.executemany(INSERT_PIECES, rows)


def piece_rows(
    span: OffsetSpan, bounds: Sequence[tuple[int, int]], lines: Sequence[StoredLine]
) -> Iterator[tuple[Any, ...]]:
    """Yield the row of each piece that holds a line; `lines` are in order of offset."""
    position = 0
    for first, end in bounds:
        begin = position
        while position < len(lines) and lines[position].offset < end:
            position += 1
        if position > begin:
            yield _piece_row(span, first, end, lines[begin:position])


def _piece_row(
    span: OffsetSpan, first: int, end: int, lines: Sequence[StoredLine]
) -> tuple[Any, ...]:
    times = [line.event.timestamp_ns for line in lines]
    record_times = [line.record_ms for line in lines]
    return (
        span.topic,
        span.partition,
        first,
        end,
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
    connection: Connection, span: OffsetSpan, first: int, end: int
) -> list[StoredLine]:
    """Remove the pieces that begin within [first, end) and return their lines."""
    if first >= span.first:
        return []
    rows = await connection.fetch(TAKE_PIECES, span.topic, span.partition, first, end)
    ordered = sorted(rows, key=itemgetter("first_offset"))
    return [line for row in ordered for line in unpack_lines(row["payload"])]


def _common_length(before: Sequence[object], after: Sequence[object]) -> int:
    length = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        length += 1
    return length
