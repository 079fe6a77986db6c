"""Keeps the shapes of a block within its budget before anything of a batch is written."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from schemas.db.pool import Connection
from schemas.ids import block_of
from streams.domain.log_lines import PreparedRecord
from streams.domain.shape_budget import ShapeBudget, new_shapes
from streams.offsets import OffsetSpan

COUNT_BLOCK_SHAPES: Final = """
SELECT service, count(*) AS shapes FROM log_block_shapes
WHERE topic = $1 AND partition = $2 AND block = $3 GROUP BY service
"""

SELECT_BLOCK_SHAPES: Final = """
SELECT service, array_agg(shape_id) AS shape_ids FROM log_block_shapes
WHERE topic = $1 AND partition = $2 AND block = $3 GROUP BY service
"""


async def fit_appended(
    connection: Connection, span: OffsetSpan, records: Sequence[PreparedRecord], *, room: int
) -> list[PreparedRecord]:
    """Return records that go on where the stored ones end, in shapes that their blocks hold."""
    fitted: list[PreparedRecord] = []
    for block, group in groupby(records, key=lambda record: block_of(record.offset)):
        place = (span.topic, span.partition, block)
        of_block = list(group)
        rows = await connection.fetch(COUNT_BLOCK_SHAPES, *place)
        stored = {row["service"]: row["shapes"] for row in rows}
        if not _may_overflow(of_block, stored, room):
            fitted += of_block
            continue
        rows = await connection.fetch(SELECT_BLOCK_SHAPES, *place)
        budget = ShapeBudget(room, {row["service"]: row["shape_ids"] for row in rows})
        fitted += [budget.admit(record) for record in of_block]
    return fitted


def fit_block(records: Sequence[PreparedRecord], *, room: int) -> list[PreparedRecord]:
    """Return all records of one block, in shapes that the block holds."""
    if not _may_overflow(records, {}, room):
        return list(records)
    budget = ShapeBudget(room, {})
    return [budget.admit(record) for record in records]


def _may_overflow(records: Sequence[PreparedRecord], stored: dict[str, int], room: int) -> bool:
    return any(
        stored.get(service, 0) + len(shapes) > room
        for service, shapes in new_shapes(records).items()
    )
