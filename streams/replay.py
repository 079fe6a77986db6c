"""Replay: reads history again and writes, block by block, what it makes of it now.

A block (65,536 offsets of one partition) is replaced whole, in one transaction that keeps the live
writer of the partition out. What is stored for a block is a function of its records, so repeating
changes nothing, and a replay with other rules changes what those rules touch and nothing else.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, Generic, Protocol, TypeVar

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.db.pool import Connection, Pool
from schemas.errors import AiOpsError, ConfigError, TransientError
from schemas.ids import BLOCK_RECORDS, block_of
from schemas.records import SourceRecord
from streams.batch_delivery import to_source_record
from streams.dead_letters import DeadLetterProducer, replace_dead_letters
from streams.domain.prepared import Prepared
from streams.offsets import OffsetSpan, StoredRange, lock_stored_range, select_stored_range
from streams.topic_check import TopicInfo, require_topics

log = structlog.get_logger()

FETCH_TIMEOUT_MS: Final = 1_000
MAX_FETCH_RECORDS: Final = 5_000
# No record for so long, and the end not reached: the broker is not answering.
STALL_TIMEOUT_S: Final = 30.0
# Reading on without the lock catches up with the live writer; in the end the lock is kept.
CATCH_UP_ATTEMPTS: Final = 3

_P = TypeVar("_P", bound=Prepared)


class ReplayRefusedError(AiOpsError):
    """A block can't be replayed: retention has cut into it, so that it would come out smaller."""


class ReplayRange(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: offsets, or times in milliseconds since 1970; None means all there is."""

    from_offset: int | None = None
    to_offset: int | None = None
    from_ms: int | None = None
    to_ms: int | None = None


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

    def planned(self, plans: Sequence[BlockPlan]) -> None:
        """Hear which blocks there are."""

    def block_done(self, result: BlockResult) -> None:
        """Hear that a block is done."""


class Replayer(Generic[_P]):
    """Replays blocks of topics through one stream's handler."""

    def __init__(
        self,
        bootstrap: str,
        pool: Pool,
        handler: BlockHandler[_P],
        dead_letters: DeadLetterProducer,
    ) -> None:
        self._bootstrap = bootstrap
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
        async with self._consumer() as consumer:
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
        if beginning > needed:
            raise ReplayRefusedError(
                f"{place.topic}[{place.partition}]: the block at {needed} is cut, the log begins "
                f"at {beginning} now; replay from {_next_block(beginning)} on"
            )
        return [
            BlockPlan(topic=place.topic, partition=place.partition, block=block) for block in blocks
        ]

    async def run(
        self,
        plans: Sequence[BlockPlan],
        *,
        is_dry_run: bool,
        observer: ReplayObserver,
    ) -> None:
        """Replay the blocks in order, resting as long after each as it took.

        Raises:
            TransientError: the broker does not answer.
        """
        observer.planned(plans)
        async with self._consumer() as consumer:
            for plan in plans:
                started = time.monotonic()
                result = await self._run_block(consumer, plan, is_dry_run=is_dry_run)
                observer.block_done(result)
                # Half of the time is left to the live stream, so that its lag does not grow.
                await asyncio.sleep(time.monotonic() - started)

    async def _run_block(
        self, consumer: AIOKafkaConsumer, plan: BlockPlan, *, is_dry_run: bool
    ) -> BlockResult:
        reader: _BlockReader[_P] = _BlockReader(consumer, plan, self._handler)
        for _ in range(CATCH_UP_ATTEMPTS):
            await reader.read_to(await self._stored_end(plan))
        async with self._pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                stored = await lock_stored_range(connection, plan.topic, plan.partition)
                end = min(stored.next if stored else 0, plan.end_offset)
                await reader.read_to(end)
                span = OffsetSpan(
                    topic=plan.topic, partition=plan.partition, first=plan.first_offset, end=end
                )
                changed = await self._handler.replace(connection, span, reader.prepared)
                letters = [one.dead_letter for one in reader.prepared if one.dead_letter]
                fresh = await replace_dead_letters(connection, span, letters)
                if not is_dry_run:
                    await self._dead_letters.produce(fresh)
            except BaseException:
                await transaction.rollback()
                raise
            await (transaction.rollback() if is_dry_run else transaction.commit())
        return BlockResult(plan=plan, records=len(reader.prepared), changed=changed)

    async def _stored_end(self, plan: BlockPlan) -> int:
        async with self._pool.acquire() as connection:
            stored = await select_stored_range(connection, plan.topic, plan.partition)
        return min(stored.next if stored else 0, plan.end_offset)

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
        )
        try:
            try:
                await consumer.start()
                # Its tasks must have begun: stopped before, aiokafka cancels them and then us.
                await asyncio.sleep(0)
                yield consumer
            finally:
                await consumer.stop()
        except KafkaError as exc:
            raise TransientError(f"Kafka at {self._bootstrap}: {exc!r}") from exc


class _BlockReader(Generic[_P]):
    """Reads and prepares the records of a block, as far as told."""

    def __init__(
        self, consumer: AIOKafkaConsumer, plan: BlockPlan, handler: BlockHandler[_P]
    ) -> None:
        self._consumer = consumer
        self._place = TopicPartition(plan.topic, plan.partition)
        self._handler = handler
        self._first = plan.first_offset
        self._position: int | None = None
        self.prepared: list[_P] = []

    async def read_to(self, end: int) -> None:
        """Go on to `end` (exclusive); offsets that hold no record are passed over.

        Raises:
            TransientError: the broker does not answer.
        """
        position = await self._start()
        last_progress = time.monotonic()
        while position < end:
            fetched = await self._consumer.getmany(
                self._place, timeout_ms=FETCH_TIMEOUT_MS, max_records=MAX_FETCH_RECORDS
            )
            records = [one for one in fetched.get(self._place, []) if one.offset < end]
            self.prepared += [self._handler.prepare(to_source_record(one)) for one in records]
            reached = await self._consumer.position(self._place)
            if reached > position:
                last_progress = time.monotonic()
            elif time.monotonic() - last_progress > STALL_TIMEOUT_S:
                raise TransientError(f"no records of {self._place} for {STALL_TIMEOUT_S:g} s")
            position = reached
        if position > end:
            # The fetch went on: the next call begins where this one ended.
            self._consumer.seek(self._place, end)
        self._position = max(end, self._first)

    async def _start(self) -> int:
        if self._position is None:
            self._consumer.assign([self._place])
            beginning = (await self._consumer.beginning_offsets([self._place]))[self._place]
            self._position = max(self._first, beginning)
            self._consumer.seek(self._place, self._position)
        return self._position


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
