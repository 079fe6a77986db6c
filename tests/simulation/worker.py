"""A worker process in the simulation: the product's agent, fed as Faust feeds it."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from aiokafka import TopicPartition
from faust.types import TP

from schemas.db.pool import Pool
from schemas.settings import Settings
from streams.agents.batches import BatchAgent
from streams.batch_delivery import (
    FULL_PAUSE_S,
    BatchApp,
    BatchConsumer,
    BatchScheduler,
    ClaimPartitions,
    PartitionBatch,
    scheduler_of,
)
from streams.chunk_alignment import ChunkAligner
from streams.dead_letters import DeadLetterProducer
from streams.health import CHECK_INTERVAL_S, RefusalDetector, StallDetector
from streams.stands import partition_stands
from streams.topic_check import TopicInfo
from streams.worker import claim_for, claim_partitions
from tests.simulation.kafka import FakeConsumer
from tests.simulation.numbers import NumbersHandler, PreparedNumber
from tests.simulation.postgres import FakePool

BATCH_RECORDS = 5
FETCH_RECORDS = 12
FETCH_WAIT_MS = 2_000
QUEUED_BATCHES = 3
RESTART_S = 1.0


class SimulatedWorker:
    """One process after another in the same place: each claims, reads, writes, and ends somehow."""

    def __init__(
        self,
        topics: Mapping[str, TopicInfo],
        new_writer: Callable[[], UUID],
        open_pool: Callable[[UUID], FakePool],
        open_consumer: Callable[[], FakeConsumer],
    ) -> None:
        self._topics = topics
        self._new_writer = new_writer
        self._open_pool = open_pool
        self._open_consumer = open_consumer
        self._assigned: Sequence[TopicPartition] = ()
        self._life: _Life | None = None
        self._task: asyncio.Task[None] | None = None
        self.endings: list[str] = []

    def start(self) -> None:
        """Start a process with what the group gives it."""
        self._task = asyncio.create_task(self._live(self._new_life()))

    def assign(self, places: Sequence[TopicPartition]) -> None:
        """Tell the process which partitions are its own now."""
        self._assigned = places
        if self._life is not None:
            self._life.assign(places)

    async def kill(self) -> None:
        """Kill the process; its sessions on the server live on until they are noticed."""
        assert self._task is not None
        assert self._life is not None
        self._life.pool.abandon()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def deliver_again(self, place: TopicPartition, count: int) -> None:
        """Have the client go back by so many offsets, as nobody told it to."""
        if self._life is not None:
            self._life.deliver_again(place, count)

    def lose_batch(self) -> None:
        """Have a batch vanish between the client and the agent."""
        if self._life is not None:
            self._life.lose_batch()

    async def _live(self, life: "_Life") -> None:
        """Run one process after another, as a supervisor does."""
        while True:
            try:
                await life.run()
            except Exception as exc:  # noqa: BLE001 - a process ends by anything, and starts again
                self.endings.append(type(exc).__name__)
            life.pool.abandon()
            await asyncio.sleep(RESTART_S)
            life = self._new_life()

    def _new_life(self) -> "_Life":
        writer = self._new_writer()
        life = _Life(self._topics, writer, self._open_pool(writer), self._open_consumer())
        life.assign(self._assigned)
        self._life = life
        return life


class _Life:
    """One process: what it reads, what waits for its agent, and its watchdog."""

    def __init__(
        self,
        topics: Mapping[str, TopicInfo],
        writer: UUID,
        pool: FakePool,
        consumer: FakeConsumer,
    ) -> None:
        self.pool = pool
        self._consumer = consumer
        self._scheduler: BatchScheduler = scheduler_of(BATCH_RECORDS)()
        self._agent = BatchAgent[PreparedNumber](
            NumbersHandler(),
            settings=Settings(),
            pool=cast("Pool", pool),
            dead_letters=DeadLetterProducer("simulated:9092"),
            writer=writer,
        )
        claim = partial(claim_partitions, cast("Pool", pool), writer, topics)
        self._seat = _Seat(consumer, partial(claim_for, self._agent, claim), self._scheduler)
        self._queue: asyncio.Queue[PartitionBatch] = asyncio.Queue(QUEUED_BATCHES)
        self._told = asyncio.Event()
        self._claimed = asyncio.Event()
        self._assigned: Sequence[TopicPartition] = ()
        self._held: Sequence[TopicPartition] = ()

    def assign(self, places: Sequence[TopicPartition]) -> None:
        """Hear what is ours now."""
        self._assigned = places
        self._seat.app.rebalancing_count += 1
        self._told.set()

    def deliver_again(self, place: TopicPartition, count: int) -> None:
        """Go back by so many offsets."""
        if place in self._held:
            self._consumer.seek(place, max(0, self._scheduler.positions[TP(*place)] - count))

    def lose_batch(self) -> None:
        """Forget a batch that waits, if there is one."""
        if not self._queue.empty():
            self._queue.get_nowait()

    async def run(self) -> None:
        """Work until something fails."""
        await _first_failure(self._rebalance(), self._fetch(), self._work(), self._watch())

    async def _rebalance(self) -> None:
        """Claim what is ours; the agent meanwhile ends the batch that it has begun."""
        while True:
            await self._told.wait()
            self._told.clear()
            self._seat.app.assigned_by = self._seat.app.rebalancing_count
            self._scheduler.forget_positions()
            self._claimed.clear()
            self._held = ()
            while not self._queue.empty():
                self._queue.get_nowait()
            await self._claim(self._assigned)
            self._claimed.set()

    async def _claim(self, places: Sequence[TopicPartition]) -> None:
        self._consumer.assign(places)
        sought = await self._seat.seek_to_committed()
        self._held = places if sought else ()

    async def _fetch(self) -> None:
        """Fetch and queue, as long as nobody tells us that the partitions have changed."""
        while True:
            await self._claimed.wait()
            held = self._held
            fetched = await self._consumer.getmany(
                *held, timeout_ms=FETCH_WAIT_MS, max_records=FETCH_RECORDS
            )
            records = {TP(*place): list[Any](one) for place, one in fetched.items()}
            batches = self._scheduler.iterate(self._scheduler.of_claimed(records))
            # What a rebalance meets on its way is dropped.
            while held is self._held:
                if self._queue.full():
                    await asyncio.sleep(FULL_PAUSE_S)
                elif (batch := next(batches, None)) is None:
                    break
                else:
                    self._queue.put_nowait(batch[1])

    async def _work(self) -> None:
        while True:
            await self._agent.process_batch(await self._queue.get())

    async def _watch(self) -> None:
        """Bark as the worker's watchdog does."""
        stalls, refusals, clock = StallDetector(), RefusalDetector(), asyncio.get_running_loop()
        app = SimpleNamespace(consumer=self._seat, rebalancing=False)
        while True:
            await asyncio.sleep(CHECK_INTERVAL_S)
            stands = []
            if self._claimed.is_set():
                # A broker that is away stalls nobody.
                with contextlib.suppress(TimeoutError):
                    stands = await partition_stands(cast("BatchApp", app), self._agent.stored)
            stalls.observe(clock.time(), stands, is_database_well=True)
            ours = {(stand.topic, stand.partition) for stand in stands}
            refusals.observe("simulated", ours & self._agent.refused)


async def _first_failure(*parts: Coroutine[Any, Any, None]) -> None:
    """Run the parts of a process until one of them fails, and raise its exception.

    In the order given: tasks in a set would end in another order each time.
    """
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Seat(BatchConsumer):
    """The product's way to take partitions over, on the fake consumer in place of Faust's."""

    def __init__(
        self, consumer: FakeConsumer, claim: ClaimPartitions, scheduler: BatchScheduler
    ) -> None:
        # Faust's own would start threads: none of what it sets up takes part in this.
        self._consumer = consumer
        self._thread: Any = _Thread(consumer)
        self.app: Any = SimpleNamespace(claim=claim, assigned_by=0, rebalancing_count=0)
        self.scheduler = scheduler

    def assignment(self) -> set[TP]:
        """Return what is ours."""
        return {TP(*place) for place in self._consumer.positions}

    async def highwaters(self, *places: TP) -> dict[TP, int]:
        """Return the ends on the broker."""
        return dict(await self._thread.highwaters(*places))

    async def position(self, place: TP) -> int | None:
        """Return what is to be fetched next."""
        return self._consumer.positions.get(TopicPartition(*place))


class _Thread:
    """What Faust's consumer thread is asked during a claim."""

    def __init__(self, consumer: FakeConsumer) -> None:
        self._consumer = consumer
        self.aligner = ChunkAligner()

    async def earliest_offsets(self, *places: TP) -> dict[TP, int]:
        """Return the beginnings on the broker."""
        found = await self._consumer.beginning_offsets(TopicPartition(*one) for one in places)
        return {TP(*place): offset for place, offset in found.items()}

    async def highwaters(self, *places: TP) -> dict[TP, int]:
        """Return the ends on the broker."""
        found = await self._consumer.end_offsets(TopicPartition(*one) for one in places)
        return {TP(*place): offset for place, offset in found.items()}

    def seek(self, place: TP, offset: int) -> None:
        """Read from there."""
        self._consumer.seek(TopicPartition(*place), offset)
