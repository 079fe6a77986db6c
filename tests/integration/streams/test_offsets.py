from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from schemas.db.pool import Connection
from schemas.errors import ConfigError, OffsetFenceError
from streams.offsets import (
    PROGRESS_CHANNEL,
    OffsetSpan,
    PartitionRange,
    StoredRange,
    advance_offset,
    claim_partition,
    lock_offset,
    select_stored_range,
)

pytestmark = pytest.mark.integration

TOPIC_ID, OTHER_TOPIC_ID = UUID(int=7), UUID(int=8)
FORMER, PRESENT = UUID(int=1), UUID(int=2)
HELD = PartitionRange(topic="logs.raw", partition=0, beginning=0, end=1_000, topic_id=TOPIC_ID)


def held(**changes: object) -> PartitionRange:
    return msgspec.structs.replace(HELD, **changes)


def span(first: int, end: int) -> OffsetSpan:
    return OffsetSpan(topic="logs.raw", partition=0, first=first, end=end)


async def advance(connection: Connection, end: int, writer: UUID = FORMER) -> None:
    await advance_offset(connection, span(0, end), max_event_ns=0, writer=writer)


async def test_a_partition_never_seen_starts_where_the_log_begins(connection: Connection) -> None:
    assert await claim_partition(connection, held(beginning=40), FORMER) == 40

    stored = await select_stored_range(connection, "logs.raw", 0)
    assert stored == StoredRange(first=40, next=40)


async def test_a_claim_goes_on_where_the_rows_end(connection: Connection) -> None:
    await claim_partition(connection, HELD, FORMER)
    await advance(connection, 120)

    assert await claim_partition(connection, HELD, PRESENT) == 120
    assert await claim_partition(connection, HELD, PRESENT) == 120


async def test_the_fence_refuses_a_former_writer(connection: Connection) -> None:
    await claim_partition(connection, HELD, FORMER)
    await claim_partition(connection, HELD, PRESENT)

    with pytest.raises(OffsetFenceError) as locking:
        await lock_offset(connection, "logs.raw", 0, FORMER)
    with pytest.raises(OffsetFenceError):
        await advance(connection, 10, FORMER)

    assert (locking.value.topic, locking.value.partition) == ("logs.raw", 0)
    assert await lock_offset(connection, "logs.raw", 0, PRESENT) == 0


async def test_the_fence_refuses_who_never_claimed(connection: Connection) -> None:
    with pytest.raises(OffsetFenceError):
        await lock_offset(connection, "logs.raw", 0, FORMER)


async def test_a_claim_waits_for_the_transaction_under_way(
    connection: Connection, database: str
) -> None:
    """What the former writer has locked it may finish; the new one goes on behind it."""
    await claim_partition(connection, HELD, FORMER)
    former = await asyncpg.connect(database)
    transaction = former.transaction()
    await transaction.start()
    await lock_offset(former, "logs.raw", 0, FORMER)
    await connection.execute("SET lock_timeout = '50ms'")
    with pytest.raises(asyncpg.LockNotAvailableError):
        await claim_partition(connection, HELD, PRESENT)
    await advance(former, 55)
    await transaction.commit()
    await former.close()

    assert await claim_partition(connection, HELD, PRESENT) == 55


async def test_a_truncated_log_is_a_gap_and_the_stream_goes_on(connection: Connection) -> None:
    await claim_partition(connection, HELD, FORMER)
    await advance(connection, 120)

    assert await claim_partition(connection, held(beginning=300), PRESENT) == 300
    assert await claim_partition(connection, held(beginning=300), PRESENT) == 300

    rows = await connection.fetch("SELECT from_offset, to_offset, reason FROM offset_gaps")
    assert [tuple(row) for row in rows] == [(120, 300, "retention")]
    assert await select_stored_range(connection, "logs.raw", 0) == StoredRange(first=0, next=300)


@pytest.mark.parametrize(
    "anew", [held(topic_id=OTHER_TOPIC_ID), held(end=119), held(topic_id=None, end=119)]
)
async def test_a_topic_made_anew_is_refused_with_the_command(
    connection: Connection, anew: PartitionRange
) -> None:
    await claim_partition(connection, HELD, FORMER)
    await advance(connection, 120)

    with pytest.raises(ConfigError, match=r"run `aiops topics forget logs\.raw`"):
        await claim_in_transaction(connection, anew)

    assert await lock_offset(connection, "logs.raw", 0, FORMER) == 120


async def claim_in_transaction(connection: Connection, anew: PartitionRange) -> None:
    async with connection.transaction():
        await claim_partition(connection, anew, PRESENT)


async def test_the_newest_event_time_never_goes_back(connection: Connection) -> None:
    await claim_partition(connection, HELD, FORMER)
    await advance_offset(connection, span(0, 10), max_event_ns=500, writer=FORMER)
    await advance_offset(connection, span(10, 20), max_event_ns=300, writer=FORMER)

    assert await connection.fetchval("SELECT max_event_ns FROM stream_offsets") == 500


async def test_listeners_hear_of_progress_when_it_is_committed(
    connection: Connection, database: str
) -> None:
    heard: list[str] = []
    await claim_partition(connection, HELD, FORMER)
    listener = await asyncpg.connect(database)
    await listener.add_listener(PROGRESS_CHANNEL, lambda *args: heard.append(args[-1]))
    async with connection.transaction():
        await advance(connection, 10)
        await listener.execute("SELECT 1")
        heard_before_commit = list(heard)
    await listener.execute("SELECT 1")
    await listener.close()

    assert heard_before_commit == []
    assert [msgspec.json.decode(one) for one in heard] == [
        {"topic": "logs.raw", "partition": 0, "next_offset": 10}
    ]


async def test_two_partitions_are_written_side_by_side(
    connection: Connection, database: str
) -> None:
    await claim_partition(connection, HELD, FORMER)
    await claim_partition(connection, held(partition=1), PRESENT)
    other = await asyncpg.connect(database)

    async with connection.transaction(), other.transaction():
        await lock_offset(connection, "logs.raw", 0, FORMER)
        assert await lock_offset(other, "logs.raw", 1, PRESENT) == 0
    await other.close()


async def test_a_writer_is_known_by_an_id_of_its_own(connection: Connection) -> None:
    writers = [uuid4(), uuid4()]
    for writer in writers:
        await claim_partition(connection, HELD, writer)

    assert await connection.fetchval("SELECT writer FROM stream_offsets") == writers[-1]
