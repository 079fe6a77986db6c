"""Whole partition batches through Faust: the only file that touches Faust's private names.

Faust hands over one event a record and spends 65 to 200 us on each. Here its scheduler yields one
event a *batch* (the records of one partition from one fetch, at most `batch_records`), so that
acks, flow control and rebalances stay Faust's own and cost next to nothing. Positions come from
Postgres, not from Kafka's committed offsets. Each private name has a test.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias, cast
from weakref import WeakSet

import aiokafka
import faust
import structlog
from aiokafka.errors import NoOffsetForPartitionError
from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.transports import SchedulingStrategyT

from schemas.errors import ConfigError, TransientError
from schemas.records import SourceRecord
from streams.chunk_alignment import ChunkAligner, before_last_chunk_end
from streams.offsets import OutdatedClaimError, PartitionRange

log = structlog.get_logger()

# Faust goes on without a seek when its own wait (broker_request_timeout, 40 s) runs out.
CLAIM_TIMEOUT_S: Final = 30.0
# The one that the agent works on is among them.
MAX_BATCHES_IN_MEMORY: Final = 8
FULL_PAUSE_S: Final = 0.02
# A claim that waited for Postgres may have looked at the broker too early.
LOOKS: Final = 3

# Told the ranges of the partitions just assigned, and how to see whether they still are, answers
# where each is to be read from.
ClaimPartitions: TypeAlias = Callable[
    [list[PartitionRange], Callable[[], bool]], Awaitable[Mapping[tuple[str, int], int]]
]


class PartitionBatch:
    """Records of one partition in order, in the shape of the single record Faust expects.

    `follows` is the position the fetch went on from: offsets between it and the first record do
    not exist on the broker (transaction markers, compaction).
    """

    __slots__ = ("__weakref__", "follows", "records")

    checksum = None
    headers = ()
    key = None
    serialized_key_size = 0
    serialized_value_size = 0

    def __init__(self, records: list[Any], follows: int) -> None:
        self.records = records
        self.follows = follows

    @property
    def value(self) -> "PartitionBatch":
        """Return the batch itself: it is what the stream delivers."""
        return self

    @property
    def topic(self) -> str:
        """Return the topic all records come from."""
        return str(self.records[-1].topic)

    @property
    def partition(self) -> int:
        """Return the partition all records come from."""
        return int(self.records[-1].partition)

    @property
    def offset(self) -> int:
        """Return the last record's offset: acking it acks the batch."""
        return int(self.records[-1].offset)

    @property
    def timestamp(self) -> int:
        """Return the last record's timestamp, milliseconds."""
        return int(self.records[-1].timestamp)

    @property
    def timestamp_type(self) -> int:
        """Return the last record's timestamp type."""
        return int(self.records[-1].timestamp_type)

    def source_records(self) -> list[SourceRecord]:
        """Return the records as envelopes of our own."""
        return [to_source_record(record) for record in self.records]


def to_source_record(record: Any) -> SourceRecord:
    """Return an aiokafka record as our envelope."""
    return SourceRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        value=record.value,
        key=record.key,
        headers=tuple(record.headers),
        timestamp_ms=record.timestamp,
        timestamp_type=record.timestamp_type,
    )


class BatchScheduler(SchedulingStrategyT):
    """Yields one batch a partition and fetch, round robin in slices of `batch_records`.

    Slices that others follow end where a chunk ends, if one does.
    """

    batch_records: int

    def __init__(self) -> None:
        self.positions: dict[TP, int] = {}
        # Where Postgres stood when a partition became ours.
        self.claimed: dict[TP, int] = {}
        # Those that wait or are worked on; what a rebalance drops leaves by itself.
        self.in_memory = WeakSet[PartitionBatch]()

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, PartitionBatch]]:
        """Yield the fetched records of each partition, batch by batch."""
        starts = dict.fromkeys(records, 0)
        while starts:
            for tp in list(starts):
                start, fetched = starts[tp], records[tp]
                batch = fetched[start : start + self.batch_records]
                if start + len(batch) >= len(fetched):
                    del starts[tp]
                else:
                    batch = batch[: before_last_chunk_end(batch) or None]
                    starts[tp] = start + len(batch)
                if batch:
                    follows = self.positions.get(tp, batch[0].offset)
                    self.positions[tp] = batch[-1].offset + 1
                    yield tp, self._remembered(PartitionBatch(batch, follows))

    def forget_positions(self) -> None:
        """Have nothing delivered until partitions are claimed anew."""
        self.positions.clear()
        self.claimed.clear()

    def of_claimed(self, records: Mapping[TP, list[Any]]) -> dict[TP, list[Any]]:
        """Return the records that were read from where Postgres says."""
        return {tp: fetched for tp, fetched in records.items() if tp in self.claimed}

    def _remembered(self, batch: PartitionBatch) -> PartitionBatch:
        self.in_memory.add(batch)
        return batch


def scheduler_of(batch_records: int) -> type[BatchScheduler]:
    """Return a scheduler class with this batch size: Faust calls the class without arguments."""
    return type("SizedBatchScheduler", (BatchScheduler,), {"batch_records": batch_records})


class PassThroughSchema(faust.Schema[Any, Any]):
    """Delivers the batch untouched: we decode, not Faust."""

    def loads_key(self, app: Any, message: Any, **kwargs: Any) -> None:
        """Return no key: a batch has none."""
        return

    def loads_value(self, app: Any, message: Any, **kwargs: Any) -> Any:
        """Return the batch."""
        return message.value


class BatchApp(faust.App):
    """A Faust app with our transport, and with what Faust has no settings for.

    That is how long a fetch waits for how many bytes, whether the beginnings of chunks are held
    back meanwhile, and who says where a partition is read from.
    """

    def __init__(
        self,
        *args: Any,
        fetch_min_bytes: int,
        fetch_max_wait_ms: int,
        aligns_chunks: bool,
        claim: ClaimPartitions,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.fetch_min_bytes = fetch_min_bytes
        self.fetch_max_wait_ms = fetch_max_wait_ms
        self.aligns_chunks = aligns_chunks
        self.claim = claim
        # Which of its rebalances has given this member its partitions.
        self.assigned_by = 0

    def _new_transport(self) -> "BatchTransport":
        return BatchTransport(self.conf.broker_consumer, self, loop=self.loop)

    async def on_first_start(self) -> None:
        """Make no folders for tables, of which there are none."""


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """Creates the aiokafka consumer with our fetch settings and without aborted records.

    Holds back what a later fetch completes to a chunk.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.aligner = ChunkAligner()

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        app = cast("BatchApp", self.app)
        consumer._fetch_min_bytes = app.fetch_min_bytes  # noqa: SLF001 - no public way
        consumer._fetch_max_wait_ms = app.fetch_max_wait_ms  # noqa: SLF001
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        return consumer

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - Faust calls it so
        max_records: int | None = None,
    ) -> Mapping[TP, list[Any]]:
        records = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        if not cast("BatchApp", self.app).aligns_chunks:
            return records
        return self.aligner.align(records, consumer.last_stable_offset)


class BatchConsumer(driver.Consumer):
    """Starts where Postgres says, and commits the end of what was acked in order."""

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Skip Faust's interval tree (1.1 ms a gap): batches are acked in order."""

    async def _getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109 - Faust calls it so
    ) -> Mapping[TP, list[Any]]:
        """Fetch no more while enough batches wait.

        Faust's own flow control lets one partition back in at a time, and always the same one: the
        others starve while there is a backlog.

        A fetch under way during a rebalance meets partitions that are not claimed yet: they have no
        position (no error), or Kafka's, which is only a hint.
        """
        scheduler = cast("BatchScheduler", self.scheduler)
        if len(scheduler.in_memory) >= MAX_BATCHES_IN_MEMORY:
            await asyncio.sleep(FULL_PAUSE_S)
            return {}
        try:
            return scheduler.of_claimed(await super()._getmany(active_partitions, timeout))
        except NoOffsetForPartitionError:
            return {}

    def _new_offset(self, tp: TP) -> int | None:
        """Return the offset to commit: behind the last acked batch, all before it are acked."""
        acked = self._acked[tp]
        if not acked:
            return None
        newest = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return int(newest) + 1

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Note which rebalance it was; nothing is claimed yet."""
        app = cast("BatchApp", self.app)
        app.assigned_by = app.rebalancing_count
        cast("BatchScheduler", self.scheduler).forget_positions()
        await super().on_partitions_assigned(assigned, generation_id)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Claim the assigned partitions and seek each to where Postgres says.

        While the group shares them anew there is nothing to claim: what was ours may be another's
        already. (Faust seeks then too, when a rebalance meets a fetch.)

        Raises:
            TransientError: Postgres or the broker did not answer in time.
            ConfigError: a topic was made anew.
        """
        try:
            async with asyncio.timeout(CLAIM_TIMEOUT_S):
                return await self._claim_and_seek()
        except TimeoutError as exc:
            raise TransientError("no answer while taking over partitions") from exc

    async def _claim_and_seek(self) -> Mapping[TP, int]:
        assigned = sorted(self.assignment())
        if not assigned:
            return {}
        try:
            claimed = await self._claim(assigned)
        except OutdatedClaimError:
            return {}
        cast("BatchConsumerThread", self._thread).aligner.forget()
        positions = {TP(*place): offset for place, offset in claimed.items()}
        for tp, offset in positions.items():
            self._thread.seek(tp, offset)
        scheduler = cast("BatchScheduler", self.scheduler)
        scheduler.positions.update(positions)
        scheduler.claimed.update(positions)
        return positions

    async def _claim(self, assigned: list[TP]) -> Mapping[tuple[str, int], int]:
        """Claim partitions as they are on the broker.

        While a claim waits for Postgres, a former owner may store records that were not there when
        we looked: a topic that seems to be made anew is looked at again.
        """
        app = cast("BatchApp", self.app)
        assigned_by = app.assigned_by

        def is_current() -> bool:
            return app.rebalancing_count == assigned_by

        for _ in range(LOOKS - 1):
            try:
                return await app.claim(await self._ranges(assigned), is_current)
            except ConfigError:
                log.info("claim_refused_once", partitions=len(assigned))
        return await app.claim(await self._ranges(assigned), is_current)

    async def _ranges(self, assigned: list[TP]) -> list[PartitionRange]:
        beginnings = await self._thread.earliest_offsets(*assigned)
        ends = await self._thread.highwaters(*assigned)
        return [
            PartitionRange(
                topic=tp.topic,
                partition=tp.partition,
                beginning=beginnings[tp],
                end=ends[tp],
            )
            for tp in assigned
        ]


class BatchTransport(driver.Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = BatchConsumer


def assigned_partitions(consumer: BatchConsumer) -> list[TP]:
    """Return what is ours now, in order; nothing before the consumer has started."""
    try:
        return sorted(TP(*one) for one in consumer.assignment())
    except ConsumerNotStarted:
        return []
