"""The broker away, one of three killed, members of the group that come and go."""

import asyncio
import random

import pytest

from aiops.local.kafka import Kafka
from aiops.local.processes import ticks
from tests.faults.conftest import admin_of
from tests.faults.log_stream import LogStream
from tests.workers import running_worker

pytestmark = [pytest.mark.integration, pytest.mark.fault, pytest.mark.timeout(600)]

RECORDS = 2_000
SHORT_S, LONG_S = 3.0, 60.0
IN_SYNC_TIMEOUT_S = 60.0


@pytest.mark.parametrize(
    "away_s", [SHORT_S, pytest.param(LONG_S, marks=pytest.mark.soak)], ids=["short", "long"]
)
async def test_the_broker_stopped_for_a_while(
    own_kafka_stream: LogStream, own_kafka: Kafka, away_s: float
) -> None:
    stream = own_kafka_stream
    stream.produce(RECORDS, seed=31)
    with running_worker("logs", settings=stream.settings()) as worker:
        await stream.wait_for_progress(RECORDS // 10)
        own_kafka.stop()
        await asyncio.sleep(away_s)
        own_kafka.start()
        await asyncio.to_thread(stream.produce, RECORDS, seed=32)
        await stream.check(2 * RECORDS)
        assert worker.is_running()


@pytest.mark.soak
async def test_one_of_three_brokers_killed(
    cluster_stream: LogStream, own_kafka_cluster: Kafka
) -> None:
    """Each of them in turn, so that every partition loses its leader once."""
    nodes = own_kafka_cluster.nodes
    stream = cluster_stream
    stream.produce(RECORDS, seed=33)
    with running_worker("logs", settings=stream.settings()) as worker:
        await stream.wait_for_progress(RECORDS // 10)
        for number, node in enumerate(nodes):
            node.kill()
            await asyncio.to_thread(stream.produce, RECORDS // 4, seed=34 + number)
            await stream.wait_for_progress(RECORDS + (number + 1) * (RECORDS // 4))
            await asyncio.to_thread(node.start)
            await asyncio.to_thread(wait_until_in_sync, stream, len(nodes))
        await stream.check(RECORDS + len(nodes) * (RECORDS // 4))
        assert worker.is_running()


def wait_until_in_sync(stream: LogStream, replicas: int) -> None:
    """Return when all brokers have all records: two of three must be there to acknowledge."""
    with admin_of(stream.bootstrap) as admin:
        for _ in ticks(IN_SYNC_TIMEOUT_S):
            (topic,) = admin.describe_topics([stream.topic])
            if all(len(one["isr_nodes"]) == replicas for one in topic["partitions"]):
                return
    raise TimeoutError("the broker that came back does not catch up")


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("rounds", [5, 60], ids=["short", "long"])
async def test_a_member_that_comes_and_goes(log_stream: LogStream, rounds: int) -> None:
    """Killed or stopped in order, by chance; the other one goes on all the while."""
    chooser, sent = random.Random(35), RECORDS
    log_stream.produce(RECORDS, seed=35)
    with running_worker("logs", "--slot", "0", settings=log_stream.settings()) as steady:
        await log_stream.wait_for_progress(1)
        for number in range(rounds):
            with running_worker("logs", "--slot", "1", settings=log_stream.settings()) as other:
                await asyncio.sleep(chooser.uniform(1.0, 4.0))
                log_stream.produce(RECORDS // 4, seed=36 + number)
                sent += RECORDS // 4
                if chooser.random() < 0.5:
                    other.terminate()
                    assert other.wait() == 0
        await log_stream.check(sent)
        assert steady.is_running()
