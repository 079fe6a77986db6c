"""No line lost, none repeated, whatever is killed, stopped or cut off; each with a seed."""

import asyncio
import random
import signal
import time

import pytest

from aiops.local.kafka import Kafka
from aiops.local.postgres import Postgres
from tests.faults.log_stream import LogStream
from tests.faults.proxy import proxied_dsn
from tests.ledger import wait_until
from tests.workers import running_worker

pytestmark = [pytest.mark.integration, pytest.mark.fault, pytest.mark.timeout(600)]

RECORDS = 20_000
# What is promised after a kill.
SERVING_AGAIN_S = 15.0


async def kill_often(stream: LogStream, *, records: int, kills: int, seed: int) -> list[float]:
    """Kill a worker at random places; return how long nothing was stored after each kill.

    The time of the first start is taken off: it says how busy the machine is.
    """
    chooser, pauses = random.Random(seed), []
    portion = records // (kills + 1)
    stream.produce(portion, seed=seed)
    with running_worker("logs", settings=stream.settings()) as worker:
        start_s = await stream.wait_for_progress(1)
        for number in range(kills):
            await stream.wait_for_progress(number * portion + chooser.randrange(1, portion))
            worker.kill()
            killed, before = time.monotonic(), await stream.stored_count()
            worker.start()
            await asyncio.to_thread(stream.produce, portion, seed=seed + number)
            await stream.wait_for_progress(before + 1)
            pauses.append(time.monotonic() - killed - start_s)
        await stream.check(portion * (kills + 1))
    return pauses


@pytest.mark.parametrize("seed", [20_260_314])
async def test_a_worker_killed_ten_times_in_mid_batch(log_stream: LogStream, seed: int) -> None:
    pauses = await kill_often(log_stream, records=RECORDS + 2_000, kills=10, seed=seed)

    assert max(pauses) < SERVING_AGAIN_S


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_worker_killed_fifty_times_in_mid_batch(log_stream: LogStream, seed: int) -> None:
    pauses = await kill_often(log_stream, records=5 * RECORDS, kills=50, seed=seed)

    assert max(pauses) < SERVING_AGAIN_S


async def test_postgres_restarted_as_in_a_power_cut(
    own_postgres_stream: LogStream, own_postgres: Postgres
) -> None:
    """The worker lives through it and goes on by itself."""
    stream = own_postgres_stream
    stream.produce(RECORDS, seed=2)
    with running_worker("logs", settings=stream.settings()) as worker:
        for place in (2_000, 9_000, 15_000):
            await stream.wait_for_progress(place)
            own_postgres.stop_immediately()
            own_postgres.start()
        await stream.check(RECORDS)
        assert worker.is_running()
        assert '"operation":"write_batch"' in worker.printed()


async def test_the_broker_killed_while_records_come_and_go(
    own_kafka_stream: LogStream, own_kafka: Kafka
) -> None:
    """The worker lives through it and goes on by itself; the producer sends again."""
    stream = own_kafka_stream
    stream.produce(RECORDS // 2, seed=3)
    with running_worker("logs", settings=stream.settings()) as worker:
        await stream.wait_for_progress(RECORDS // 10)
        producing = asyncio.create_task(asyncio.to_thread(stream.produce, RECORDS // 2, seed=4))
        own_kafka.kill()
        own_kafka.start()
        await producing
        await stream.check(RECORDS)
        assert worker.is_running()


async def test_two_workers_share_and_one_takes_over(log_stream: LogStream) -> None:
    log_stream.produce(RECORDS, seed=5)
    first = running_worker("logs", "--slot", "0", settings=log_stream.settings())
    second = running_worker("logs", "--slot", "1", settings=log_stream.settings())
    with first as one, second as other:
        await log_stream.wait_for_writers(2)
        other.kill()
        log_stream.produce(RECORDS, seed=6)
        await log_stream.check(2 * RECORDS)
        other.start()
        await log_stream.wait_for_writers(2)
        one.terminate()
        assert one.wait() == 0
        log_stream.produce(RECORDS, seed=7)
        await log_stream.check(3 * RECORDS)


async def test_a_worker_that_slept_while_another_took_over_writes_nothing(
    log_stream: LogStream,
) -> None:
    log_stream.produce(RECORDS, seed=8)
    first = running_worker("logs", "--slot", "0", settings=log_stream.settings())
    second = running_worker("logs", "--slot", "1", settings=log_stream.settings())
    with first as zombie:
        await log_stream.wait_for_progress(RECORDS // 10)
        zombie.process.send_signal(signal.SIGSTOP)
        with second as heir:
            await log_stream.check(RECORDS)
            zombie.process.send_signal(signal.SIGCONT)
            log_stream.produce(RECORDS, seed=9)
            await log_stream.check(2 * RECORDS)
            assert heir.is_running()


async def test_a_worker_cut_off_from_postgres_while_another_takes_over(
    log_stream: LogStream,
) -> None:
    """What it held in its transaction is undone, what it sends afterwards is refused."""
    log_stream.produce(RECORDS, seed=10)
    with proxied_dsn(log_stream.dsn) as (proxy, dsn):
        cut_off = running_worker("logs", "--slot", "0", settings=log_stream.settings(dsn=dsn))
        second = running_worker("logs", "--slot", "1", settings=log_stream.settings())
        with cut_off:
            await log_stream.wait_for_progress(RECORDS // 10)
            proxy.freeze()
            frozen_at = await log_stream.stored_count()
            with second:
                await wait_until(
                    lambda stored: sum(stored.values()) > frozen_at + RECORDS // 20,
                    log_stream.dsn,
                    log_stream.topic,
                )
                proxy.thaw()
                log_stream.produce(RECORDS, seed=11)
                await log_stream.check(2 * RECORDS)
