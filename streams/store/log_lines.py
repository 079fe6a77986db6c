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


SELECT_PLACES: Final = """
SELECT topic, partition, first_offset, shelf, xmin::text AS version FROM log_chunks
WHERE int8range(min_event_ns, max_event_ns, '[]') && int8range($1, $2) AND shape_ids && $3::bigint[]
ORDER BY topic, partition, first_offset
"""

SELECT_PAYLOADS: Final = """
SELECT piece.topic, piece.partition, piece.first_offset, piece.shelf, piece.xmin::text AS version,
       piece.payload
FROM log_chunks AS piece
JOIN unnest($1::text[], $2::integer[], $3::bigint[], $4::integer[])
    AS wanted (topic, partition, first_offset, shelf)
ON piece.topic = wanted.topic AND piece.partition = wanted.partition
    AND piece.first_offset = wanted.first_offset AND piece.shelf = wanted.shelf
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
        rows = await self._connection.fetch(SELECT_PLACES, start_ns, end_ns, shape_ids)
        places = [PiecePlace(*row.values()) for row in rows]
        chosen = places[:: max(-(-len(places) // MAX_PIECES_READ), 1)]
        await self._keep(chosen)
        return sorted(
            TimedLine(line.timestamp_ns, place.topic, place.partition, *line[1:])
            for place in chosen
            for line in self._kept[place].lines(shape_ids)
            if start_ns <= line.timestamp_ns < end_ns
        )

    async def _keep(self, places: Sequence[PiecePlace]) -> None:
        """Have these pieces decoded; of the others, keep those used last."""
        missing = [place for place in places if place not in self._kept]
        rows = await self._connection.fetch(
            SELECT_PAYLOADS,
            [place.topic for place in missing],
            [place.partition for place in missing],
            [place.first_offset for place in missing],
            [place.shelf for place in missing],
        )
        for row in rows:
            place = PiecePlace(*list(row.values())[:5])
            self._kept[place] = PieceBodies(row["payload"])
        for place in places:
            self._kept[place] = self._kept.pop(place)
        while len(self._kept) > MAX_PIECES_KEPT:
            del self._kept[next(iter(self._kept))]
