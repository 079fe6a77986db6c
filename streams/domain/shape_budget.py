"""A block keeps a bounded number of shapes per service; what comes after falls back.

Records of a block are read in order of offset, so "the first so many" is a function of the block's
records: a live worker, a restarted one and a replay agree.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from streams.domain.log_blocks import service_key
from streams.domain.log_lines import PreparedLine, PreparedRecord
from streams.domain.templates import coarse_shape, shape_id

DEFAULT_SHAPE_ROOM: Final = 2_000
# When the room is used up, so many coarse shapes (the same first word) are taken in still.
COARSE_ROOM: Final = 256
ANYTHING: Final = "<*>"


class ShapeBudget:
    """The shapes that a block has admitted so far, by service key."""

    def __init__(self, room: int, admitted: Mapping[str, Iterable[int]]) -> None:
        self._room = room
        self._admitted = {service: set(shapes) for service, shapes in admitted.items()}

    def admit(self, record: PreparedRecord) -> PreparedRecord:
        """Return the record, its lines with shapes that the budget holds."""
        lines = tuple(self._admit_line(line) for line in record.lines)
        return msgspec.structs.replace(record, lines=lines)

    def _admit_line(self, line: PreparedLine) -> PreparedLine:
        service = line.stored.event.service
        admitted = self._admitted.setdefault(service_key(service), set())
        if line.stored.shape_id in admitted:
            return line
        if len(admitted) < self._room:
            admitted.add(line.stored.shape_id)
            return line
        shape = coarse_shape(line.shape)
        coarse_id = shape_id(service, shape)
        if coarse_id not in admitted and len(admitted) >= self._room + COARSE_ROOM:
            shape, coarse_id = ANYTHING, shape_id(service, ANYTHING)
        admitted.add(coarse_id)
        stored = msgspec.structs.replace(line.stored, shape_id=coarse_id)
        return PreparedLine(stored, shape)


def new_shapes(records: Iterable[PreparedRecord]) -> dict[str, set[int]]:
    """Return the shapes of the records by service key."""
    kinds = {
        (line.stored.event.service, line.stored.shape_id)
        for record in records
        for line in record.lines
    }
    shapes: dict[str, set[int]] = {}
    for service, shape in kinds:
        shapes.setdefault(service_key(service), set()).add(shape)
    return shapes
