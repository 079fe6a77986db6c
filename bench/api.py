"""CPU per request of `logEntries(limit: 50)` with a token, beside two peers, interleaved.

`python -m bench.api [--dsn DSN] [--rounds 7] [--requests 1000]`. Peers: strawberry as it
comes, and a bare handler of aiohttp, asyncpg and orjson. Every server is a process of its own;
counted is its CPU time, not the clock.
"""

import argparse
import asyncio
import gc
import json
import statistics
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import orjson
import psutil
import strawberry
from aiohttp import web
from strawberry.aiohttp.views import GraphQLView

from aiops.local.ports import free_port
from graphql_api.app import create_app
from graphql_api.auth import administration
from graphql_api.auth.administration import Actor
from graphql_api.auth.principal import Origin, Principal, Role
from schemas.db.migrate import migrate
from schemas.db.pool import Connection
from schemas.settings import Settings
from schemas.telemetry import configure_logging
from tests.integration.graphql_api.seeding import make_line, seed_lines
from tests.servers import postgres_address

QUERY: Final = "query { logEntries(limit: 50) { id summary created_at } }"
LINES: Final = 20_000
DATABASE: Final = "bench_api"
ACTOR: Final = Actor(
    Principal(subject="bench", name="bench", role=Role.ADMIN, expires_at=0.0),
    Origin(request_id="bench", address="local"),
)
SELECT_ROWS: Final = "SELECT id, summary, created_at FROM plain ORDER BY created_at DESC LIMIT $1"


@dataclass
class Server:
    """A server process with the headers its clients send."""

    name: str
    process: subprocess.Popen[bytes]
    url: str
    headers: dict[str, str]

    def cpu_s(self) -> float:
        """Return the CPU time of the process so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)


def serve_ours(dsn: str, port: int) -> None:
    configure_logging("INFO")
    settings = Settings(
        postgres_dsn=dsn,
        kafka_bootstrap="127.0.0.1:9",
        api_cost_per_second=1_000_000_000,
        api_max_sockets_per_sender=100_000,
    )
    app = create_app(settings)
    gc.freeze()  # as `aiops api` does
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


async def _pool(dsn: str) -> Any:
    return await asyncpg.create_pool(dsn, min_size=1, max_size=4)


def serve_bare(dsn: str, port: int) -> None:
    app = web.Application()

    async def start(app: web.Application) -> None:
        app["pool"] = await _pool(dsn)

    async def handle(request: web.Request) -> web.Response:
        limit = orjson.loads(await request.read())["limit"]
        rows = await request.app["pool"].fetch(SELECT_ROWS, limit)
        body = orjson.dumps({"data": {"logEntries": [dict(row) for row in rows]}})
        return web.Response(body=body, content_type="application/json")

    app.on_startup.append(start)
    app.router.add_post("/graphql", handle)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


@strawberry.type
class PlainEntry:
    """A row of the peers' table."""

    id: strawberry.ID
    summary: str
    created_at: str = strawberry.field(name="created_at")


@strawberry.type
class PlainQuery:
    """The peer's only query."""

    @strawberry.field
    async def log_entries(self, info: strawberry.Info, limit: int) -> list[PlainEntry]:
        """Return the newest rows."""
        rows = await info.context["request"].app["pool"].fetch(SELECT_ROWS, limit)
        return [PlainEntry(**dict(row)) for row in rows]


def serve_stock(dsn: str, port: int) -> None:
    app = web.Application()

    async def start(app: web.Application) -> None:
        app["pool"] = await _pool(dsn)

    app.on_startup.append(start)
    app.router.add_route("*", "/graphql", GraphQLView(schema=strawberry.Schema(query=PlainQuery)))
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


SERVERS: Final[dict[str, Callable[[str, int], None]]] = {
    "ours": serve_ours,
    "bare aiohttp+asyncpg+orjson": serve_bare,
    "stock strawberry": serve_stock,
}


async def prepare(dsn: str) -> str:
    """Make the database and return an API key."""
    admin = await asyncpg.connect(dsn)
    await admin.execute(f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')
    await admin.execute(f'CREATE DATABASE "{DATABASE}"')
    await admin.close()
    own = database_dsn(dsn)
    await migrate(own)
    connection = await asyncpg.connect(own)
    lines = [make_line(offset) for offset in range(LINES)]
    await seed_lines(connection, lines)
    await connection.execute("CREATE TABLE plain (id text, summary text, created_at text)")
    await connection.executemany(
        "INSERT INTO plain VALUES ($1, $2, $3)",
        [
            (f"AQAAAAAAAAAAAAAn{line.offset}", line.event.body, f"{line.record_ms}")
            for line in lines
        ],
    )
    await connection.execute("CREATE INDEX ON plain (created_at DESC)")
    key = await make_key(connection)
    await connection.execute("ANALYZE")
    await connection.close()
    return key


async def make_key(connection: Connection) -> str:
    """Return a viewer's API key."""
    async with connection.transaction():
        key = await administration.create_api_key(
            connection, ACTOR, name="bench", role=Role.VIEWER, days=1
        )
    return key.secret


def database_dsn(dsn: str) -> str:
    return urlsplit(dsn)._replace(path=f"/{DATABASE}").geturl()


async def wait_for(server: Server, ask: Callable[[Server], Awaitable[bytes]]) -> None:
    for _ in range(1_200):
        try:
            await ask(server)
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{server.name} did not start")


async def measure(servers: list[Server], rounds: int, requests: int) -> dict[str, list[float]]:
    figures: dict[str, list[float]] = {server.name: [] for server in servers}
    async with aiohttp.ClientSession() as session:

        async def ask(server: Server) -> bytes:
            body = {"limit": 50} if server.name.startswith("bare") else {"query": QUERY}
            async with session.post(server.url, json=body, headers=server.headers) as answer:
                content = await answer.read()
                assert answer.status == 200, content
                return content

        for server in servers:
            await wait_for(server, ask)
            entries = orjson.loads(await ask(server))["data"]["logEntries"]
            assert len(entries) == 50
        for _ in range(rounds):
            for server in servers:
                before = server.cpu_s()
                for _ in range(requests):
                    await ask(server)
                figures[server.name].append((server.cpu_s() - before) / requests * 1000)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dsn", help="A server where a database may be made; else one is started.")
    parser.add_argument("--rounds", type=int, default=7)
    # CPU time comes in hundredths of a second: a hundredth of a millisecond a request.
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--serve", choices=list(SERVERS), help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        SERVERS[given.serve](given.dsn, given.port)
        return
    with ExitStack() as resources:
        dsn = given.dsn or postgres_address(resources)
        key = asyncio.run(prepare(dsn))
        servers = [start(name, database_dsn(dsn), key) for name in SERVERS]
        for server in servers:
            resources.callback(server.process.terminate)
        report(asyncio.run(measure(servers, given.rounds, given.requests)))


def start(name: str, dsn: str, key: str) -> Server:
    port = free_port()
    command = [sys.executable, "-m", "bench.api", "--dsn", dsn]
    command += ["--serve", name, "--port", str(port)]
    headers = {"Authorization": f"Bearer {key}"} if name == "ours" else {}
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    return Server(name, process, f"http://127.0.0.1:{port}/graphql", headers)


def report(figures: dict[str, list[float]]) -> None:
    bare = min(figures["bare aiohttp+asyncpg+orjson"])
    for name, values in figures.items():
        best, median = min(values), statistics.median(values)
        line = {"server": name, "cpu_ms_best": round(best, 3), "cpu_ms_median": round(median, 3)}
        print(json.dumps({**line, "times_bare": round(best / bare, 2)}))


if __name__ == "__main__":
    main()
