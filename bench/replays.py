"""A replay beside a live stream: its CPU time, and what the stream's lag was without and with it.

`python -m bench.replays [--lines 65536] [--rate 2000]`. Servers, worker and replay are processes of
their own; counted is CPU time. The lag is looked at five times a second, in records.
"""

import argparse
import asyncio
import os
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final

import asyncpg
from kafka import KafkaProducer
from kafka.admin import NewTopic

from aiops.status import partition_lags
from schemas.db.migrate import migrate
from schemas.settings import Settings, load_settings
from tests.faults.conftest import admin_of
from tests.ledger import produce, wait_until
from tests.servers import embedded_kafka, embedded_postgres
from tests.workers import ROOT, running_worker, worker_settings

PARTITIONS: Final = 4
QUIET_S: Final = 15.0
LOOK_S: Final = 0.2
TOPIC: Final = "logs.raw"


def lines(first: int, count: int) -> list[bytes]:
    """Return lines as a web server writes them."""
    return [
        f"2026-11-25T07:{number // 60 % 60:02}:{number % 60:02}Z INFO request {number} from "
        f"10.0.{number % 200}.7 served in {number % 977} ms".encode()
        for number in range(first, first + count)
    ]


class Shipper:
    """Writes so many lines a second until it is told to stop."""

    def __init__(self, bootstrap: str, rate: int) -> None:
        self._bootstrap = bootstrap
        self._rate = rate
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write no more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        producer = KafkaProducer(bootstrap_servers=self._bootstrap, linger_ms=50)
        number = 0
        while not self._stopping.wait(0.1):
            for line in lines(number, self._rate // 10):
                producer.send(TOPIC, line)
            number += self._rate // 10
        producer.close()


async def lags(settings: Settings, ending: asyncio.Future[Any]) -> list[int]:
    """Look at the live lag until the future is done."""
    seen = []
    while not ending.done():
        rows = await partition_lags(settings)
        seen.append(sum(row.lag for row in rows if row.topic == TOPIC))
        await asyncio.sleep(LOOK_S)
    return seen


def show(name: str, seen: Sequence[int]) -> None:
    """Print the median, the 95th percentile and the largest lag."""
    p95 = statistics.quantiles(seen, n=20)[18]
    print(f"{name:16} lag p50 {statistics.median(seen):7.0f}  p95 {p95:7.0f}  max {max(seen):7}")


async def replay(environ: dict[str, str]) -> float:
    """Run a replay of all that is stored; return its CPU seconds."""
    before = os.times()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aiops", "replay", TOPIC), env=os.environ | environ, cwd=ROOT
    )
    assert await process.wait() == 0
    after = os.times()
    return (
        after.children_user
        + after.children_system
        - (before.children_user + before.children_system)
    )


async def measure(environ: dict[str, str], count: int, rate: int) -> None:
    """Fill the topic, then look at the lag without and with a replay."""
    settings = load_settings(environ)
    bootstrap, dsn = settings.kafka_bootstrap, settings.postgres_dsn
    await migrate(dsn)
    for partition in range(PARTITIONS):
        produce(bootstrap, TOPIC, lines(partition * count, count), partition=partition)
    with running_worker("logs", settings=environ):
        await wait_until(
            lambda stored: sum(stored.values()) >= PARTITIONS * count, dsn, TOPIC, timeout_s=900
        )
        shipper = Shipper(bootstrap, rate)
        shipper.start()
        show(
            "without a replay", await lags(settings, asyncio.ensure_future(asyncio.sleep(QUIET_S)))
        )
        started = time.monotonic()
        running = asyncio.ensure_future(replay(environ))
        show("with a replay", await lags(settings, running))
        lasted_s = time.monotonic() - started
        shipper.stop()
    connection = await asyncpg.connect(dsn)
    records = int(await connection.fetchval("SELECT sum(records) FROM replay_runs"))
    await connection.close()
    cpu_s = await running
    print(
        f"{records} records again: {cpu_s:.1f} CPU-s, {records / cpu_s:.0f} a CPU-s, "
        f"{lasted_s:.0f} s with {rate} live lines a second beside it"
    )


def main() -> None:
    """Measure on servers of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=65_536, help="a partition, before")
    parser.add_argument("--rate", type=int, default=2_000, help="live lines a second")
    options = parser.parse_args()
    with ExitStack() as stack:
        kafka = stack.enter_context(embedded_kafka())
        postgres = stack.enter_context(embedded_postgres())
        environ = worker_settings(kafka.bootstrap, postgres.dsn, TOPIC)
        with admin_of(kafka.bootstrap) as admin:
            names = (TOPIC, f"{TOPIC}.dlq")
            admin.create_topics(
                [NewTopic(name, PARTITIONS, 1) for name in names], wait_for_metadata=True
            )
        asyncio.run(measure(environ, options.lines, options.rate))


if __name__ == "__main__":
    main()
