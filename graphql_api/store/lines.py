"""Searches the stored lines: pieces that can match, newest first, then the lines in them."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from operator import itemgetter
from typing import Final, Generic, TypeVar

import asyncpg
import msgspec

from graphql_api.store.database import Database
from graphql_api.store.pieces import (
    FoundLine,
    LineKey,
    LineTest,
    LogLine,
    Piece,
    PieceBounds,
    PieceCache,
    bounds_from_row,
)
from graphql_api.store.shelves import Look, Shelf, ShelfCache, next_look
from schemas.db.pool import Connection
from schemas.ids import RecordId

FIRST_BATCH: Final = 32
_BATCH: Final = 128
# A scan that finds too little in this many pieces stops and says how far it came.
MAX_PIECES: Final = 512
END_OF_TIME_MS: Final = 1 << 62
BEGINNING_MS: Final = -(1 << 62)

_V = TypeVar("_V")


class LineFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines are wanted; None and the extremes want all. Times are the record's, in ms."""

    service: str | None = None
    host: str | None = None
    severities: frozenset[int] | None = None
    shape_ids: frozenset[int] | None = None
    trace_id: str | None = None
    text: str | None = None
    since_ms: int = BEGINNING_MS
    until_ms: int = END_OF_TIME_MS

    def predicate(self) -> LineTest | None:
        """Return the test that a line must pass, None when every line is wanted."""
        tests = list(self._tests())
        return (lambda line: all(test(line) for test in tests)) if tests else None

    def _tests(self) -> Iterator[LineTest]:
        if self.since_ms > BEGINNING_MS or self.until_ms < END_OF_TIME_MS:
            yield lambda line: self.since_ms <= line.record_ms < self.until_ms
        if self.service is not None:
            yield lambda line: (line.event.service or "") == self.service
        if (severities := self.severities) is not None:
            yield lambda line: line.event.severity_number in severities
        if (shape_ids := self.shape_ids) is not None:
            yield lambda line: line.shape_id in shape_ids
        if self.host is not None:
            yield lambda line: line.event.host == self.host
        if self.trace_id is not None:
            yield lambda line: line.event.trace_id == self.trace_id
        if self.text is not None:
            wanted = self.text.casefold()
            yield lambda line: wanted in line.event.body.casefold()


class LinePage(msgspec.Struct, Generic[_V], frozen=True):
    """Found lines, newest first.

    `scanned_to_ms` is None when every piece that could match was looked at; else lines of records
    up to this time were not.
    """

    keys: list[LineKey]
    views: list[_V]
    scanned_to_ms: int | None


# First, by the index of ranges and in no order, the pieces with records around $6; then, by the
# index in the order of lists, those that end before $6.
SELECT_PIECES: Final = """
SELECT topic, partition, first_offset, end_offset, max_record_ms, lines, shelf
FROM log_chunks
WHERE int8range(min_record_ms, nullif(max_record_ms, 9223372036854775807), '[]') @> $6::bigint
  AND $5 <= $6
  AND (max_record_ms, topic, partition, first_offset) < ($1, $2::text, $3::int, $4::bigint)
  AND ($7::text IS NULL OR services @> ARRAY[$7::text])
  AND ($8::smallint[] IS NULL OR severities && $8)
  AND ($9::bigint[] IS NULL OR shape_ids && $9)
  AND shelf >= $11
UNION ALL
(SELECT topic, partition, first_offset, end_offset, max_record_ms, lines, shelf
 FROM log_chunks
 WHERE (max_record_ms, topic, partition, first_offset)
     < (least($1, $6), CASE WHEN $1 < $6 THEN $2 ELSE '' END, $3, $4)
   AND max_record_ms >= $5
   AND ($7 IS NULL OR services @> ARRAY[$7])
   AND ($8 IS NULL OR severities && $8)
   AND ($9 IS NULL OR shape_ids && $9)
   AND shelf >= $11
 ORDER BY max_record_ms DESC, topic DESC, partition DESC, first_offset DESC
 LIMIT $10)
"""
# max_record_ms, topic, partition, first_offset: by place, which is faster than by name.
_LIST_ORDER: Final = itemgetter(4, 0, 1, 2)

# The text after every topic name, to start a keyset before the first row.
_LAST_TEXT: Final = "\U0010ffff"


class LineReader(Generic[_V]):
    """Finds lines and returns what `view` makes of them."""

    def __init__(
        self, database: Database, view: Callable[[LogLine], _V], *, cache_lines: int
    ) -> None:
        self._database = database
        self._cache: PieceCache[_V] = PieceCache(view, max_lines=cache_lines)
        self._shelves = ShelfCache()

    async def newest(
        self, wanted: LineFilter, limit: int, after: LineKey | None = None
    ) -> LinePage[_V]:
        """Return up to `limit` lines, newest first, of those below `after`."""
        async with self._database.read_lines() as connection:
            shelves = await self._shelves.get(connection)
            scan = _Scan(self._cache, shelves, wanted, limit, after)
            # One statement sees one state; nearly all requests end with it.
            if await scan.run(connection, await scan.pieces(connection, FIRST_BATCH)):
                return scan.page()
            scan = _Scan(self._cache, shelves, wanted, limit, after)
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                async for batch in scan.batches(connection):
                    if await scan.run(connection, batch):
                        break
        return scan.page()

    async def at(self, record_id: RecordId) -> _V | None:
        """Return the line with these coordinates, None when none is stored."""
        async with self._database.read_lines() as connection:
            row = await connection.fetchrow(
                SELECT_PIECE_AT, record_id.topic, record_id.partition, record_id.offset
            )
            if row is None:
                return None
            piece = await self._cache.get(connection, bounds_from_row(row))
        for position, line in enumerate(piece.lines):
            if line.record_id == record_id:
                return piece.view(position)
        return None

    async def around(
        self, record_id: RecordId, before: int, after: int
    ) -> tuple[list[_V], list[_V]]:
        """Return the lines before and after one in its partition, in the partition's order."""
        place = (record_id.topic, record_id.partition, record_id.offset)
        async with self._database.read_lines() as connection:
            rows = await connection.fetch(SELECT_PIECES_AROUND, *place, before + 1, after + 1)
            bounds = sorted({bounds_from_row(row) for row in rows}, key=_offset_order)
            pieces = [await self._cache.get(connection, bound) for bound in bounds]
        found = {
            line.record_id: piece.view(position)
            for piece in pieces
            for position, line in enumerate(piece.lines)
        }
        ids = sorted(found)
        lower = [one for one in ids if one < record_id]
        upper = [one for one in ids if one > record_id]
        kept = lower[-before:] if before else []
        return [found[one] for one in kept], [found[one] for one in upper[:after]]


SELECT_PIECE_AT: Final = """
SELECT * FROM (
    SELECT topic, partition, first_offset, end_offset, max_record_ms, lines, shelf
    FROM log_chunks
    WHERE topic = $1 AND partition = $2 AND first_offset <= $3 AND first_offset > $3 - 4096
    ORDER BY first_offset DESC LIMIT 1
) AS piece
WHERE end_offset > $3
"""
# Every piece holds at least one line, so as many pieces as lines are enough. One statement: pieces
# after the line, merged with its own in between, would be neither before nor after it.
SELECT_PIECES_AROUND: Final = """
(SELECT topic, partition, first_offset, end_offset, max_record_ms, lines, shelf
 FROM log_chunks
 WHERE topic = $1 AND partition = $2 AND first_offset <= $3 AND lines > 0
 ORDER BY first_offset DESC LIMIT $4)
UNION ALL
(SELECT topic, partition, first_offset, end_offset, max_record_ms, lines, shelf
 FROM log_chunks
 WHERE topic = $1 AND partition = $2 AND first_offset > $3 AND lines > 0
 ORDER BY first_offset LIMIT $5)
"""


def _offset_order(bounds: PieceBounds) -> tuple[str, int, int]:
    return (bounds.topic, bounds.partition, bounds.first_offset)


class _Scan(Generic[_V]):
    """One search: the best lines so far, and how far down in time all were looked at."""

    def __init__(
        self,
        cache: PieceCache[_V],
        shelves: Sequence[Shelf],
        wanted: LineFilter,
        limit: int,
        after: LineKey | None,
    ) -> None:
        self._cache = cache
        self._shelves = shelves
        self._shelves_looked_into = 1
        self._wanted = wanted
        self._limit = limit
        self._after = after
        self._matches = wanted.predicate()
        self._best: list[FoundLine[_V]] = []
        self._pieces_read = 0
        self._scanned_to_ms: int | None = None
        until = wanted.until_ms if after is None else min(wanted.until_ms, after[0] + 1)
        self._until_ms = until
        self._place: tuple[int, str, int, int] = (END_OF_TIME_MS, _LAST_TEXT, 0, 0)

    async def pieces(self, connection: Connection, count: int) -> Sequence[asyncpg.Record]:
        """Return the next pieces that can match, of those that one look takes in."""
        newest_ms = min(self._place[0], self._until_ms)
        look = next_look(
            self._shelves, self._wanted.since_ms, newest_ms, at_least=self._shelves_looked_into
        )
        self._shelves_looked_into = look.shelves
        found = await self._select(connection, count, look)
        if len(found) == count:
            # The marker of a full batch: what follows it is unknown.
            last = bounds_from_row(found[-1])
            self._place = (last.max_record_ms, last.topic, last.partition, last.first_offset)
            self._scanned_to_ms = last.max_record_ms
        elif look.since_ms > self._wanted.since_ms:
            self._scanned_to_ms = look.since_ms - 1
            self._place = (self._scanned_to_ms, _LAST_TEXT, 0, 0)
        else:
            self._scanned_to_ms = None
        return found

    async def _select(self, connection: Connection, count: int, look: Look) -> list[asyncpg.Record]:
        wanted = self._wanted
        found = await connection.fetch(
            SELECT_PIECES,
            *self._place,
            look.since_ms,
            self._until_ms - 1,
            wanted.service,
            _sorted_or_none(wanted.severities),
            _sorted_or_none(wanted.shape_ids),
            count,
            look.oldest_shelf,
        )
        return sorted(found, key=_LIST_ORDER, reverse=True)[:count]

    async def batches(self, connection: Connection) -> AsyncIterator[Sequence[asyncpg.Record]]:
        """Yield all pieces in batches, until the budget is spent."""
        while self._pieces_read < MAX_PIECES:
            batch = await self.pieces(connection, _BATCH)
            yield batch
            if self._scanned_to_ms is None:
                return

    async def run(self, connection: Connection, batch: Sequence[asyncpg.Record]) -> bool:
        """Look at these pieces; return whether the page is complete."""
        for row in batch:
            bounds = bounds_from_row(row)
            # All lines of this and later pieces are at most this new.
            if self._is_full_above(bounds.max_record_ms):
                self._scanned_to_ms = None
                return True
            self._take(await self._cache.get(connection, bounds))
            self._pieces_read += 1
        if self._scanned_to_ms is None:
            return True
        if self._is_full_above(self._scanned_to_ms):
            self._scanned_to_ms = None
            return True
        return False

    def _is_full_above(self, record_ms: int) -> bool:
        return len(self._best) >= self._limit and self._best[-1][0][0] > record_ms

    def _take(self, piece: Piece[_V]) -> None:
        found = piece.newest(self._limit, below=self._after, matches=self._matches)
        is_in_order = not self._best or not found or self._best[-1][0] > found[0][0]
        self._best += found
        if not is_in_order:
            self._best.sort(key=itemgetter(0), reverse=True)
        del self._best[self._limit :]

    def page(self) -> LinePage[_V]:
        """Return what was found; what lies below the scanned part is cut off."""
        floor = self._scanned_to_ms
        best = self._best if floor is None else [one for one in self._best if one[0][0] > floor]
        return LinePage(
            [key for key, _, _ in best],
            [piece.view(position) for _, position, piece in best],
            floor,
        )


def _sorted_or_none(values: frozenset[int] | None) -> list[int] | None:
    return None if values is None else sorted(values)
