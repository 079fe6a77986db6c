"""All topics and all workers under faults by chance: nothing lost, repeated, altered or foreign."""

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import msgspec
import psutil
import pytest

from aiops.local.kafka import Kafka
from aiops.local.postgres import Postgres
from schemas.db.migrate import migrate
from schemas.topics import LOGS_RAW
from tests.conftest import execute
from tests.faults.all_topics import AllTopics, VerifiableProducer
from tests.ledger import wait_until
from tests.soak import soak_seconds, soak_seed, told_on_failure
from tests.workers import AiopsProcess, WorkerProcess, running

pytestmark = [pytest.mark.integration, pytest.mark.fault]

RECORDS_PER_SECOND = 200
LONGEST_QUIET_S, LONGEST_FAULT_S = 4.0, 8.0
END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
HOLD_TABLES = """
BEGIN; LOCK TABLE stream_offsets, dead_letters IN EXCLUSIVE MODE; SELECT pg_sleep({seconds}); COMMIT
"""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What faults may strike, and where their chance comes from."""

    chooser: random.Random
    topics: AllTopics
    kafka: Kafka
    postgres: Postgres
    supervisor: WorkerProcess

    def length_s(self) -> float:
        """Return how long a fault is to last."""
        return self.chooser.uniform(0.1, LONGEST_FAULT_S)

    def worker(self) -> psutil.Process:
        """Return one of the supervisor's children."""
        children = psutil.Process(self.supervisor.process.pid).children()
        return self.chooser.choice(sorted(children, key=lambda child: child.pid))


Fault: TypeAlias = Callable[[Stage], Awaitable[None]]


async def kill_a_worker(stage: Stage) -> None:
    """Kill a worker; its supervisor starts it again."""
    stage.worker().kill()


async def stop_a_worker_for_a_while(stage: Stage) -> None:
    """Have a worker sleep, past its session by chance, and wake up."""
    sleeper = stage.worker()
    sleeper.send_signal(signal.SIGSTOP)
    await asyncio.sleep(stage.length_s() * 2)
    sleeper.send_signal(signal.SIGCONT)


async def restart_postgres(stage: Stage) -> None:
    """Cut the power of the database for a while."""
    await asyncio.to_thread(stage.postgres.stop_immediately)
    await asyncio.sleep(stage.length_s())
    await asyncio.to_thread(stage.postgres.start)


async def end_sessions(stage: Stage) -> None:
    """End all sessions of the database."""
    await execute(stage.topics.dsn, END_SESSIONS)


async def hold_tables(stage: Stage) -> None:
    """Keep the workers from writing for a while."""
    await execute(stage.topics.dsn, HOLD_TABLES.format(seconds=stage.length_s()))


async def kill_the_broker(stage: Stage) -> None:
    """Kill the broker and start it again after a while."""
    await asyncio.to_thread(stage.kafka.kill)
    await asyncio.sleep(stage.length_s())
    await asyncio.to_thread(stage.kafka.start)


async def replay_lines(stage: Stage) -> None:
    """Replay all lines beside the live workers."""
    replay = AiopsProcess("replay", LOGS_RAW.name, settings=stage.topics.settings())
    with running(replay):
        assert await asyncio.to_thread(replay.wait) == 0


FAULTS: Final[Sequence[Fault]] = (
    kill_a_worker,
    stop_a_worker_for_a_while,
    restart_postgres,
    end_sessions,
    hold_tables,
    kill_the_broker,
    replay_lines,
)


async def strike(kafka: Kafka, postgres: Postgres, *, seed: int, seconds: float) -> None:
    """Let faults strike, one after the other, for so long; then check all that is stored."""
    await migrate(postgres.dsn)
    topics = AllTopics(bootstrap=kafka.bootstrap, dsn=postgres.dsn)
    topics.create()
    chooser, story = random.Random(seed), list[str]()
    producer = VerifiableProducer(kafka.bootstrap, seed=seed, per_second=RECORDS_PER_SECOND)
    supervisor = WorkerProcess("all", "--processes", "2", settings=topics.settings())
    with told_on_failure(story, seed), running(supervisor):
        stage = Stage(
            chooser=chooser, topics=topics, kafka=kafka, postgres=postgres, supervisor=supervisor
        )
        producer.start()
        await wait_until(lambda stored: sum(stored.values()) > 0, topics.dsn, LOGS_RAW.name)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await asyncio.sleep(chooser.uniform(0, LONGEST_QUIET_S))
            fault = chooser.choice(FAULTS)
            story.append(f"{time.strftime('%H:%M:%S')} {fault.__name__}")
            await fault(stage)
        await asyncio.to_thread(producer.stop)
        await topics.wait_until_stored()
        supervisor.terminate()
        assert supervisor.wait() == 0
        await topics.check(producer)


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_all_faults_by_chance_on_all_topics(own_kafka: Kafka, own_postgres: Postgres) -> None:
    await strike(own_kafka, own_postgres, seed=soak_seed(), seconds=soak_seconds())
