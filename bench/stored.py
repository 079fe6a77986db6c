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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import pairwise
from random import Random
from typing import Any, Final, NamedTuple
from uuid import UUID

import aiohttp
import asyncpg
import msgspec
import psutil

from aiops.local.ports import free_port
from bench.api import make_key
from bench.live import wait_for_port
from bench.peers import cpu_s, postgres_cpu_s, postmaster_of
from schemas.chunks import StoredLine, unpack_lines
from schemas.db.migrate import migrate
from schemas.db.pool import Connection
from schemas.ids import BLOCK_RECORDS, CHUNK_RECORDS
from schemas.records import SourceRecord
from schemas.settings import Settings
from streams.domain.log_lines import LinePreparer, PreparedRecord
from streams.domain.windows import MINUTE_NS
from streams.finalizer import Finalizer
from streams.offsets import OffsetSpan, PartitionRange, advance_offset, claim_partition, lock_offset
from streams.store.log_chunks import insert_pieces, piece_rows
from streams.store.logs import append_records
from tests.conftest import execute, with_database
from tests.log_records import log_value
from tests.servers import postgres_address

TOPIC: Final = "logs.raw"
PARTITIONS: Final = 4
BLOCKS: Final = 4
MOST_COPIES: Final = 48
# Of one partition, and of all: 1,048,576.
PART: Final = BLOCKS * BLOCK_RECORDS
MILLION: Final = PARTITIONS * PART
STEP_MS: Final = 41
COPY_NS: Final = 3 * 60 * MINUTE_NS
FIRST: Final = (MOST_COPIES - 1) * PART
START_MS: Final = 1_773_446_400_000
BATCH_RECORDS: Final = 2 * CHUNK_RECORDS
BATCHES: Final = 16
REQUESTS: Final = 30
WRITER: Final = UUID(int=1)

# How far back each copy lies; the copied lines are those of the blocks from `newest` to `last`.
MAKE_COPIES: Final = """
CREATE TEMPORARY TABLE copies ON COMMIT DROP AS
SELECT $3::bigint AS newest, $3::bigint + $4::bigint - 1 AS last,
       k * $4::bigint AS blocks, k * $5::bigint AS offsets,
       k * $6::bigint AS minutes, k * $6::bigint * 60000000000 AS ns, $7::bigint AS newest_ns
FROM generate_series($1::bigint, $2::bigint) AS k
"""
COPY_ROWS: Final = (
    """
    INSERT INTO log_blocks (topic, partition, block, records, events, dropped, dead_lettered)
    SELECT topic, partition, block - blocks, records, events, dropped, dead_lettered
    FROM log_blocks, copies WHERE block BETWEEN newest AND last
    """,
    """
    INSERT INTO log_counts (topic, partition, block, service, minute, lines, late, first_event_ns,
                            last_event_ns, severities, shape_ids, counts)
    SELECT topic, partition, block - blocks, service, minute - minutes, lines, late,
           first_event_ns - ns, last_event_ns - ns, severities, shape_ids, counts
    FROM log_counts, copies WHERE block BETWEEN newest AND last
    """,
    """
    INSERT INTO log_block_shapes (topic, partition, block, shape_id, service, shape, lines,
                                  first_event_ns, last_event_ns, example_offset, example_index,
                                  example)
    SELECT topic, partition, block - blocks, shape_id, service, shape, lines, first_event_ns - ns,
           last_event_ns - ns, example_offset - offsets, example_index, example
    FROM log_block_shapes, copies WHERE block BETWEEN newest AND last
    """,
    """
    INSERT INTO log_window_summaries (service, start_ns, end_ns, lines, is_open, unusual, headline,
                                      document, content_hash)
    SELECT service, start_ns - ns, end_ns - ns, lines, false, unusual, headline, document,
           content_hash
    FROM log_window_summaries, copies
    WHERE start_ns >= newest_ns AND start_ns < newest_ns + 180 * 60000000000
    """,
)
SELECT_CHUNKS: Final = """
SELECT payload FROM log_chunks
WHERE topic = $1 AND partition = $2 AND first_offset >= $3 AND first_offset < $4
ORDER BY first_offset
"""

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


def records_of(partition: int, first: int, count: int) -> Iterator[SourceRecord]:
    chooser = Random(partition * 1_000_003 + first)
    for offset in range(first, first + count):
        yield SourceRecord(
            topic=TOPIC,
            partition=partition,
            offset=offset,
            value=log_value(chooser, offset),
            timestamp_ms=START_MS + (offset - FIRST) * STEP_MS,
        )


async def write_batch(connection: Connection, batch: Sequence[PreparedRecord]) -> None:
    """Write as the agent does."""
    first, end = batch[0].offset, batch[-1].offset + 1
    partition = batch[0].record.partition
    span = OffsetSpan(topic=TOPIC, partition=partition, first=first, end=end)
    async with connection.transaction():
        await lock_offset(connection, TOPIC, partition, WRITER)
        await append_records(connection, span, batch, window_ns=5 * MINUTE_NS)
        await advance_offset(connection, span, max_event_ns=0, writer=WRITER)


async def write_newest(connection: Connection) -> None:
    """Have the product write a million lines and their summaries."""
    preparer = LinePreparer()
    for partition in range(PARTITIONS):
        held = PartitionRange(topic=TOPIC, partition=partition, beginning=FIRST, end=2**62)
        await claim_partition(connection, held, WRITER)
        for first in range(FIRST, FIRST + PART, BATCH_RECORDS):
            records = records_of(partition, first, BATCH_RECORDS)
            await write_batch(connection, [preparer.prepare(one) for one in records])
    finalizer = Finalizer(connection, Settings())
    while await finalizer.run_cycle():
        pass


async def add_copies(connection: Connection, nearest: int, farthest: int) -> None:
    """Add older copies of the newest million, from the nearest to the farthest back."""
    async with connection.transaction():
        await connection.execute(
            MAKE_COPIES,
            nearest,
            farthest,
            FIRST // BLOCK_RECORDS,
            BLOCKS,
            PART,
            COPY_NS // MINUTE_NS,
            START_MS * 1_000_000,
        )
        for statement in COPY_ROWS:
            await connection.execute(statement)
        for partition in range(PARTITIONS):
            for first in range(FIRST, FIRST + PART, CHUNK_RECORDS):
                place = (TOPIC, partition, first, first + CHUNK_RECORDS)
                rows = await connection.fetch(SELECT_CHUNKS, *place)
                lines = [line for row in rows for line in unpack_lines(row["payload"])]
                copies = range(nearest, farthest + 1)
                await insert_pieces(
                    connection, [moved_back(lines, partition, first, copy) for copy in copies]
                )
    await connection.execute("VACUUM ANALYZE")


def moved_back(
    lines: Sequence[StoredLine], partition: int, first: int, copies: int
) -> tuple[Any, ...]:
    """Return the row of a chunk so many millions earlier."""
    moved = [
        msgspec.structs.replace(
            line,
            offset=line.offset - copies * PART,
            record_ms=line.record_ms - copies * COPY_NS // 1_000_000,
            event=msgspec.structs.replace(
                line.event, timestamp_ns=line.event.timestamp_ns - copies * COPY_NS
            ),
        )
        for line in lines
    ]
    start = first - copies * PART
    bounds = [(start, start + CHUNK_RECORDS)]
    span = OffsetSpan(topic=TOPIC, partition=partition, first=start, end=start + CHUNK_RECORDS)
    (row,) = piece_rows(span, bounds, moved, {start // CHUNK_RECORDS: 0})
    return row


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
