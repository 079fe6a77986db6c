"""A worker whose network breaks while another takes over: what it holds then is refused."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from streams.processes import EXIT_CRASHED
from tests.conftest import enter_or_skip, execute
from tests.faults.conftest import stream_on
from tests.faults.log_stream import LogStream
from tests.faults.proxied_kafka import ProxiedKafka, proxied_kafka
from tests.faults.proxy import TcpProxy, proxied_dsn
from tests.ledger import PATIENCE_S, POLL_S
from tests.soak import soak_seconds, soak_seed, told_on_failure
from tests.workers import WorkerProcess, running_worker

pytestmark = [pytest.mark.integration, pytest.mark.fault, pytest.mark.timeout(600)]

RECORDS = 8_000
PORTION = 1_000
LONGEST_CUT_S, LONGEST_QUIET_S = 20.0, 6.0
CLAIM_LATE = "UPDATE stream_offsets SET writer = gen_random_uuid()"
CUTS: Sequence[Callable[[TcpProxy], None]] = (
    TcpProxy.freeze,
    TcpProxy.freeze_requests,
    TcpProxy.freeze_answers,
)


@pytest.fixture
def broker() -> Iterator[ProxiedKafka]:
    """A broker of this test, with a proxy before its second address."""
    with ExitStack() as resources:
        yield enter_or_skip(resources, proxied_kafka())


@pytest.fixture
def stream(broker: ProxiedKafka, database: str) -> LogStream:
    """A stream on it; the test itself and the worker that takes over use its first address."""
    return stream_on(broker.kafka.bootstrap, database, replication=1)


async def wait_for_print(worker: WorkerProcess, text: str) -> None:
    """Wait until the worker has printed the text."""
    deadline = time.monotonic() + PATIENCE_S
    while text not in worker.printed():
        assert time.monotonic() < deadline, f"never printed: {text}"
        await asyncio.sleep(POLL_S)


async def test_a_worker_cut_off_from_kafka_while_another_takes_over(
    broker: ProxiedKafka, stream: LogStream
) -> None:
    """It lives on, and has its share again once the network is back."""
    settings = stream.settings(AIOPS_KAFKA_BOOTSTRAP=broker.bootstrap)
    first = running_worker("logs", "--slot", "0", settings=settings)
    second = running_worker("logs", "--slot", "1", settings=stream.settings())
    with first as cut_off, second as heir:
        stream.produce(RECORDS, seed=51)
        await stream.wait_for_writers(2)
        broker.proxy.freeze()
        stream.produce(RECORDS, seed=52)
        await stream.wait_for_writers(1)
        await stream.check(2 * RECORDS)
        broker.proxy.thaw()
        await stream.wait_for_writers(2)
        stream.produce(RECORDS, seed=53)
        await stream.check(3 * RECORDS)

        assert cut_off.is_running()
        assert heir.is_running()


async def test_what_a_worker_holds_while_cut_off_from_kafka_is_refused(
    broker: ProxiedKafka, stream: LogStream
) -> None:
    """Its batch waits for Postgres until another has the partition; Kafka has not told it so."""
    stream.produce(RECORDS, seed=54)
    with proxied_dsn(stream.dsn) as (to_postgres, dsn):
        settings = stream.settings(dsn=dsn, AIOPS_KAFKA_BOOTSTRAP=broker.bootstrap)
        first = running_worker("logs", "--slot", "0", settings=settings)
        second = running_worker("logs", "--slot", "1", settings=stream.settings())
        with first as zombie:
            await stream.wait_for_progress(RECORDS // 10)
            to_postgres.freeze()
            broker.proxy.freeze()
            frozen_at = await stream.stored_count()
            with second as heir:
                await stream.wait_for_progress(frozen_at + RECORDS // 20)
                to_postgres.thaw()
                await wait_for_print(zombie, "batch_refused")
                await stream.check(RECORDS)
                broker.proxy.thaw()
                await stream.wait_for_writers(2)
                stream.produce(RECORDS, seed=55)
                await stream.check(2 * RECORDS)

                assert zombie.is_running()
                assert heir.is_running()


async def test_what_a_late_claim_has_taken_is_taken_back(log_stream: LogStream) -> None:
    """A claim that comes through when Kafka has long given the partition to another."""
    stream = log_stream
    with running_worker("logs", settings=stream.settings()) as owner:
        stream.produce(RECORDS, seed=56)
        await stream.check(RECORDS)
        await execute(stream.dsn, CLAIM_LATE)
        stream.produce(RECORDS, seed=57)

        assert await asyncio.to_thread(owner.wait) == EXIT_CRASHED
        owner.start()
        await stream.check(2 * RECORDS)


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_a_worker_cut_off_by_chance(broker: ProxiedKafka, stream: LogStream) -> None:
    """From Kafka, Postgres or both, in one direction or both, for longer than a session or not."""
    chooser, story, sent = random.Random(soak_seed()), list[str](), RECORDS
    stream.produce(RECORDS, seed=soak_seed())
    with proxied_dsn(stream.dsn) as (to_postgres, dsn), told_on_failure(story, soak_seed()):
        settings = stream.settings(dsn=dsn, AIOPS_KAFKA_BOOTSTRAP=broker.bootstrap)
        first = running_worker("logs", "--slot", "0", settings=settings)
        second = running_worker("logs", "--slot", "1", settings=stream.settings())
        with first as cut_off, second as steady:
            deadline = time.monotonic() + soak_seconds()
            while time.monotonic() < deadline:
                links = chooser.sample([to_postgres, broker.proxy], chooser.choice([1, 1, 2]))
                for link in links:
                    cut = chooser.choice(CUTS)
                    story.append(
                        f"{cut.__name__} {'Kafka' if link is broker.proxy else 'Postgres'}"
                    )
                    cut(link)
                stream.produce(PORTION, seed=sent)
                sent += PORTION
                for link in links:
                    await asyncio.sleep(chooser.uniform(0.5, LONGEST_CUT_S))
                    link.thaw()
                await asyncio.sleep(chooser.uniform(0, LONGEST_QUIET_S))
                restart_if_crashed(cut_off)
                restart_if_crashed(steady)
            await stream.check(sent)


def restart_if_crashed(worker: WorkerProcess) -> None:
    """Do what a supervisor does."""
    if not worker.is_running():
        assert worker.wait() == EXIT_CRASHED
        worker.start()
