"""One worker process: waits for its servers, runs its Faust apps, stops on a signal."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

import msgspec
import structlog

from schemas.db.locks import CHANGELOG_LEADER, FINALIZER_LEADER, REPLAY_LEADER, RETENTION_LEADER
from schemas.db.migrate import require_migrated
from schemas.db.pool import Connection, Pool, open_pool
from schemas.errors import AiOpsError, ConfigError
from schemas.settings import Settings
from schemas.topics import dead_letter_topic
from streams.agents.batches import BatchAgent, StatefulHandler
from streams.app import create_app
from streams.batch_delivery import BatchApp, ClaimPartitions
from streams.changelog_writer import ChangelogWriter
from streams.dead_letters import DeadLetterLimitError, DeadLetterProducer
from streams.finalizer import Finalizer
from streams.health import Watched, WorkerHealth, serve_health, watch
from streams.lanes import Task, plan_tasks
from streams.leadership import RunCycle, lead
from streams.offsets import OutdatedClaimError, PartitionRange, claim_partition
from streams.processes import (
    EXIT_CONFIG,
    EXIT_CRASHED,
    EXIT_REJECTED,
    FINALIZER,
    STOP_TIMEOUT_S,
    Choices,
    Role,
)
from streams.replay_dispatcher import ReplayDispatcher
from streams.retention import Retention
from streams.retrying import retry_transient
from streams.topic_check import TopicInfo, require_topics

log = structlog.get_logger()

# Each leader of the finalizer holds one, and its health is asked over another.
POOL_SIZE: Final = 6
# A new commit is in its changelog within a second.
CHANGELOG_INTERVAL_S: Final = 0.25
REPLAY_INTERVAL_S: Final = 1.0
RETENTION_INTERVAL_S: Final = 60.0
# A worker cut off from Postgres keeps its partitions' rows locked no longer than this.
IDLE_IN_TRANSACTION_S: Final = 10

_T = TypeVar("_T")


class WorkerFailedError(AiOpsError):
    """An app of this worker ended by itself; its reason is chained."""


def exit_status(failure: BaseException) -> int:
    """Return the process's exit status for what ended it."""
    if isinstance(failure, ConfigError):
        return EXIT_CONFIG
    return EXIT_REJECTED if isinstance(failure, DeadLetterLimitError) else EXIT_CRASHED


async def run_worker(
    settings: Settings,
    role: Role,
    slot: str,
    choices: Choices,
) -> None:
    """Run until SIGTERM or SIGINT; `slot` names this worker among those of its role.

    Raises:
        ConfigError: a topic is missing or was made anew, the database is not migrated.
        DeadLetterLimitError: too many records were rejected.
        WorkerFailedError: an app ended by itself.
    """
    stopping = asyncio.Event()
    _stop_on_signals(stopping)
    async with AsyncExitStack() as stack:
        opening = retry_transient("open_pool", partial(_open_migrated_pool, settings, role))
        pool = await _unless_stopped(stopping, opening)
        if pool is None:
            return
        stack.push_async_callback(pool.close)
        health = WorkerHealth()
        if role == FINALIZER:
            await _serve_health(stack, health, settings)
            watching = asyncio.create_task(watch(health, [], pool))
            stack.callback(watching.cancel)
            await run_leaders(settings, pool, stopping, choices)
            return
        dead_letters = DeadLetterProducer(settings.kafka_bootstrap)
        stack.push_async_callback(dead_letters.stop)
        tasks = plan_tasks(settings, role, slot, choices)
        creating = _create_apps(settings, tasks, pool, dead_letters)
        watched = await _unless_stopped(stopping, creating)
        if watched is None:
            return
        await _serve_health(stack, health, settings)
        apps = [one.app for one in watched]
        await _run_apps(apps, watch(health, watched, pool), stopping)


async def _serve_health(stack: AsyncExitStack, health: WorkerHealth, settings: Settings) -> None:
    if settings.metrics_port:
        runner = await serve_health(health, settings.metrics_host, settings.metrics_port)
        stack.push_async_callback(runner.cleanup)


async def _unless_stopped(stopping: asyncio.Event, work: Awaitable[_T]) -> _T | None:
    """Return what `work` returns; None, and the work is cancelled, when the event comes first."""
    task = asyncio.ensure_future(work)
    stop = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        stop.cancel()
        task.cancel()


async def run_leaders(
    settings: Settings, pool: Pool, stopping: asyncio.Event, choices: Choices
) -> None:
    """Summarize windows, write changelogs, start replays, drop old lines where this process leads.

    Raises:
        ConfigError: the user may not drop old lines.
    """

    def start(lock: int, create: Callable[[Connection], RunCycle], interval_s: float) -> None:
        leading = lead(pool, lock, create, stopping=stopping, interval_s=interval_s)
        group.create_task(leading)

    try:
        async with asyncio.TaskGroup() as group:
            start(
                FINALIZER_LEADER,
                lambda connection: Finalizer(connection, settings).run_cycle,
                settings.finalize_interval_s,
            )
            start(
                CHANGELOG_LEADER,
                lambda connection: ChangelogWriter(connection, choices.changelog).run_cycle,
                CHANGELOG_INTERVAL_S,
            )
            start(
                REPLAY_LEADER,
                lambda connection: ReplayDispatcher(connection, stopping).run_cycle,
                REPLAY_INTERVAL_S,
            )
            if settings.retention_days:
                start(
                    RETENTION_LEADER,
                    lambda connection: Retention(connection, settings.retention_days).run_cycle,
                    RETENTION_INTERVAL_S,
                )
    except ExceptionGroup as failures:
        # They share a process: the first that fails ends the others.
        raise failures.exceptions[0] from failures


async def _create_apps(
    settings: Settings, tasks: Sequence[Task], pool: Pool, dead_letters: DeadLetterProducer
) -> list[Watched]:
    writer = uuid4()
    names = [topic for task in tasks for topic in task.plan.topics]
    needed = [*names, *map(dead_letter_topic, names)]
    topics = await retry_transient(
        "check_topics", partial(require_topics, settings.kafka_bootstrap, needed)
    )
    claim = partial(claim_partitions, pool, writer, topics)
    watched = []
    for task in tasks:
        if isinstance(task.handler, StatefulHandler):
            await retry_transient("warm_up", partial(warm_up, pool, task.handler))
        agent = BatchAgent(
            task.handler, settings=settings, pool=pool, dead_letters=dead_letters, writer=writer
        )
        app = create_app(
            settings, task.plan, claim=partial(claim_for, agent, claim), run_agent=agent.run
        )
        watched.append(Watched(app, agent.stored, agent.refused))
    return watched


async def claim_for(
    agent: BatchAgent[Any],
    claim: ClaimPartitions,
    held: list[PartitionRange],
    is_current: Callable[[], bool],
) -> Mapping[tuple[str, int], int]:
    """Claim partitions for an agent, which forgets that it was refused."""
    claimed = await claim(held, is_current)
    agent.note_claimed(claimed)
    return claimed


async def warm_up(pool: Pool, handler: StatefulHandler) -> None:
    """Have the handler's model learn what is stored."""
    async with pool.acquire() as connection:
        await handler.warm_up(connection)


async def _open_migrated_pool(settings: Settings, role: Role) -> Pool:
    pool = await open_pool(
        settings.postgres_dsn,
        application_name=f"aiops-worker-{role}",
        max_size=POOL_SIZE,
        # The finalizer thinks for long within its transaction, and locks no partition.
        idle_in_transaction_s=0 if role == FINALIZER else IDLE_IN_TRANSACTION_S,
        reset=None if role == FINALIZER else _keep_session,
    )
    try:
        async with pool.acquire() as connection:
            await require_migrated(connection)
    except BaseException:
        await pool.close()
        raise
    return pool


async def _keep_session(_: Connection) -> None:
    """Save a round trip a batch: an agent leaves nothing behind in its session."""


async def claim_partitions(
    pool: Pool,
    writer: UUID,
    topics: Mapping[str, TopicInfo],
    held: Sequence[PartitionRange],
    is_current: Callable[[], bool],
) -> dict[tuple[str, int], int]:
    """Make this worker the writer of the partitions; return where each is to be read from.

    Raises:
        ConfigError: a topic was made anew since its records were stored.
        OutdatedClaimError: they are being given to others; nothing was claimed.
    """

    async def attempt() -> dict[tuple[str, int], int]:
        async with pool.acquire() as connection, connection.transaction():
            claimed = {
                (one.topic, one.partition): await claim_partition(connection, one, writer)
                for one in identified
            }
            # Under the rows' locks: whoever is given a partition from now on claims it after us.
            if not is_current():
                raise OutdatedClaimError
            return claimed

    identified = [msgspec.structs.replace(one, topic_id=topics[one.topic].topic_id) for one in held]
    return await retry_transient("claim_partitions", attempt)


async def _run_apps(
    apps: Sequence[BatchApp], watching: Coroutine[Any, Any, None], stopping: asyncio.Event
) -> None:
    """Run the apps until one ends, the watchdog barks or the event is set, then stop them all.

    Raises:
        ConfigError, DeadLetterLimitError, WorkerFailedError: why an app ended by itself.
        StalledError: an app made no progress.
        DisplacedError: another worker has claimed what is ours.
    """
    watchdog = asyncio.create_task(watching)
    runs = [*(asyncio.create_task(_run_app(app, stopping)) for app in apps), watchdog]
    await asyncio.wait(runs, return_when=asyncio.FIRST_COMPLETED)
    failures = [exc for run in runs if run.done() and (exc := run.exception()) is not None]
    stopping.set()
    watchdog.cancel()
    for failure in failures:
        # Said now: the stop below may not come to an end.
        log.error("app_failed", error=str(failure))
        arm_hard_exit(exit_status(failure))
    await asyncio.gather(*(app.stop() for app in apps), return_exceptions=True)
    await asyncio.gather(*runs, return_exceptions=True)
    if failures:
        raise failures[0]


async def _run_app(app: BatchApp, stopping: asyncio.Event) -> None:
    start = asyncio.create_task(app.maybe_start())
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({start, stop}, return_when=asyncio.FIRST_COMPLETED)
    if not stopping.is_set():
        await start
        await app.wait(stop)
    if not stopping.is_set():
        reason = app.crash_reason
        if isinstance(reason, ConfigError | DeadLetterLimitError):
            raise reason
        raise WorkerFailedError(f"{app.conf.id} ended by itself: {reason!r}") from reason


def _stop_on_signals(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stopping)


def _stop(stopping: asyncio.Event) -> None:
    arm_hard_exit(0)
    stopping.set()


def arm_hard_exit(status: int) -> None:
    """End the process if it is still there after the time a stop may take.

    Safe at any point: what is not committed is read again.
    """

    def end() -> None:
        os._exit(status)

    timer = threading.Timer(STOP_TIMEOUT_S, end)
    timer.daemon = True
    timer.start()
