"""What a batch and the dashboard's queries cost, by how much is stored.

`python -m bench.stored [--millions 1 4]`. The product writes the newest million lines; older ones
are copies of it, moved back in offsets and time: three hours and four blocks of each partition a
million. Counted are CPU milliseconds, of this process or of the API and of Postgres, and the median
of the clock's: none of them is to grow with what is stored.
"""

import argparse
import asyncio
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import pairwise
from typing import Any, Final, NamedTuple

import aiohttp
import asyncpg
import psutil

from aiops.local.ports import free_port
from bench.api import make_key
from bench.live import wait_for_port
from bench.peers import cpu_s, postgres_cpu_s, postmaster_of
from bench.stored_lines import (
    BATCH_RECORDS,
    COPY_NS,
    FIRST,
    MILLION,
    MOST_COPIES,
    PART,
    PARTITIONS,
    START_MS,
    add_copies,
    records_of,
    write_batch,
    write_newest,
)
from schemas.db.migrate import migrate
from schemas.db.pool import Connection
from streams.domain.log_lines import LinePreparer
from tests.conftest import execute, with_database
from tests.servers import postgres_address

BATCHES: Final = 16
REQUESTS: Final = 30

NEWEST: Final = "query { logEntries(limit: 50) { id summary created_at } }"
ENTRY: Final = "query($id: ID!) { logEntry(id: $id) { id summary body } }"
PAGE: Final = """
query($after: String, $text: String, $service: String, $severity: LogSeverity, $since: DateTime) {
  logLines(first: 100, after: $after, text: $text, service: $service, severity: $severity,
           since: $since) {
    edges { node { id summary } } pageInfo { hasNextPage endCursor } } }
"""
TEMPLATES: Final = "query { templates(first: 50) { edges { node { id text lines lastSeen } } } }"
SUMMARIES: Final = "query { logSummaries(first: 20) { edges { node { headline lines } } } }"
VOLUME: Final = """
query($since: DateTime!, $until: DateTime!) {
  logVolume(since: $since, until: $until, stepMinutes: 5) { start service count } }
"""


class Cost(NamedTuple):
    """Milliseconds of a process's CPU, of Postgres's, and of the clock (median)."""

    process_ms: float
    postgres_ms: float
    clock_ms: float


async def measure_batches(connection: Connection, postmaster: psutil.Process, first: int) -> Cost:
    """Write batches that go on where the partitions end."""
    preparer = LinePreparer()
    batches = [
        [preparer.prepare(one) for one in records_of(number % PARTITIONS, start, BATCH_RECORDS)]
        for number in range(BATCHES)
        for start in [first + number // PARTITIONS * BATCH_RECORDS]
    ]
    own_s, postgres_s, clock = time.process_time(), postgres_cpu_s(postmaster), [time.monotonic()]
    for batch in batches:
        await write_batch(connection, batch)
        clock.append(time.monotonic())
    return Cost(
        (time.process_time() - own_s) / BATCHES * 1_000,
        (postgres_cpu_s(postmaster) - postgres_s) / BATCHES * 1_000,
        statistics.median(after - before for before, after in pairwise(clock)) * 1_000,
    )


class Api:
    """The API process and a client of it."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, pid: int, postmaster: psutil.Process
    ) -> None:
        self._session = session
        self._url = url
        self._process = psutil.Process(pid)
        self._postmaster = postmaster

    async def ask(self, query: str, variables: Mapping[str, object]) -> dict[str, Any]:
        """Return the answer's data."""
        async with self._session.post(
            self._url, json={"query": query, "variables": variables}
        ) as answer:
            found: dict[str, Any] = await answer.json()
            assert "errors" not in found, found
            return dict(found["data"])

    async def measure(self, query: str, variables: Mapping[str, object]) -> Cost:
        """Ask again and again; the first times are not counted."""
        for _ in range(3):
            await self.ask(query, variables)
        api_s, postgres_s = cpu_s([self._process]), postgres_cpu_s(self._postmaster)
        clock = [time.monotonic()]
        for _ in range(REQUESTS):
            await self.ask(query, variables)
            clock.append(time.monotonic())
        return Cost(
            (cpu_s([self._process]) - api_s) / REQUESTS * 1_000,
            (postgres_cpu_s(self._postmaster) - postgres_s) / REQUESTS * 1_000,
            statistics.median(after - before for before, after in pairwise(clock)) * 1_000,
        )

    async def measure_all(self) -> dict[str, Cost]:
        """Ask what a dashboard asks."""
        newest = (await self.ask(NEWEST, {}))["logEntries"]
        page = (await self.ask(PAGE, {}))["logLines"]["pageInfo"]["endCursor"]
        middle = time_at(START_MS + COPY_NS // 2_000_000)
        end = time_at(START_MS + COPY_NS // 1_000_000)
        warnings = {"service": "cart", "severity": "ERROR"}
        asked: dict[str, tuple[str, Mapping[str, object]]] = {
            "logEntries, 50 newest": (NEWEST, {}),
            "logEntry by id": (ENTRY, {"id": newest[-1]["id"]}),
            "logLines, 2nd page of 100": (PAGE, {"after": page}),
            "logLines, errors of a service": (PAGE, warnings),
            "logLines by a rare text": (PAGE, {"text": "db-3 lost", "since": middle}),
            "templates, 50": (TEMPLATES, {}),
            "logSummaries, 20": (SUMMARIES, {}),
            "logVolume, 90 minutes": (VOLUME, {"since": middle, "until": end}),
        }
        return {name: await self.measure(*one) for name, one in asked.items()}


def time_at(timestamp_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(timestamp_ms / 1_000))


async def prepare(dsn: str) -> str:
    """Write what is newest and return an API key."""
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    await write_newest(connection)
    key = await make_key(connection)
    await connection.close()
    return key


async def measure(api: Api, postmaster: psutil.Process, dsn: str, sizes: Sequence[int]) -> None:
    connection = await asyncpg.connect(dsn)
    stored, written = 1, FIRST + PART
    for size in sizes:
        if size > stored:
            await add_copies(connection, stored, size - 1)
            stored = size
        batch = await measure_batches(connection, postmaster, written)
        written += BATCHES // PARTITIONS * BATCH_RECORDS
        report(size, {f"batch of {BATCH_RECORDS} records": batch} | await api.measure_all())
    await connection.close()


async def serve_and_measure(
    dsn: str, server: subprocess.Popen[bytes], port: int, key: str, sizes: Sequence[int]
) -> None:
    await wait_for_port(port)
    postmaster = await postmaster_of(dsn)
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        api = Api(session, f"http://127.0.0.1:{port}/graphql", server.pid, postmaster)
        await measure(api, postmaster, dsn, sizes)


def report(size: int, costs: Mapping[str, Cost]) -> None:
    print(f"{size * MILLION:,} lines stored; CPU ms of the process and of Postgres, clock ms")
    for name, cost in costs.items():
        print(
            f"  {name:30} {cost.process_ms:8.2f} {cost.postgres_ms:8.2f} {cost.clock_ms:8.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--millions", type=int, nargs="+", default=[1, 4])
    given = parser.parse_args()
    assert max(given.millions) <= MOST_COPIES
    with ExitStack() as resources:
        server = postgres_address(resources)
        name = f"bench_{secrets.token_hex(4)}"
        asyncio.run(execute(server, f'CREATE DATABASE "{name}"'))
        resources.callback(
            lambda: asyncio.run(execute(server, f'DROP DATABASE "{name}" WITH (FORCE)'))
        )
        dsn, port = with_database(server, name), free_port()
        key = asyncio.run(prepare(dsn))
        command = [sys.executable, "-m", "bench.api", "--dsn", dsn, "--serve", "ours"]
        api = subprocess.Popen([*command, "--port", str(port)], stderr=subprocess.DEVNULL)
        resources.callback(api.wait)
        resources.callback(api.terminate)
        asyncio.run(serve_and_measure(dsn, api, port, key, sorted(given.millions)))


if __name__ == "__main__":
    main()
