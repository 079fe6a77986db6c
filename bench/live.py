"""Deliveries per core-second of alike subscriptions, the memory of many sockets, the delay.

`python -m bench.live [--dsn DSN] [--sockets 2000] [--events 50]`. The server is a process of
its own; counted is its CPU time, and its memory. Clients speak the protocol themselves, in two
processes, and only count bytes, so that they do not starve the server; one more notes the delay
from the commit of an event to its arrival.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import Final

import asyncpg
import psutil

from aiops.local.ports import free_port
from bench.api import database_dsn, prepare, serve_ours
from graphql_api.socket_messages import text_frame
from tests.integration.graphql_api.seeding import make_line, seed_lines
from tests.servers import postgres_address

TAIL: Final = "subscription { logTail { skipped entries { id summary created_at } } }"
HANDSHAKE: Final = (
    "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
NEXT: Final = b'"type":"next"'
CLIENTS: Final = 2


def masked(message: object) -> bytes:
    """Return a client's frame: with the mask 0, the bytes stay as they are."""
    frame = bytearray(text_frame(json.dumps(message).encode()))
    frame[1] |= 0x80
    size_bytes = {126: 2, 127: 8}.get(frame[1] & 0x7F, 0)
    frame[2 + size_bytes : 2 + size_bytes] = bytes(4)
    return bytes(frame)


async def connect(port: int, key: str) -> asyncio.StreamReader:
    """Open a socket with a running subscription and return its reader."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HANDSHAKE.encode())
    await reader.readuntil(b"\r\n\r\n")
    payload = {"Authorization": f"Bearer {key}"}
    writer.write(masked({"type": "connection_init", "payload": payload}))
    await reader.readuntil(b"}")
    writer.write(masked({"type": "subscribe", "id": "1", "payload": {"query": TAIL}}))
    await writer.drain()
    reader.writer = writer  # type: ignore[attr-defined]  # kept open as long as the reader
    return reader


async def count_events(port: int, key: str, sockets: int, events: int) -> None:
    """Report on stdout when all sockets are open, and when all have had all events."""
    readers = [await connect(port, key) for _ in range(sockets)]
    print("open", flush=True)

    await asyncio.gather(*(read_events(reader, events) for reader in readers))
    print("done", flush=True)
    await asyncio.to_thread(sys.stdin.readline)


async def read_events(reader: asyncio.StreamReader, events: int) -> None:
    """Return when so many events have arrived."""
    seen, rest = 0, b""
    while seen < events:
        found = rest + await reader.read(262_144)
        seen += found.count(NEXT)
        rest = found[-len(NEXT) + 1 :]


async def delays(dsn: str, port: int, key: str, events: int) -> list[float]:
    """Store events; return the seconds from each commit to the last of all clients, sorted.

    That is one more client, served after those before it. An event waits until the one before it
    has arrived: two at once would be one message.
    """
    reader = await connect(port, key)
    waited = []
    connection = await asyncpg.connect(dsn)
    for number in range(events):
        # A topic of its own, one new line a batch: each notification is one event.
        lines = [make_line(offset) for offset in range(number % 16 + 1)]
        topic = f"live.{number // 16}"
        await seed_lines(connection, lines, topic=topic, notify=True)
        committed = time.monotonic()
        await read_events(reader, 1)
        waited.append(time.monotonic() - committed)
    await connection.close()
    return sorted(waited)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dsn", help="A server where a database may be made; else one is started.")
    parser.add_argument("--sockets", type=int, default=2_000)
    parser.add_argument("--events", type=int, default=50)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--count", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve_ours(given.dsn, given.serve)
    elif given.count:
        port, key = given.count
        asyncio.run(count_events(int(port), key, given.sockets, given.events))
    else:
        with ExitStack() as resources:
            dsn = given.dsn or postgres_address(resources)
            measure(dsn, given.sockets, given.events)


def measure(dsn: str, sockets: int, events: int) -> None:
    key = asyncio.run(prepare(dsn))
    own, port = database_dsn(dsn), free_port()
    command = [sys.executable, "-m", "bench.live", "--dsn", own]
    server = subprocess.Popen([*command, "--serve", str(port)], stderr=subprocess.DEVNULL)
    clients: list[subprocess.Popen[str]] = []
    try:
        process = psutil.Process(server.pid)
        asyncio.run(wait_for_port(port))
        idle = process.memory_info().rss
        count = [*command, "--sockets", str(sockets // CLIENTS), "--events", str(events)]
        clients += [start_client([*count, "--count", str(port), key]) for _ in range(CLIENTS)]
        expect(clients, "open")
        opened = process.memory_info().rss
        before = sum(process.cpu_times()[:2])
        waited = asyncio.run(delays(own, port, key, events))
        expect(clients, "done")
        spent = sum(process.cpu_times()[:2]) - before
        print(
            json.dumps(
                {
                    "sockets": sockets,
                    "deliveries": sockets * events,
                    "cpu_s": round(spent, 2),
                    "deliveries_per_core_s": round(sockets * events / spent),
                    "delay_ms_p50": round(waited[len(waited) // 2] * 1_000),
                    "delay_ms_p99": round(waited[len(waited) * 99 // 100] * 1_000),
                    "rss_mb_idle": idle >> 20,
                    "rss_mb_open": opened >> 20,
                    "rss_mb_after": process.memory_info().rss >> 20,
                }
            )
        )
    finally:
        server.terminate()
        for client in clients:
            client.terminate()


def start_client(command: list[str]) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


def expect(clients: list["subprocess.Popen[str]"], word: str) -> None:
    for client in clients:
        assert client.stdout is not None
        assert client.stdout.readline().strip() == word


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
