"""The lines of a shape are those of its blocks, whatever was written, replayed, dropped."""

from collections.abc import AsyncIterator, Sequence
from random import Random

import asyncpg
import pytest

from schemas.db.migrate import migrate
from schemas.db.pool import Connection
from schemas.ids import BLOCK_RECORDS, block_of
from streams.domain.log_lines import LinePreparer, PreparedRecord
from streams.domain.shape_budget import DEFAULT_SHAPE_ROOM
from streams.offsets import OffsetSpan, PartitionRange, advance_offset, claim_partition
from streams.store.forgetting import forget_topic
from streams.store.logs import append_records, replace_block
from tests.databases import migrate_to_before
from tests.log_records import log_records
from tests.stored_lines import TOPIC, WINDOW_NS, WRITER, pass_days, retain

pytestmark = pytest.mark.integration

PARTITIONS = 3
# A stream crosses an edge of blocks in the middle.
FIRST_OFFSET = BLOCK_RECORDS - 900
SELECT_DIFFERENCES = """
SELECT * FROM log_shape_totals AS total
FULL JOIN (SELECT shape_id, topic, partition, sum(lines) AS lines FROM log_block_shapes
           GROUP BY shape_id, topic, partition) AS blocks
USING (shape_id, topic, partition)
WHERE total.lines IS DISTINCT FROM blocks.lines
"""


class Stream:
    """The records of one partition, and how far they are written."""

    def __init__(self, partition: int) -> None:
        preparer = LinePreparer()
        self._partition = partition
        self.records = [
            preparer.prepare(one)
            for one in log_records(
                1_800, seed=partition, partition=partition, first_offset=FIRST_OFFSET
            )
        ]
        self.written = 0
        self._next_offset = FIRST_OFFSET

    async def append(self, connection: Connection, count: int) -> None:
        """Write the next records as a worker does."""
        batch = self.records[self.written : self.written + count]
        if not batch:
            return
        span = self._span(self._next_offset, batch[-1].offset + 1)
        held = PartitionRange(
            topic=TOPIC, partition=self._partition, beginning=FIRST_OFFSET, end=2**62
        )
        async with connection.transaction():
            await claim_partition(connection, held, WRITER)
            await append_records(connection, span, batch, window_ns=WINDOW_NS)
            await advance_offset(connection, span, max_event_ns=0, writer=WRITER)
        self.written += len(batch)
        self._next_offset = span.end

    async def replay(self, connection: Connection, chooser: Random) -> None:
        """Write one of the stored blocks anew: as before, in fewer shapes, or a part of it."""
        block = chooser.choice(range(block_of(FIRST_OFFSET), block_of(self._next_offset - 1) + 1))
        first, last = block * BLOCK_RECORDS, (block + 1) * BLOCK_RECORDS
        own = self._stored(first, last)
        kept = own[: chooser.choice((len(own), len(own) // 2))]
        span = self._span(first, min(last, self._next_offset))
        async with connection.transaction():
            await replace_block(
                connection,
                span,
                kept,
                window_ns=WINDOW_NS,
                shape_room=chooser.choice((DEFAULT_SHAPE_ROOM, 2)),
            )

    def forgotten(self) -> None:
        """Have the partition begin anew."""
        self.written, self._next_offset = 0, FIRST_OFFSET

    def _stored(self, first: int, last: int) -> Sequence[PreparedRecord]:
        return [one for one in self.records[: self.written] if first <= one.offset < last]

    def _span(self, first: int, end: int) -> OffsetSpan:
        return OffsetSpan(topic=TOPIC, partition=self._partition, first=first, end=end)


async def do_something(connection: Connection, streams: Sequence[Stream], chooser: Random) -> None:
    """Write a batch, replay a block, let days pass or drop the topic."""
    stream = chooser.choice(streams)
    what = chooser.choices(("append", "replay", "retain", "forget"), (12, 6, 2, 1))[0]
    if what == "append" or not stream.written:
        await stream.append(connection, chooser.choice((1, 20, 300)))
    elif what == "replay":
        await stream.replay(connection, chooser)
    elif what == "retain":
        await pass_days(connection, 2)
        await retain(connection, 2)
    else:
        async with connection.transaction():
            await forget_topic(connection, TOPIC, window_minutes=5)
        for one in streams:
            one.forgotten()


@pytest.mark.parametrize("seed", range(4))
async def test_totals_are_the_sums_of_the_blocks_after_each_of_many_steps(
    connection: Connection, seed: int
) -> None:
    chooser = Random(seed)
    streams = [Stream(partition) for partition in range(PARTITIONS)]
    most = 0
    for _ in range(60):
        await do_something(connection, streams, chooser)

        assert await connection.fetch(SELECT_DIFFERENCES) == []
        most = max(most, await connection.fetchval("SELECT count(*) FROM log_shape_totals"))

    assert most > 20


async def test_writers_of_two_partitions_do_not_wait_for_each_other(
    database: str, connection: Connection
) -> None:
    other = await asyncpg.connect(database, server_settings={"lock_timeout": "1ms"})
    batches = [Stream(partition).records for partition in (0, 1)]
    spans = [
        OffsetSpan(topic=TOPIC, partition=partition, first=FIRST_OFFSET, end=batch[-1].offset + 1)
        for partition, batch in enumerate(batches)
    ]
    writing = connection.transaction()
    await writing.start()
    await append_records(connection, spans[0], batches[0], window_ns=WINDOW_NS)

    async with other.transaction():
        await append_records(other, spans[1], batches[1], window_ns=WINDOW_NS)
    await writing.commit()

    assert await other.fetch(SELECT_DIFFERENCES) == []
    shared = "SELECT count(*) - count(DISTINCT shape_id) FROM log_shape_totals"
    assert await other.fetchval(shared)
    await other.close()


@pytest.fixture
async def unsummed(empty_database: str) -> AsyncIterator[Connection]:
    """A database of the release before there were totals."""
    opened = await asyncpg.connect(empty_database)
    await migrate_to_before(opened, "0009_shape_totals")
    yield opened
    await opened.close()


async def test_what_was_stored_before_is_summed_up(
    empty_database: str, unsummed: Connection
) -> None:
    for partition in range(PARTITIONS):
        await Stream(partition).append(unsummed, 1_500)

    await migrate(empty_database)

    assert await unsummed.fetch(SELECT_DIFFERENCES) == []
    blocks = await unsummed.fetchval("SELECT sum(lines) FROM log_block_shapes")
    assert await unsummed.fetchval("SELECT sum(lines) FROM log_shape_totals") == blocks > 0
