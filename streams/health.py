"""Tells a stalled worker from a slow database: liveness, readiness, metrics, and a watchdog."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from time import monotonic
from typing import Final, NamedTuple, TypeAlias

import msgspec
from aiohttp import web
from aiokafka.errors import KafkaError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from schemas.db.pool import DATABASE_ERRORS, Pool
from schemas.errors import AiOpsError
from schemas.telemetry import LAG_RECORDS
from streams.batch_delivery import BatchApp
from streams.stands import PartitionStand, partition_stands

# Two heartbeats: by the next check a member knows what it has lost.
CHECK_INTERVAL_S: Final = 5.0
PING_TIMEOUT_S: Final = 5.0
# Lag, a healthy database, and nothing stored for so long: Faust does not restart itself.
STALL_TIMEOUT_S: Final = 120.0
# The event loop has not come round to the check for so long: it is blocked.
TICK_TIMEOUT_S: Final = 30.0

Clock: TypeAlias = Callable[[], float]


class StalledError(AiOpsError):
    """A partition has records waiting, the database is well, and nothing moves: start again."""

    def __init__(self, *, topic: str, partition: int, waiting_s: float) -> None:
        self.topic = topic
        self.partition = partition
        super().__init__(f"{topic}[{partition}] has not moved for {waiting_s:.0f} s")


class DisplacedError(AiOpsError):
    """Another worker writes a partition that Kafka says is ours: start again, and claim it."""

    def __init__(self, *, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        super().__init__(f"{topic}[{partition}] is ours, but another worker has claimed it")


class StallDetector:
    """Remembers since when each partition of one app has been waiting without moving."""

    def __init__(self, timeout_s: float = STALL_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._since: dict[tuple[str, int], tuple[int, float]] = {}

    def observe(
        self, now_s: float, stands: Sequence[PartitionStand], *, is_database_well: bool
    ) -> None:
        """Take in how the partitions stand now.

        A missing one is not ours or nobody knows how it stands: its wait begins again after that.

        Raises:
            StalledError: one has had records waiting for too long, with the database well.
        """
        before, self._since = self._since, {}
        for stand in stands:
            place = (stand.topic, stand.partition)
            stored, since_s = before.get(place, (stand.stored, now_s))
            if not is_database_well or not stand.is_waiting or stored != stand.stored:
                since_s = now_s
            self._since[place] = (stand.stored, since_s)
            if now_s - since_s >= self._timeout_s:
                raise StalledError(
                    topic=stand.topic, partition=stand.partition, waiting_s=now_s - since_s
                )


class RefusalDetector:
    """Tells the refusals of a former owner, which are right, from those of the present one.

    A worker that was cut off in the midst of a claim may end it when the partition has long been
    given to another, whose writes are refused from then on.
    """

    def __init__(self) -> None:
        self._seen: dict[str, set[tuple[str, int]]] = {}

    def observe(self, app: str, refused: set[tuple[str, int]]) -> None:
        """Take in which partitions of an app are refused though Kafka says now that they are ours.

        Raises:
            DisplacedError: one of them was so at the last check too.
        """
        if again := refused & self._seen.get(app, set()):
            topic, partition = min(again)
            raise DisplacedError(topic=topic, partition=partition)
        self._seen[app] = refused


class LagGauge:
    """Exports the lag of one app's partitions, and forgets those that are another worker's."""

    def __init__(self) -> None:
        self._exported: set[tuple[str, str]] = set()

    def export(self, stands: Sequence[PartitionStand]) -> None:
        """Take in how all partitions stand that are ours."""
        lags = {(stand.topic, str(stand.partition)): stand.lag for stand in stands}
        for labels in self._exported - lags.keys():
            LAG_RECORDS.remove(*labels)
        for labels, lag in lags.items():
            LAG_RECORDS.labels(*labels).set(lag)
        self._exported = set(lags)


class HealthReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `/readyz` answers: ready, or why not."""

    is_ready: bool
    reasons: list[str]


class WorkerHealth:
    """The state of one worker process, renewed by `watch`."""

    def __init__(self, clock: Clock = monotonic) -> None:
        self._clock = clock
        self._ticked_s = clock()
        self.reasons: list[str] = ["starting"]

    @property
    def is_alive(self) -> bool:
        """Tell whether the event loop still comes round."""
        return self._clock() - self._ticked_s < TICK_TIMEOUT_S

    @property
    def report(self) -> HealthReport:
        """Return whether the worker is ready, and why not."""
        return HealthReport(is_ready=not self.reasons, reasons=self.reasons)

    def tick(self, reasons: list[str]) -> None:
        """Note that the event loop came round, and what keeps the worker from being ready."""
        self._ticked_s = self._clock()
        self.reasons = reasons


class Watched(NamedTuple):
    """A Faust app; how far its agent has stored each partition, and which are refused."""

    app: BatchApp
    stored: Mapping[tuple[str, int], int]
    refused: AbstractSet[tuple[str, int]]


async def watch(health: WorkerHealth, watched: Sequence[Watched], pool: Pool) -> None:
    """Check again and again; ends only by what it raises.

    Raises:
        StalledError: a partition has had records waiting for too long, with the database well.
        DisplacedError: a partition of ours is another worker's in the database.
    """
    stalls, refusals = [StallDetector() for _ in watched], RefusalDetector()
    lags = [LagGauge() for _ in watched]
    while True:
        is_database_well = await _answers(pool)
        reasons = [] if is_database_well else ["Postgres does not answer"]
        for one, stall, lag in zip(watched, stalls, lags, strict=True):
            stands = await _stands_of(one, reasons, lag)
            stall.observe(monotonic(), stands, is_database_well=is_database_well)
            ours = {(stand.topic, stand.partition) for stand in stands}
            refusals.observe(one.app.conf.id, ours & one.refused)
        health.tick(reasons)
        await asyncio.sleep(CHECK_INTERVAL_S)


async def _stands_of(watched: Watched, reasons: list[str], lag: LagGauge) -> list[PartitionStand]:
    """Return how the partitions stand by the broker's word; without it none, and add the reason.

    A broker that is away stalls nothing, and leaves the lag as it was last known.
    """
    name = watched.app.conf.id
    if watched.app.rebalancing:
        reasons.append(f"{name} is rebalancing")
        return []
    try:
        stands = await partition_stands(watched.app, watched.stored)
    except (OSError, TimeoutError, KafkaError):
        reasons.append("Kafka does not answer")
        return []
    lag.export(stands)
    return stands


async def _answers(pool: Pool) -> bool:
    try:
        async with asyncio.timeout(PING_TIMEOUT_S), pool.acquire() as connection:
            await connection.execute("SELECT 1")
    except DATABASE_ERRORS:
        return False
    return True


async def serve_health(health: WorkerHealth, host: str, port: int) -> web.AppRunner:
    """Serve `/livez`, `/readyz` and `/metrics`; the caller cleans the runner up.

    Raises:
        OSError: the port is taken.
    """

    async def livez(_: web.Request) -> web.Response:
        return web.json_response({"is_alive": health.is_alive}, status=_status(health.is_alive))

    async def readyz(_: web.Request) -> web.Response:
        report = health.report
        return web.Response(
            body=msgspec.json.encode(report),
            status=_status(report.is_ready),
            content_type="application/json",
        )

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


def _status(is_well: bool) -> int:  # noqa: FBT001 - the only argument says what it is
    return 200 if is_well else 503
