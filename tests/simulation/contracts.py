"""What the fakes and the real servers have in common: the same tests run on both.

Only what the simulated code relies on is asked, and only through it where that can be.
"""

import asyncio
from typing import Protocol
from uuid import UUID

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError, OffsetOutOfRangeError

from schemas.db.pool import Connection, Pool
from schemas.errors import OffsetFenceError
from streams.offsets import (
    OffsetSpan,
    PartitionRange,
    StoredRange,
    advance_offset,
    claim_partition,
    lock_offset,
    select_stored_range,
)
from streams.retrying import is_transient, retry_transient
from tests.simulation.network import Fate
from tests.simulation.statement_series import answers_of_series

FORMER, PRESENT = UUID(int=1), UUID(int=2)
HELD = PartitionRange(topic="numbers", partition=0, beginning=0, end=1_000)
# For what must not happen: a lock that opens too early.
A_WHILE_S = 0.3


class PostgresStage(Protocol):
    """A server with the tables of the streams and of the numbers, and a client with a pool."""

    idle_s: float
    pool: Pool

    async def other_pool(self) -> Pool:
        """Return the pool of another client."""

    async def end_sessions(self) -> None:
        """End all sessions from the server's side."""

    def lose_next(self, fate: Fate) -> None:
        """Lose the next request of the first client, or the answer to it."""


async def claim(connection: Connection, writer: UUID) -> int:
    return await claim_partition(connection, HELD, writer)


async def advance(connection: Connection, end: int, writer: UUID = FORMER) -> None:
    span = OffsetSpan(topic="numbers", partition=0, first=0, end=end)
    await advance_offset(connection, span, max_event_ns=0, writer=writer)


async def next_offset(pool: Pool) -> int | None:
    async with pool.acquire() as connection:
        stored = await select_stored_range(connection, "numbers", 0)
    return None if stored is None else stored.next


async def advance_to(pool: Pool, end: int, writer: UUID = FORMER) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await claim(connection, writer)
        await advance(connection, end, writer)


class PostgresContract:
    """Subclasses give the fixture `stage`."""

    async def test_others_see_what_is_committed_and_nothing_else(
        self, stage: PostgresStage
    ) -> None:
        other = await stage.other_pool()
        async with stage.pool.acquire() as connection, connection.transaction():
            await claim(connection, FORMER)
            await advance(connection, 10)
            seen_before = await next_offset(other)

        assert seen_before is None
        assert await next_offset(other) == 10

    async def test_what_is_rolled_back_was_never_there(self, stage: PostgresStage) -> None:
        await advance_to(stage.pool, 10)
        async with stage.pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await advance(connection, 20)
            await transaction.rollback()

        assert await next_offset(stage.pool) == 10

    async def test_a_transaction_within_another_is_undone_alone(self, stage: PostgresStage) -> None:
        async with stage.pool.acquire() as connection, connection.transaction():
            await claim(connection, FORMER)
            await advance(connection, 10)
            inner = connection.transaction()
            await inner.start()
            await advance(connection, 20)
            await inner.rollback()
            async with connection.transaction():
                kept = await lock_offset(connection, "numbers", 0, FORMER)
                await advance(connection, 15)

        assert kept == 10
        assert await next_offset(stage.pool) == 15

    async def test_an_exception_rolls_back(self, stage: PostgresStage) -> None:
        with pytest.raises(OffsetFenceError):
            await self.fail_after_claim(stage.pool)

        assert await next_offset(stage.pool) is None

    async def fail_after_claim(self, pool: Pool) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await claim(connection, FORMER)
            await advance(connection, 10, PRESENT)

    async def test_a_claim_waits_for_the_row_and_goes_on_behind_it(
        self, stage: PostgresStage
    ) -> None:
        await advance_to(stage.pool, 10)
        other = await stage.other_pool()
        async with stage.pool.acquire() as connection, connection.transaction():
            await lock_offset(connection, "numbers", 0, FORMER)
            claiming = asyncio.create_task(self.claim_alone(other))
            await asyncio.sleep(A_WHILE_S)
            waits = not claiming.done()
            await advance(connection, 20)

        assert waits
        assert await claiming == 20

    async def claim_alone(self, pool: Pool) -> int:
        async with pool.acquire() as connection, connection.transaction():
            return await claim(connection, PRESENT)

    async def test_a_former_writer_that_waited_is_refused(self, stage: PostgresStage) -> None:
        await advance_to(stage.pool, 10)
        other = await stage.other_pool()
        async with other.acquire() as connection, connection.transaction():
            await claim(connection, PRESENT)
            locking = asyncio.create_task(self.lock_alone(stage.pool))
            await asyncio.sleep(A_WHILE_S)
            waits = not locking.done()
        with pytest.raises(OffsetFenceError):
            await locking

        assert waits

    async def lock_alone(self, pool: Pool) -> int:
        async with pool.acquire() as connection, connection.transaction():
            return await lock_offset(connection, "numbers", 0, FORMER)

    async def test_two_partitions_do_not_wait_for_each_other(self, stage: PostgresStage) -> None:
        other_partition = msgspec.structs.replace(HELD, partition=1)
        other = await stage.other_pool()
        async with stage.pool.acquire() as one, one.transaction():
            await claim(one, FORMER)
            async with asyncio.timeout(10), other.acquire() as two, two.transaction():
                assert await claim_partition(two, other_partition, PRESENT) == 0

    async def test_ended_sessions_leave_nothing_and_free_the_row(
        self, stage: PostgresStage
    ) -> None:
        await advance_to(stage.pool, 10)
        other = await stage.other_pool()
        with pytest.raises(Exception) as caught:  # noqa: PT011 - its kind is asserted
            await self.be_ended(stage)

        assert is_transient(caught.value)
        async with asyncio.timeout(10):
            # The other client's sessions were ended too, and it may only learn of it here.
            assert await retry_transient("claim", lambda: self.claim_alone(other)) == 10
            assert await retry_transient("read", lambda: next_offset(stage.pool)) == 10

    async def be_ended(self, stage: PostgresStage) -> None:
        async with stage.pool.acquire() as connection, connection.transaction():
            await advance(connection, 20)
            await stage.end_sessions()
            await advance(connection, 30)

    async def test_a_lost_request_changes_nothing(self, stage: PostgresStage) -> None:
        await advance_to(stage.pool, 10)

        assert await self.commit_unheard(stage, Fate.REQUEST_LOST) == 10

    async def test_a_commit_whose_answer_is_lost_stays(self, stage: PostgresStage) -> None:
        await advance_to(stage.pool, 10)

        assert await self.commit_unheard(stage, Fate.ANSWER_LOST) == 20

    async def commit_unheard(self, stage: PostgresStage, fate: Fate) -> int | None:
        """Return where the partition stands after a commit that its client takes for failed."""
        other = await stage.other_pool()
        with pytest.raises(Exception) as caught:  # noqa: PT011 - its kind is asserted
            await self.commit_at(stage, fate)
        assert is_transient(caught.value)
        # Locks the row: the server has noticed by then that the client is gone.
        async with asyncio.timeout(30), other.acquire() as connection, connection.transaction():
            await claim(connection, PRESENT)
        return await next_offset(other)

    async def commit_at(self, stage: PostgresStage, fate: Fate) -> None:
        async with stage.pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await advance(connection, 20)
            stage.lose_next(fate)
            await transaction.commit()

    async def test_a_client_silent_in_its_transaction_loses_it(self, stage: PostgresStage) -> None:
        await advance_to(stage.pool, 10)
        other = await stage.other_pool()
        with pytest.raises(Exception) as caught:  # noqa: PT011 - its kind is asserted
            await self.be_silent(stage)

        assert is_transient(caught.value)
        assert await self.claim_alone(other) == 10

    async def be_silent(self, stage: PostgresStage) -> None:
        async with stage.pool.acquire() as connection, connection.transaction():
            await advance(connection, 20)
            await asyncio.sleep(stage.idle_s * 1.5)
            await advance(connection, 30)

    @pytest.mark.parametrize("seed", range(3))
    async def test_a_series_of_statements_is_answered_as_by_the_fake(
        self, stage: PostgresStage, fake_pool: Pool, seed: int
    ) -> None:
        assert await answers_of_series(stage.pool, seed) == await answers_of_series(fake_pool, seed)

    async def test_a_partition_never_seen_has_no_range(self, stage: PostgresStage) -> None:
        async with stage.pool.acquire() as connection:
            assert await select_stored_range(connection, "numbers", 7) is None
            await claim_partition(
                connection, msgspec.structs.replace(HELD, partition=7, beginning=40), FORMER
            )

            stored = await select_stored_range(connection, "numbers", 7)
        assert stored == StoredRange(first=40, next=40)


class KafkaStage(Protocol):
    """A topic `topic` of two partitions, and clients as the streams open them."""

    topic: str
    consumer: AIOKafkaConsumer
    producer: AIOKafkaProducer

    async def append(self, *values: bytes, partition: int = 0) -> None:
        """Add records."""

    async def append_in_transaction(self, value: bytes) -> None:
        """Add a record and what ends its transaction, which takes an offset of its own."""

    async def delete_before(self, offset: int) -> None:
        """Have partition 0 begin there."""


def offsets_and_values(records: list[object]) -> list[tuple[int, bytes]]:
    return [(record.offset, record.value) for record in records]  # type: ignore[attr-defined]


class KafkaContract:
    """Subclasses give the fixture `kafka_stage`."""

    async def read(
        self, stage: KafkaStage, count: int, *, first: int | None = 0
    ) -> list[tuple[int, bytes]]:
        """Return the next records of partition 0, from an offset on, or from where it stands."""
        place = TopicPartition(stage.topic, 0)
        if first is not None:
            stage.consumer.assign([place])
            stage.consumer.seek(place, first)
        found: list[tuple[int, bytes]] = []
        async with asyncio.timeout(30):
            while len(found) < count:
                fetched = await stage.consumer.getmany(place, timeout_ms=500, max_records=2)
                records = fetched.get(place, [])
                assert len(records) <= 2
                found += offsets_and_values(records)
        return found

    async def test_records_come_in_order_and_again_after_a_seek(
        self, kafka_stage: KafkaStage
    ) -> None:
        await kafka_stage.append(b"a", b"b", b"c", b"d", b"e")
        all_five = [(0, b"a"), (1, b"b"), (2, b"c"), (3, b"d"), (4, b"e")]

        assert await self.read(kafka_stage, 5) == all_five
        assert await self.read(kafka_stage, 2, first=3) == all_five[3:]
        place = TopicPartition(kafka_stage.topic, 0)
        assert await kafka_stage.consumer.position(place) == 5

    async def test_who_waits_gets_what_comes_meanwhile_or_nothing(
        self, kafka_stage: KafkaStage
    ) -> None:
        await kafka_stage.append(b"a")
        await self.read(kafka_stage, 1)
        place = TopicPartition(kafka_stage.topic, 0)
        assert not await kafka_stage.consumer.getmany(place, timeout_ms=50, max_records=2)
        waiting = asyncio.create_task(self.read(kafka_stage, 1, first=None))
        await asyncio.sleep(A_WHILE_S)
        await kafka_stage.append(b"b")

        assert await waiting == [(1, b"b")]

    async def test_both_partitions_are_read(self, kafka_stage: KafkaStage) -> None:
        places = [TopicPartition(kafka_stage.topic, number) for number in range(2)]
        await kafka_stage.append(b"a")
        await kafka_stage.append(b"b", partition=1)
        kafka_stage.consumer.assign(places)
        for place in places:
            kafka_stage.consumer.seek(place, 0)
        found: dict[int, list[tuple[int, bytes]]] = {}
        async with asyncio.timeout(30):
            while len(found) < 2:
                fetched = await kafka_stage.consumer.getmany(
                    *places, timeout_ms=500, max_records=10
                )
                found |= {one.partition: offsets_and_values(got) for one, got in fetched.items()}

        assert found == {0: [(0, b"a")], 1: [(0, b"b")]}

    async def test_the_end_of_a_transaction_is_passed_over(self, kafka_stage: KafkaStage) -> None:
        await kafka_stage.append_in_transaction(b"a")
        await kafka_stage.append_in_transaction(b"b")
        place = TopicPartition(kafka_stage.topic, 0)

        assert await self.read(kafka_stage, 2) == [(0, b"a"), (2, b"b")]
        assert await kafka_stage.consumer.end_offsets([place]) == {place: 4}
        await kafka_stage.consumer.getmany(place, timeout_ms=500, max_records=2)
        assert await kafka_stage.consumer.position(place) == 4

    async def test_what_retention_cut_off_is_refused_and_the_beginning_known(
        self, kafka_stage: KafkaStage
    ) -> None:
        await kafka_stage.append(b"a", b"b", b"c")
        await kafka_stage.delete_before(2)
        place = TopicPartition(kafka_stage.topic, 0)

        assert await self.read(kafka_stage, 1, first=2) == [(2, b"c")]
        assert await kafka_stage.consumer.beginning_offsets([place]) == {place: 2}
        assert await kafka_stage.consumer.end_offsets([place]) == {place: 3}
        with pytest.raises(OffsetOutOfRangeError):
            await self.read(kafka_stage, 1, first=1)

    async def test_what_was_acknowledged_is_there_whole(self, kafka_stage: KafkaStage) -> None:
        await kafka_stage.producer.send_and_wait(
            kafka_stage.topic, value=b"v", key=b"k", headers=[("h", b"1")], partition=0
        )
        place = TopicPartition(kafka_stage.topic, 0)
        kafka_stage.consumer.assign([place])
        kafka_stage.consumer.seek(place, 0)
        async with asyncio.timeout(30):
            fetched = await kafka_stage.consumer.getmany(place, timeout_ms=20_000, max_records=2)

        (record,) = fetched[place]
        assert (record.key, record.value, tuple(record.headers)) == (b"k", b"v", (("h", b"1"),))

    async def test_what_is_too_large_is_refused(self, kafka_stage: KafkaStage) -> None:
        with pytest.raises(MessageSizeTooLargeError):
            await kafka_stage.producer.send_and_wait(
                kafka_stage.topic, value=bytes(3_000_000), key=None, headers=[]
            )
