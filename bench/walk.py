"""A walk by cursor over a million lines while others arrive: `python -m bench.walk [--dsn DSN]`.

Counted are gaps and repetitions, and the server's CPU a page near the first page and near page
10,000.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from contextlib import ExitStack
from typing import Final

import aiohttp
import asyncpg
import psutil

from aiops.local.ports import free_port
from bench.api import database_dsn, prepare, serve_ours
from bench.live import wait_for_port
from tests.integration.graphql_api.seeding import make_line, seed_lines
from tests.servers import postgres_address

TOPIC: Final = "logs.walked"
PARTITIONS: Final = 4
PAGE: Final = 100
PAGES: Final = 10_000
# Pages of which a mean is taken, at the start and at the end.
SAMPLE: Final = 200
PAGES_AN_ARRIVAL: Final = 50
QUERY: Final = """
query($after: String) { logLines(first: 100, after: $after) {
  edges { node { topic partition offset } } pageInfo { hasNextPage endCursor } } }
"""


async def seed(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    # What `prepare` has left would be walked too.
    await connection.execute("DELETE FROM log_chunks")
    count = PAGE * PAGES // PARTITIONS
    for partition in range(PARTITIONS):
        lines = [make_line(offset) for offset in range(count)]
        await seed_lines(connection, lines, topic=TOPIC, partition=partition)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


class Walk:
    """Goes from page to page, and has lines arrive meanwhile."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, connection: "asyncpg.Connection", cpu: int
    ) -> None:
        self.seen: list[tuple[int, int]] = []
        self.page_cpu_s: list[float] = []
        self._session = session
        self._url = url
        self._connection = connection
        self._process = psutil.Process(cpu)

    async def run(self) -> None:
        """Walk to the end."""
        after, has_next = None, True
        while has_next:
            before = self._cpu_s()
            body = {"query": QUERY, "variables": {"after": after}}
            async with self._session.post(self._url, json=body) as answer:
                page = (await answer.json())["data"]["logLines"]
            self.page_cpu_s.append(self._cpu_s() - before)
            nodes = [edge["node"] for edge in page["edges"]]
            self.seen += [
                (node["partition"], node["offset"]) for node in nodes if node["topic"] == TOPIC
            ]
            after, has_next = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
            if len(self.page_cpu_s) % PAGES_AN_ARRIVAL == 0:
                await self._arrive(len(self.page_cpu_s) // PAGES_AN_ARRIVAL)

    async def _arrive(self, count: int) -> None:
        newest_ms = make_line(PAGE * PAGES).record_ms
        lines = [make_line(offset, record_ms=newest_ms + offset) for offset in range(count)]
        await seed_lines(self._connection, lines, topic="logs.arriving")

    def _cpu_s(self) -> float:
        return float(sum(self._process.cpu_times()[:2]))


async def measure(dsn: str, port: int, key: str, server: int) -> None:
    await wait_for_port(port)
    connection = await asyncpg.connect(dsn)
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        walk = Walk(session, f"http://127.0.0.1:{port}/graphql", connection, server)
        await walk.run()
    await connection.close()
    first = sum(walk.page_cpu_s[:SAMPLE]) / SAMPLE * 1_000
    last = sum(walk.page_cpu_s[-SAMPLE:]) / SAMPLE * 1_000
    report = {
        "lines": PAGE * PAGES,
        "pages": len(walk.page_cpu_s),
        "repeated": len(walk.seen) - len(set(walk.seen)),
        "lost": PAGE * PAGES - len(set(walk.seen)),
        "cpu_ms_first_pages": round(first, 2),
        "cpu_ms_last_pages": round(last, 2),
        "last_to_first": round(last / first, 2),
    }
    print(json.dumps(report))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dsn", help="A server where a database may be made; else one is started.")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve_ours(given.dsn, given.serve)
        return
    with ExitStack() as resources:
        dsn = given.dsn or postgres_address(resources)
        key = asyncio.run(prepare(dsn))
        own, port = database_dsn(dsn), free_port()
        asyncio.run(seed(own))
        server = subprocess.Popen(
            [sys.executable, "-m", "bench.walk", "--dsn", own, "--serve", str(port)],
            stderr=subprocess.DEVNULL,
        )
        resources.callback(server.terminate)
        asyncio.run(measure(own, port, key, server.pid))


if __name__ == "__main__":
    main()
