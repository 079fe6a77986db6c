"""One seeded schedule: workers, a producer and a replay, while faults strike; then the check."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from random import Random
from typing import Final, TypeAlias, cast
from uuid import UUID

from aiokafka import TopicPartition

from schemas.db.pool import Pool
from schemas.errors import AiOpsError
from schemas.settings import Settings
from streams.dead_letters import DeadLetterProducer
from streams.domain.replays import ReplayRange
from streams.replay import BlockResult, Replayer
from streams.retrying import is_transient
from streams.topic_check import TopicInfo
from tests.simulation.checking import Checker
from tests.simulation.kafka import FakeConsumer, FakeKafka, FakeProducer
from tests.simulation.network import Network
from tests.simulation.numbers import UNWRITABLE, NumbersHandler, PreparedNumber
from tests.simulation.postgres import FakePool, FakePostgres
from tests.simulation.worker import SimulatedWorker

TOPIC: Final = "numbers"
PARTITIONS: Final = 2
PLACES: Final = tuple(TopicPartition(TOPIC, number) for number in range(PARTITIONS))
WORKERS: Final = 2
FAULTS: Final = 12
LONGEST_QUIET_S: Final = 1.5
# The watchdog of a worker takes two minutes, and another fault may have hidden behind the first.
PATIENCE_S: Final = 900.0
POLL_S: Final = 0.25
MENDED_BY_A_RESTART: Final = frozenset(
    {"DisplacedError", "LostBatchError", "OffsetOutOfRangeError", "StalledError", "TransientError"}
)

Fault: TypeAlias = Callable[["Schedule"], Awaitable[None]]


class Schedule:
    """All there is in one run; everything random comes from `seed`."""

    def __init__(self, seed: int) -> None:
        self.chooser = Random(seed)
        self.loss = self.chooser.choice((0.0, 0.0, 0.01, 0.05))
        # A replay ends at a record that cannot be written, so that it is seen, and changes nothing.
        self._has_replays = self.chooser.random() < 0.6
        self._faults = REPLAYS + FAULTS_TO_CHOOSE if self._has_replays else FAULTS_TO_CHOOSE
        self.checker = Checker(PLACES)
        self.postgres = FakePostgres(watch=self.checker.watch)
        self.kafka = FakeKafka()
        self.networks: list[Network] = []
        self.story: list[str] = []
        self._topics = {TOPIC: TopicInfo(name=TOPIC, topic_id=UUID(int=1), partitions=PARTITIONS)}
        self._writers = count(1_000)
        self._numbers = count(1)
        self._replay: asyncio.Task[None] | None = None
        self._replay_pool = self._pool(UUID(int=1))
        self._delayed: list[asyncio.TimerHandle] = []
        self.workers = [self._worker() for _ in range(WORKERS)]

    @property
    def topics(self) -> dict[str, TopicInfo]:
        """The topics as the broker describes them."""
        return self._topics

    def network(self) -> Network:
        """Return a new client's way to a server."""
        network = Network(self.chooser, loss=self.loss)
        self.networks.append(network)
        return network

    def consumer(self, **_: object) -> FakeConsumer:
        """Return a consumer, whatever options it is given."""
        return FakeConsumer(self.kafka, self.network())

    def producer(self, **_: object) -> FakeProducer:
        """Return a producer, whatever options it is given."""
        return FakeProducer(self.kafka, self.network())

    def _pool(self, client: UUID) -> FakePool:
        return FakePool(self.postgres, self.network(), self.chooser, client)

    def _worker(self) -> SimulatedWorker:
        return SimulatedWorker(
            self._topics, lambda: UUID(int=next(self._writers)), self._pool, self.consumer
        )

    async def run(self) -> list[str]:
        """Return what is wrong in the end; nothing, if all is well."""
        rebalance(self)
        for worker in self.workers:
            worker.start()
        for _ in range(FAULTS):
            self.produce()
            await asyncio.sleep(self.chooser.uniform(0, LONGEST_QUIET_S))
            fault = self.chooser.choice(self._faults)
            self.story.append(f"{asyncio.get_running_loop().time():9.3f} {fault.__name__}")
            await fault(self)
        await self._heal()
        if not await self._is_quiet():
            self.checker.violations.append(f"not quiet after {PATIENCE_S:g} s")
        endings = {ending for worker in self.workers for ending in worker.endings}
        # A supervisor would not start it again.
        if not endings <= MENDED_BY_A_RESTART:
            self.checker.violations.append(f"workers ended with {sorted(endings)}")
        return self.checker.check(self.kafka, self.postgres.tables)

    def produce(self) -> None:
        """Add a few records to each partition, and now and then what is none."""
        for place in PLACES:
            for _ in range(self.chooser.randrange(8)):
                self.kafka.append(TOPIC, self._value(), partition=place.partition)
            if self.chooser.random() < 0.3:
                self.kafka.append_marker(TOPIC, place.partition)

    def _value(self) -> bytes:
        kind = self.chooser.random()
        if kind < 0.85:
            # Never the unwritable one by chance.
            return str(UNWRITABLE + next(self._numbers)).encode()
        last = b"no number" if self._has_replays else str(UNWRITABLE).encode()
        return self.chooser.choice((b"", b"no number", last))

    async def _heal(self) -> None:
        """End all faults, with everybody told which partitions are theirs."""
        for handle in self._delayed:
            handle.cancel()
        self.postgres.start()
        for network in self.networks:
            network.mend()
            network.loss = 0.0
        self.loss = 0.0
        for number, worker in enumerate(self.workers):
            worker.assign([place for place in PLACES if place.partition % WORKERS == number])

    async def _is_quiet(self) -> bool:
        clock = asyncio.get_running_loop()
        deadline = clock.time() + PATIENCE_S
        while clock.time() < deadline:
            is_replayed = self._replay is None or self._replay.done()
            if is_replayed and self.checker.is_caught_up(self.kafka, self.postgres.tables):
                return True
            await asyncio.sleep(POLL_S)
        return False

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Do something later, unless all is healed by then."""
        self._delayed.append(asyncio.get_running_loop().call_later(delay_s, act))

    def start_replay(self) -> None:
        """Replay all there is, unless a replay is under way."""
        if self._replay is None or self._replay.done():
            self._replay = asyncio.create_task(self._run_replay())

    async def _run_replay(self) -> None:
        pool = self._replay_pool = self._pool(UUID(int=1))
        replayer = Replayer[PreparedNumber](
            Settings(),
            cast("Pool", pool),
            NumbersHandler(),
            DeadLetterProducer("simulated:9092"),
        )
        is_dry_run = self.chooser.random() < 0.3
        try:
            plans = await replayer.plan(TOPIC, ReplayRange())
            await replayer.run(plans, is_dry_run=is_dry_run, observer=Unobserved())
        except Exception as exc:  # noqa: BLE001 - whoever asked sees the reason and asks again
            if not isinstance(exc, AiOpsError) and not is_transient(exc):
                self.checker.violations.append(f"replay: {exc!r}")

    def kill_replay(self) -> None:
        """Kill the replay, if there is one."""
        if self._replay is not None:
            self._replay_pool.abandon()
            self._replay.cancel()


class Unobserved:
    """Nobody looks at the replay."""

    def planned(self, blocks: int, done: int) -> None:
        """Hear how many blocks there are."""

    def block_done(self, result: BlockResult) -> None:
        """Hear that a block is done."""


def rebalance(schedule: Schedule) -> None:
    """Give each partition to any worker; who is told late goes on as before meanwhile."""
    chooser = schedule.chooser
    owners = [chooser.randrange(WORKERS) for _ in PLACES]
    for number, worker in enumerate(schedule.workers):
        own = [place for place, owner in zip(PLACES, owners, strict=True) if owner == number]
        delay_s = chooser.choice((0.0, chooser.uniform(0.0, 1.0), chooser.uniform(0.0, 20.0)))
        schedule.after(delay_s, lambda worker=worker, own=own: worker.assign(own))  # type: ignore[misc]


async def move_partitions(schedule: Schedule) -> None:
    """Have the group's coordinator decide anew."""
    rebalance(schedule)


async def kill_worker(schedule: Schedule) -> None:
    """Kill a worker and start it again some time later."""
    worker = schedule.chooser.choice(schedule.workers)
    await worker.kill()
    await asyncio.sleep(schedule.chooser.uniform(0, LONGEST_QUIET_S))
    worker.start()


async def restart_postgres(schedule: Schedule) -> None:
    """Stop the server as in a power cut and start it again."""
    schedule.postgres.stop()
    await asyncio.sleep(schedule.chooser.uniform(0, 3.0))
    schedule.postgres.start()


async def end_sessions(schedule: Schedule) -> None:
    """End all sessions of the server."""
    schedule.postgres.end_sessions()


async def cut_a_line(schedule: Schedule) -> None:
    """Cut one client off from its server for up to half a minute."""
    network = schedule.chooser.choice(schedule.networks)
    network.cut()
    schedule.after(schedule.chooser.uniform(0, 30.0), network.mend)


async def deliver_again(schedule: Schedule) -> None:
    """Have clients read again what they have read."""
    for worker in schedule.workers:
        worker.deliver_again(schedule.chooser.choice(PLACES), schedule.chooser.randrange(1, 12))


async def lose_a_batch(schedule: Schedule) -> None:
    """Have a batch vanish on its way to an agent."""
    schedule.chooser.choice(schedule.workers).lose_batch()


async def delete_old_records(schedule: Schedule) -> None:
    """Have retention delete records, stored ones or not."""
    place = schedule.chooser.choice(PLACES)
    log = schedule.kafka.logs[place]
    schedule.kafka.delete_before(place, schedule.chooser.randint(log.beginning, log.end))


async def replay(schedule: Schedule) -> None:
    """Start a replay of everything."""
    schedule.start_replay()


async def kill_replay(schedule: Schedule) -> None:
    """Kill the replay under way."""
    schedule.kill_replay()


FAULTS_TO_CHOOSE: Final[tuple[Fault, ...]] = (
    move_partitions,
    move_partitions,
    kill_worker,
    restart_postgres,
    end_sessions,
    cut_a_line,
    cut_a_line,
    deliver_again,
    lose_a_batch,
    delete_old_records,
)
REPLAYS: Final[tuple[Fault, ...]] = (replay, replay, kill_replay)
