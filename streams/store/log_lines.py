"""Reads lines of some shapes out of the chunks, for the findings that want to see them."""

from collections.abc import Sequence
from typing import Final

import msgspec

from schemas.chunks import PieceBodies
from schemas.db.pool import Connection

# A request reads at most so many pieces, evenly spread over those that can hold its lines.
MAX_PIECES_READ: Final = 16
# Decoded pieces kept for the next requests: about 1 MB each.
MAX_PIECES_KEPT: Final = 32


class PiecePlace(msgspec.Struct, frozen=True):
    """Where a piece lies; `version` tells it from another one written there later."""

    topic: str
    partition: int
    first_offset: int
    shelf: int
    version: str


class TimedLine(msgspec.Struct, frozen=True, order=True):
    """A line's text in the order that requests are answered in."""

    timestamp_ns: int
    topic: str
    partition: int
    offset: int
    index: int
    body: str


# One statement: a writer merges the pieces of an open chunk with each batch, and one that was found
# could be gone before it is read. The payloads of pieces that are kept stay where they are.
SELECT_PIECES: Final = """
WITH found AS (
    SELECT topic, partition, first_offset, shelf, xmin::text AS version, payload,
           row_number() OVER (ORDER BY topic, partition, first_offset) - 1 AS number,
           count(*) OVER () AS pieces
    FROM log_chunks
    WHERE int8range(min_event_ns, max_event_ns, '[]') && int8range($1, $2)
      AND shape_ids && $3::bigint[])
SELECT topic, partition, first_offset, shelf, version,
       CASE WHEN (topic, partition, first_offset, shelf, version) NOT IN (
           SELECT * FROM unnest($5::text[], $6::integer[], $7::bigint[], $8::integer[], $9::text[]))
       THEN payload END AS payload
FROM found WHERE number % ((pieces + $4::integer - 1) / $4::integer) = 0
ORDER BY topic, partition, first_offset
"""


class LineReader:
    """Reads lines by shape and time; keeps the pieces it decoded last."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kept: dict[PiecePlace, PieceBodies] = {}

    async def select_lines(
        self, shape_ids: Sequence[int], start_ns: int, end_ns: int
    ) -> list[TimedLine]:
        """Return lines of the shapes in [start_ns, end_ns), in order of time, then of place.

        All of them while they lie in few pieces; else those of pieces spread over the range.
        """
        pieces = await self._select_pieces(shape_ids, start_ns, end_ns)
        return sorted(
            TimedLine(line.timestamp_ns, place.topic, place.partition, *line[1:])
            for place, bodies in pieces.items()
            for line in bodies.lines(shape_ids)
            if start_ns <= line.timestamp_ns < end_ns
        )

    async def _select_pieces(
        self, shape_ids: Sequence[int], start_ns: int, end_ns: int
    ) -> dict[PiecePlace, PieceBodies]:
        """Return the pieces to read; of the others, keep those used last."""
        fields = PiecePlace.__struct_fields__
        columns = [[getattr(place, field) for place in self._kept] for field in fields]
        rows = await self._connection.fetch(
            SELECT_PIECES, start_ns, end_ns, shape_ids, MAX_PIECES_READ, *columns
        )
        pieces = {}
        for *members, payload in (row.values() for row in rows):
            place = PiecePlace(*members)
            pieces[place] = self._kept.pop(place) if payload is None else PieceBodies(payload)
        self._kept |= pieces
        while len(self._kept) > MAX_PIECES_KEPT:
            del self._kept[next(iter(self._kept))]
        return pieces
