"""A stream of numbers: the smallest handler that tells a lost record from a repeated one.

As the logs' handler it keeps each record and adds to a count of its block, so that a record written
twice shows, and a block replaced while it grows.
"""

from collections.abc import Sequence
from typing import Final

from schemas.db.pool import Connection
from schemas.ids import block_of
from schemas.records import Rejection, SourceRecord
from streams.domain.prepared import Prepared
from streams.offsets import OffsetSpan

# No key: a number that is written twice is there twice.
CREATE_TABLES: Final = """
CREATE TABLE numbers (
    topic text NOT NULL, partition integer NOT NULL, "offset" bigint NOT NULL,
    number bigint NOT NULL);
CREATE TABLE number_blocks (
    topic text NOT NULL, partition integer NOT NULL, block bigint NOT NULL,
    records bigint NOT NULL, total bigint NOT NULL, PRIMARY KEY (topic, partition, block));
"""

NOT_A_NUMBER: Final = "not_a_number"
EMPTY: Final = "empty"
# A number that the handler fails to write, as a bug of ours would.
UNWRITABLE: Final = 666


class PreparedNumber(Prepared, frozen=True, kw_only=True):
    """A record and its number."""

    number: int | None = None


INSERT_NUMBERS: Final = """
INSERT INTO numbers (topic, partition, "offset", number)
SELECT $1, $2, * FROM unnest($3::bigint[], $4::bigint[])
"""
DELETE_NUMBERS: Final = """
DELETE FROM numbers
WHERE topic = $1 AND partition = $2 AND "offset" >= $3 AND "offset" < $4
"""
SELECT_NUMBERS: Final = """
SELECT "offset", number FROM numbers WHERE topic = $1 AND partition = $2 ORDER BY 1, 2
"""
ADD_TO_BLOCK: Final = """
INSERT INTO number_blocks AS stored (topic, partition, block, records, total)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (topic, partition, block) DO UPDATE
SET records = stored.records + EXCLUDED.records, total = stored.total + EXCLUDED.total
"""
DELETE_BLOCK: Final = """
DELETE FROM number_blocks WHERE topic = $1 AND partition = $2 AND block = $3
"""
SELECT_BLOCK: Final = """
SELECT records, total FROM number_blocks WHERE topic = $1 AND partition = $2 AND block = $3
"""
SELECT_WRITER: Final = """
SELECT writer FROM stream_offsets WHERE topic = $1 AND partition = $2
"""


class NumbersHandler:
    """Writes numbers as an agent's handler, and blocks of them as a replay's."""

    def prepare(self, record: SourceRecord) -> PreparedNumber:
        """Return the record's number, or why there is none."""
        if not record.value:
            return PreparedNumber(record=record, dropped=EMPTY)
        if not record.value.isdigit():
            return self.reject(record, Rejection(NOT_A_NUMBER))
        return PreparedNumber(record=record, number=int(record.value))

    def reject(self, record: SourceRecord, rejection: Rejection) -> PreparedNumber:
        """Return the record as rejected."""
        return PreparedNumber(record=record, rejection=rejection)

    def newest_event_ns(self, records: Sequence[PreparedNumber]) -> int:
        """Return the largest number, for a time."""
        return max((one.number or 0 for one in records), default=0)

    async def append(
        self, connection: Connection, span: OffsetSpan, records: Sequence[PreparedNumber]
    ) -> None:
        """Add the numbers of records never stored before.

        Raises:
            ValueError: one of them is unwritable.
        """
        written = [(one.offset, one.number) for one in records if one.number is not None]
        numbers = [number for _, number in written]
        if UNWRITABLE in numbers:
            raise ValueError(UNWRITABLE)
        place = (span.topic, span.partition)
        offsets = [offset for offset, _ in written]
        await connection.execute(INSERT_NUMBERS, *place, offsets, numbers)
        block = block_of(span.first)
        await connection.execute(ADD_TO_BLOCK, *place, block, len(records), sum(numbers))

    async def replace(
        self, connection: Connection, span: OffsetSpan, records: Sequence[PreparedNumber]
    ) -> bool:
        """Write a block in place of what is stored for it; tell whether anything differs."""
        place = (span.topic, span.partition)
        before = await self._stored(connection, span)
        await connection.execute(DELETE_NUMBERS, *place, span.first, span.end)
        await connection.execute(DELETE_BLOCK, *place, block_of(span.first))
        await self.append(connection, span, records)
        return await self._stored(connection, span) != before

    async def _stored(self, connection: Connection, span: OffsetSpan) -> list[tuple[int, int]]:
        rows = await connection.fetch(SELECT_NUMBERS, span.topic, span.partition)
        return [(row["offset"], row["number"]) for row in rows]
