"""Deliveries per core-second of alike subscriptions, the memory of many sockets, the delay.

`python -m bench.live [--dsn DSN] [--sockets 2000] [--events 200]`. The server is a process of
its own, and so are the clients (`live_clients.py`); counted is CPU time, and the server's memory.
Noted is the delay of each delivery from the commit of the event to its arrival at the client, and
of the first and the last delivery of each event. An event waits until the one before it has arrived
at all.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import asyncpg
import psutil

from aiops.local.ports import free_port
from bench.api import database_dsn, prepare, serve_ours
from bench.live_clients import report_arrivals
from schemas.db.pool import Connection
from tests.integration.graphql_api.seeding import make_line, seed_lines
from tests.servers import postgres_address

TAIL: Final = "subscription { logTail { skipped entries { id summary created_at } } }"
OWN_COMMAND: Final = [sys.executable, "-m", "bench.live"]
_LINES_PER_TOPIC: Final = 16
_WARM_UP_EVENTS: Final = 5


@dataclass
class Clients:
    """The process of all clients; events arrive at `sockets` of them."""

    process: "subprocess.Popen[str]"
    sockets: int

    def arrivals(self) -> list[float]:
        """Wait until an event has arrived at all; return when it did, by the monotonic clock."""
        arrived: list[float] = json.loads(self.line())
        if len(arrived) != self.sockets:
            raise RuntimeError(f"{len(arrived)} deliveries to {self.sockets} sockets")
        return arrived

    def line(self) -> str:
        """Return the next line the clients say."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


async def store_event(connection: Connection, number: int) -> float:
    """Store one new line of a topic of its own; return when it was committed."""
    lines = [make_line(offset) for offset in range(number % _LINES_PER_TOPIC + 1)]
    topic = f"live.{number // _LINES_PER_TOPIC}"
    await seed_lines(connection, lines, topic=topic, notify=True)
    return time.monotonic()


async def delays(dsn: str, clients: Clients, numbers: range) -> list[list[float]]:
    """Store events; return for each the seconds from its commit to its arrivals, in order."""
    waited = []
    connection = await asyncpg.connect(dsn)
    for number in numbers:
        committed = await store_event(connection, number)
        arrived = await asyncio.to_thread(clients.arrivals)
        waited.append(sorted(one - committed for one in arrived))
    await connection.close()
    return waited


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dsn", help="A server where a database may be made; else one is started.")
    parser.add_argument("--sockets", type=int, default=2_000)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--subscribe", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve_ours(given.dsn, given.serve)
    elif given.subscribe:
        port, key = given.subscribe
        report_arrivals(int(port), key, TAIL, given.sockets)
    else:
        with ExitStack() as resources:
            dsn = given.dsn or postgres_address(resources)
            measure(dsn, given.sockets, given.events, resources)


def measure(dsn: str, sockets: int, events: int, resources: ExitStack) -> None:
    key = asyncio.run(prepare(dsn))
    own, port = database_dsn(dsn), free_port()
    command = [*OWN_COMMAND, "--dsn", own, "--serve", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    resources.callback(server.terminate)
    asyncio.run(wait_for_port(port))
    server_use = psutil.Process(server.pid)
    idle = server_use.memory_info().rss

    clients = start_clients(port, key, sockets)
    resources.callback(clients.process.terminate)
    assert clients.line() == "open"
    opened = server_use.memory_info().rss
    asyncio.run(delays(own, clients, range(_WARM_UP_EVENTS)))

    client_use = psutil.Process(clients.process.pid)
    before = [cpu_s(server_use), cpu_s(client_use)]
    measured = range(_LINES_PER_TOPIC, _LINES_PER_TOPIC + events)
    waited = asyncio.run(delays(own, clients, measured))
    spent = cpu_s(server_use) - before[0]
    figures = {
        "sockets": sockets,
        "deliveries": sockets * events,
        "cpu_s": round(spent, 2),
        "cpu_s_of_clients": round(cpu_s(client_use) - before[1], 2),
        "deliveries_per_core_s": round(sockets * events / spent),
        **percentiles("delay_ms", [one for event in waited for one in event]),
        **percentiles("delay_of_first_ms", [event[0] for event in waited]),
        **percentiles("delay_of_last_ms", [event[-1] for event in waited]),
        "rss_mb_idle": idle >> 20,
        "rss_mb_open": opened >> 20,
        "rss_mb_after": server_use.memory_info().rss >> 20,
    }
    print(json.dumps(figures))


def start_clients(port: int, key: str, sockets: int) -> Clients:
    command = [*OWN_COMMAND, "--sockets", str(sockets), "--subscribe", str(port), key]
    return Clients(subprocess.Popen(command, stdout=subprocess.PIPE, text=True), sockets)


def cpu_s(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


def percentiles(name: str, seconds: Sequence[float]) -> dict[str, float]:
    """Return the median and the 99th percentile, in ms."""
    ordered = sorted(seconds)
    return {
        f"{name}_p{percent}": round(ordered[len(ordered) * percent // 100] * 1_000, 1)
        for percent in (50, 99)
    }


async def wait_for_port(port: int) -> None:
    for _ in range(1_200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise RuntimeError("the server did not start")


if __name__ == "__main__":
    main()
