"""Decoded pieces of chunks: one statement for those not in the cache, bounded by lines."""

import asyncio
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, repeat
from typing import Final, Generic, TypeAlias, TypeVar

import asyncpg
import msgspec

from schemas.chunks import RawText, StoredLine, unpack_lines
from schemas.db.pool import Connection
from schemas.ids import RecordId

# More is decoded off the event loop: a sealed chunk is 60 KiB or more and takes about 10 ms.
_INLINE_BYTES: Final = 16_384

LineKey = tuple[int, RecordId]
"""The order of lists: the record's Kafka timestamp in ms, then the coordinates."""

LineTest: TypeAlias = Callable[[StoredLine], bool]

_V = TypeVar("_V")


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """A stored line with its coordinates and its record's raw text."""

    record_id: RecordId
    stored: StoredLine
    raw: RawText | None

    @property
    def key(self) -> LineKey:
        """Return the line's place in lists."""
        return (self.stored.record_ms, self.record_id)


class PieceBounds(msgspec.Struct, frozen=True):
    """Which offsets [first, end) of a partition a piece holds, and its newest record's time.

    The piece lies on this shelf of the stored lines or, merged into a larger one, on a newer one.
    """

    topic: str
    partition: int
    first_offset: int
    end_offset: int
    max_record_ms: int
    lines: int
    shelf: int = 0


class Piece(Generic[_V]):
    """The decoded lines of a run of offsets; what the API makes of a line is made once."""

    def __init__(self, lines: list[LogLine], view: Callable[[LogLine], _V]) -> None:
        self.lines = lines
        keys = [line.key for line in lines]
        self._oldest_first = sorted(range(len(lines)), key=keys.__getitem__)
        self._keys = [keys[position] for position in self._oldest_first]
        self._view = view
        self._views: list[_V | None] = [None] * len(lines)

    def newest(
        self, limit: int, *, below: LineKey | None, matches: LineTest | None
    ) -> "list[FoundLine[_V]]":
        """Return up to `limit` lines, newest first: those below a key that pass a test."""
        end = len(self._keys) if below is None else bisect_left(self._keys, below)
        start = 0 if matches else max(0, end - limit)
        found: Iterator[FoundLine[_V]] = zip(
            reversed(self._keys[start:end]),
            reversed(self._oldest_first[start:end]),
            repeat(self),  # no end of its own
            strict=False,
        )
        if matches is not None:
            found = (one for one in found if matches(self.lines[one[1]].stored))
        return list(islice(found, limit))

    def view(self, position: int) -> _V:
        """Return the API's object for the line at this position."""
        found = self._views[position]
        if found is None:
            found = self._views[position] = self._view(self.lines[position])
        return found


FoundLine: TypeAlias = tuple[LineKey, int, Piece[_V]]
"""A line in a search: its place in lists, its position in its piece."""

# The piece may have been merged into a larger one since its bounds were read: whatever overlaps
# holds the same lines.
SELECT_PAYLOADS: Final = """
SELECT payload FROM log_chunks
WHERE topic = $1 AND partition = $2 AND end_offset > $3 AND first_offset < $4
  AND first_offset > $3 - 4096 AND shelf >= $5
ORDER BY first_offset
"""


class PieceCache(Generic[_V]):
    """The most recently used pieces, `max_lines` in all."""

    def __init__(self, view: Callable[[LogLine], _V], *, max_lines: int) -> None:
        self._view = view
        self._max_lines = max_lines
        self._pieces: OrderedDict[PieceBounds, Piece[_V]] = OrderedDict()
        self._lines = 0

    async def get(self, connection: Connection, bounds: PieceBounds) -> Piece[_V]:
        """Return the lines of these offsets."""
        found = self._pieces.get(bounds)
        if found is not None:
            self._pieces.move_to_end(bounds)
            return found
        rows = await connection.fetch(
            SELECT_PAYLOADS,
            bounds.topic,
            bounds.partition,
            bounds.first_offset,
            bounds.end_offset,
            bounds.shelf,
        )
        piece = Piece(await decode_rows(rows, bounds), self._view)
        self._remember(bounds, piece)
        return piece

    def _remember(self, bounds: PieceBounds, piece: Piece[_V]) -> None:
        if bounds in self._pieces:
            return
        self._pieces[bounds] = piece
        self._lines += len(piece.lines)
        while self._lines > self._max_lines and len(self._pieces) > 1:
            _, oldest = self._pieces.popitem(last=False)
            self._lines -= len(oldest.lines)

    @property
    def cached_lines(self) -> int:
        """Return how many lines are held."""
        return self._lines


async def decode_rows(rows: Sequence[asyncpg.Record], bounds: PieceBounds) -> list[LogLine]:
    """Return the lines of rows of SELECT_PAYLOADS that lie within the bounds, in order."""
    payloads = [row["payload"] for row in rows]
    if sum(map(len, payloads)) <= _INLINE_BYTES:
        return _decode_lines(payloads, bounds)
    return await asyncio.to_thread(_decode_lines, payloads, bounds)


def _decode_lines(payloads: Sequence[bytes], bounds: PieceBounds) -> list[LogLine]:
    """Return the lines of these payloads that lie within the bounds, in order."""
    lines: list[LogLine] = []
    raw: RawText | None = None
    for payload in payloads:
        for stored in unpack_lines(payload):
            if stored.index == 0:
                raw = stored.raw
            if bounds.first_offset <= stored.offset < bounds.end_offset:
                record_id = stored.record_id(bounds.topic, bounds.partition)
                lines.append(LogLine(record_id, stored, raw))
    return lines


def bounds_from_row(row: asyncpg.Record) -> PieceBounds:
    """Return the bounds in a row with the columns of PieceBounds, in its order."""
    return PieceBounds(*row)
