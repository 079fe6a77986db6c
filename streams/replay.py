"""Replay: reads history again and writes, block by block, what it makes of it now.

A block (65,536 offsets of one partition) is replaced whole, in one transaction that keeps the live
writer of the partition out. What is stored for a block is a function of its records, so repeating
changes nothing, and a replay with other rules changes what those rules touch and nothing else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.db.pool import Connection, Pool
from schemas.errors import AiOpsError, ConfigError
from schemas.ids import BLOCK_RECORDS, block_of
from schemas.records import SourceRecord
from schemas.settings import Settings
from streams.block_reader import BlockReader, open_consumer
from streams.dead_letters import DeadLetterProducer, replace_dead_letters
from streams.domain.prepared import Prepared
from streams.domain.replays import ReplayRange
from streams.offsets import (
    OffsetSpan,
    StoredRange,
    lock_stored_range,
    select_next_offsets,
    select_stored_range,
)
from streams.replay_throttle import LagThrottle
from streams.store.shelves import kept_shelves
from streams.topic_check import TopicInfo, require_topics

# Reading on without the lock catches up with the live writer; in the end the lock is kept.
CATCH_UP_ATTEMPTS: Final = 3

_P = TypeVar("_P", bound=Prepared)


class ReplayRefusedError(AiOpsError):
    """A block can't be replayed: retention has cut into it, so that it would come out smaller."""


class BlockPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One block to replay."""

    topic: str
    partition: int
    block: int

    @property
    def first_offset(self) -> int:
        """Return the block's first offset."""
        return self.block * BLOCK_RECORDS

    @property
    def place(self) -> TopicPartition:
        """Return the block's partition."""
        return TopicPartition(self.topic, self.partition)

    @property
    def end_offset(self) -> int:
        """Return the offset behind the block's last."""
        return self.first_offset + BLOCK_RECORDS


class BlockResult(msgspec.Struct, frozen=True, kw_only=True):
    """What replaying a block did."""

    plan: BlockPlan
    records: int
    changed: bool


class BlockHandler(Protocol[_P]):
    """What is particular to a stream's replay."""

    def prepare(self, record: SourceRecord) -> _P:
        """Return what becomes of the record now; pure."""

    async def replace(
        self, connection: Connection, span: OffsetSpan, records: Sequence[_P]
    ) -> bool:
        """Write a block in place of what is stored for it; tell whether anything differs."""


class ReplayObserver(Protocol):
    """Is told how a replay goes."""

    def planned(self, blocks: int, done: int) -> None:
        """Hear how many blocks there are, and how many of them were done before."""

    def block_done(self, result: BlockResult) -> None:
        """Hear that a block is done."""


# Notes in the block's own transaction that it is done; raises to have nothing written.
RecordBlock: TypeAlias = Callable[[Connection, BlockResult], Awaitable[None]]


async def record_nowhere(_: Connection, __: BlockResult) -> None:
    """Note nothing: nobody resumes."""


class Replayer(Generic[_P]):
    """Replays blocks of topics through one stream's handler."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        handler: BlockHandler[_P],
        dead_letters: DeadLetterProducer,
    ) -> None:
        self._bootstrap = settings.kafka_bootstrap
        self._batch_records = settings.batch_records
        self._pool = pool
        self._handler = handler
        self._dead_letters = dead_letters

    async def plan(
        self, topic: str, wanted: ReplayRange, *, partition: int | None = None
    ) -> list[BlockPlan]:
        """Return the blocks that the range touches, rounded outward, of what is stored.

        Raises:
            ConfigError: the topic or the partition does not exist.
            ReplayRefusedError: retention has cut into one of them.
            TransientError: the broker does not answer.
        """
        plans: list[BlockPlan] = []
        info = (await require_topics(self._bootstrap, [topic]))[topic]
        async with open_consumer(self._bootstrap) as consumer:
            for number in _partitions(info, partition):
                plans += await self._plan_partition(consumer, TopicPartition(topic, number), wanted)
        return plans

    async def _plan_partition(
        self, consumer: AIOKafkaConsumer, place: TopicPartition, wanted: ReplayRange
    ) -> list[BlockPlan]:
        async with self._pool.acquire() as connection:
            stored = await select_stored_range(connection, place.topic, place.partition)
        if stored is None or stored.next <= stored.first:
            return []
        first = await _first_wanted(consumer, place, wanted, stored)
        end = await _end_wanted(consumer, place, wanted, stored)
        if end <= first:
            return []
        beginning = (await consumer.beginning_offsets([place]))[place]
        blocks = range(block_of(first), block_of(end - 1) + 1)
        needed = max(blocks[0] * BLOCK_RECORDS, stored.first)
        _require_whole(place, needed, beginning)
        return [
            BlockPlan(topic=place.topic, partition=place.partition, block=block) for block in blocks
        ]

    async def run(
        self,
        plans: Sequence[BlockPlan],
        *,
        is_dry_run: bool,
        observer: ReplayObserver,
        record: RecordBlock = record_nowhere,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Replay the blocks of one topic in order; `pause` waits where live lag has grown.

        Raises:
            ReplayRefusedError: retention has cut into a block since it was planned.
            TransientError: the broker does not answer.
        """
        if not plans:
            return
        # Backwards, so that the first block of each partition counts.
        starts = {plan.place: plan.first_offset for plan in reversed(plans)}
        async with open_consumer(self._bootstrap) as consumer, kept_shelves(self._pool):
            reader = BlockReader(consumer, starts)
            throttle = LagThrottle(
                partial(self._lag, consumer, plans[0].topic),
                # What the workers take at once.
                tolerance=self._batch_records,
                pause=pause,
            )
            for plan in plans:
                await throttle.give_way()
                result = await self._run_block(reader, plan, is_dry_run=is_dry_run, record=record)
                observer.block_done(result)

    async def _run_block(
        self, reader: BlockReader, plan: BlockPlan, *, is_dry_run: bool, record: RecordBlock
    ) -> BlockResult:
        await self._go_to(reader, plan)
        prepared: list[_P] = []
        for _ in range(CATCH_UP_ATTEMPTS):
            await self._read_on(reader, plan, await self._stored(plan), prepared)
        async with self._pool.acquire() as connection, connection.transaction():
            # The inner transaction alone is what a dry run takes back.
            replacing = connection.transaction()
            await replacing.start()
            stored = await lock_stored_range(connection, plan.topic, plan.partition)
            span = await self._read_on(reader, plan, stored, prepared)
            changed = await self._handler.replace(connection, span, prepared)
            letters = [one.dead_letter for one in prepared if one.dead_letter]
            fresh = await replace_dead_letters(connection, span, letters)
            if is_dry_run:
                await replacing.rollback()
            else:
                await self._dead_letters.produce(fresh)
                await replacing.commit()
            result = BlockResult(plan=plan, records=len(prepared), changed=changed)
            await record(connection, result)
        return result

    async def _go_to(self, reader: BlockReader, plan: BlockPlan) -> None:
        """Go to the block's first record.

        Raises:
            ReplayRefusedError: retention has cut into the block.
        """
        stored = await self._stored(plan)
        needed = max(plan.first_offset, stored.first if stored else 0)
        _require_whole(plan.place, needed, await reader.beginning(plan.place))
        reader.seek(plan.place, needed)

    async def _read_on(
        self,
        reader: BlockReader,
        plan: BlockPlan,
        stored: StoredRange | None,
        prepared: list[_P],
    ) -> OffsetSpan:
        """Prepare what is stored of the block beyond what was read; return the whole span."""
        end = min(stored.next if stored else 0, plan.end_offset)
        async for records in reader.read_to(plan.place, end):
            prepared += [self._handler.prepare(one) for one in records]
        return OffsetSpan(
            topic=plan.topic, partition=plan.partition, first=plan.first_offset, end=end
        )

    async def _stored(self, plan: BlockPlan) -> StoredRange | None:
        async with self._pool.acquire() as connection:
            return await select_stored_range(connection, plan.topic, plan.partition)

    async def _lag(self, consumer: AIOKafkaConsumer, topic: str) -> int:
        """Return how many records of the topic are not stored yet."""
        async with self._pool.acquire() as connection:
            stored = await select_next_offsets(connection, topic)
        places = {TopicPartition(topic, number): offset for number, offset in stored.items()}
        ends = await consumer.end_offsets(list(places))
        return sum(max(ends[place] - offset, 0) for place, offset in places.items())


def _require_whole(place: TopicPartition, needed: int, beginning: int) -> None:
    """Raise unless the broker still has all from the offset `needed` on.

    Raises:
        ReplayRefusedError: retention has cut off some.
    """
    if beginning > needed:
        raise ReplayRefusedError(
            f"{place.topic}[{place.partition}]: the block at {needed} is cut, the log begins "
            f"at {beginning} now; replay from {_next_block(beginning)} on"
        )


def _partitions(info: TopicInfo, partition: int | None) -> Sequence[int]:
    if partition is None:
        return range(info.partitions)
    if partition >= info.partitions:
        raise ConfigError(f"topic {info.name} has no partition {partition}")
    return [partition]


async def _first_wanted(
    consumer: AIOKafkaConsumer, place: TopicPartition, wanted: ReplayRange, stored: StoredRange
) -> int:
    if wanted.from_ms is not None:
        return max(await _offset_at(consumer, place, wanted.from_ms, stored.next), stored.first)
    return max(wanted.from_offset or 0, stored.first)


async def _end_wanted(
    consumer: AIOKafkaConsumer, place: TopicPartition, wanted: ReplayRange, stored: StoredRange
) -> int:
    if wanted.to_ms is not None:
        return min(await _offset_at(consumer, place, wanted.to_ms, stored.next), stored.next)
    return stored.next if wanted.to_offset is None else min(wanted.to_offset, stored.next)


async def _offset_at(
    consumer: AIOKafkaConsumer, place: TopicPartition, time_ms: int, otherwise: int
) -> int:
    """Return the first offset at or after a record time, `otherwise` when there is none."""
    found = (await consumer.offsets_for_times({place: time_ms}))[place]
    return otherwise if found is None else int(found.offset)


def _next_block(offset: int) -> int:
    return -(-offset // BLOCK_RECORDS) * BLOCK_RECORDS
