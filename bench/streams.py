"""The logs worker on a real broker: `python -m bench.streams [cpu] [trickle] [bytes] [memory]`.

cpu      CPU microseconds a plain text line, beside a bare consumer and a plain Faust agent
trickle  share of a core at 1,000 records a second
bytes    stored bytes over raw bytes, for a burst and for one record a batch
memory   peak memory while a backlog of 2 million lines that compress well is worked off

The servers are AIOPS_TEST_KAFKA and AIOPS_TEST_POSTGRES, else embedded ones. Counted is CPU time of
the process, not the clock: the machine may have other work.
"""

import asyncio
import random
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg
import psutil
from confluent_kafka import Producer
from kafka.admin import KafkaAdminClient, NewTopic

from bench.stream_peers import PEERS, TABLES
from schemas.db.migrate import migrate
from schemas.records import SourceRecord
from schemas.topics import dead_letter_topic
from streams.domain.log_lines import LinePreparer
from streams.domain.windows import MINUTE_NS
from streams.offsets import OffsetSpan, PartitionRange, advance_offset, claim_partition
from streams.store.logs import append_records
from tests.checksums import BOOKKEEPING
from tests.conftest import execute, with_database
from tests.ledger import stored_partitions
from tests.servers import kafka_address, postgres_address
from tests.workers import WorkerProcess, running_worker, worker_settings

PARTITIONS: Final = 4
LINES: Final = 500_000
# At 200 us a line the plain agent would take minutes for all of them.
FAUST_LINES: Final = 50_000
BACKLOG_LINES: Final = 2_000_000
ONE_BY_ONE_RECORDS: Final = 20_000
ROWS_A_VACUUM: Final = 200
TRICKLE_PER_S: Final = 1_000
TRICKLE_S: Final = 20
FIRST_MS: Final = 1_773_475_200_000
POLL_S: Final = 0.1
PEER: Final = "--peer"

VERBS: Final = ("accepted", "served", "refused", "queued", "retried", "flushed", "expired", "sent")
NOUNS: Final = ("request", "session", "payment", "order", "index", "segment", "token", "upload")


class Place(NamedTuple):
    """A fresh topic and a fresh database."""

    bootstrap: str
    dsn: str
    topic: str


def lines(count: int, *, seed: int = 1) -> Iterator[bytes]:
    """Yield lines of about 120 bytes: 64 templates, as an application writes them."""
    chooser = random.Random(seed)
    for number in range(count):
        verb, noun = chooser.choice(VERBS), chooser.choice(NOUNS)
        level = "ERROR" if verb == "refused" else "INFO"
        seconds, millis = divmod(number * 7, 1000)
        stamp = f"2026-03-14T08:{seconds // 60 % 60:02}:{seconds % 60:02}.{millis:03}Z"
        yield (
            f"{stamp} {level} {noun} {chooser.randrange(10**8)} {verb} by node-{number % 17} in "
            f"{chooser.randrange(5000)} ms, client 10.{number % 250}.{chooser.randrange(250)}.7"
        ).encode()


def produce_lines(place: Place, values: Iterator[bytes]) -> int:
    """Send the lines and return their bytes."""
    producer = Producer(
        {"bootstrap.servers": place.bootstrap, "linger.ms": "20", "compression.type": "lz4"}
    )
    size = 0
    for number, value in enumerate(values):
        size += len(value)
        while True:
            try:
                producer.produce(place.topic, value, partition=number // 500 % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
    return size


@contextmanager
def fresh_place(bootstrap: str, server: str) -> Iterator[Place]:
    """Yield a topic and a migrated database of their own."""
    name = f"bench_{secrets.token_hex(4)}"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    topics = [NewTopic(one, PARTITIONS, 1) for one in (name, dead_letter_topic(name))]
    admin.create_topics(topics, wait_for_metadata=True)
    asyncio.run(execute(server, f'CREATE DATABASE "{name}"'))
    dsn = with_database(server, name)
    asyncio.run(migrate(dsn))
    try:
        yield Place(bootstrap, dsn, name)
    finally:
        asyncio.run(execute(server, f'DROP DATABASE "{name}" WITH (FORCE)'))
        admin.delete_topics([topic.name for topic in topics])
        admin.close()


def cpu_s(worker: WorkerProcess) -> float:
    times = psutil.Process(worker.process.pid).cpu_times()
    return float(times.user + times.system)


def wait_for(is_true: Callable[[dict[int, int]], bool], place: Place, worker: WorkerProcess) -> int:
    """Wait for the stored offsets; return the largest memory seen meanwhile, bytes."""
    process, peak = psutil.Process(worker.process.pid), 0
    while not is_true(asyncio.run(stored_partitions(place.dsn, place.topic))):
        peak = max(peak, process.memory_info().rss)
        assert worker.is_running()
        time.sleep(POLL_S)
    return peak


@contextmanager
def claimed_worker(place: Place) -> Iterator[WorkerProcess]:
    """Yield a worker with the default settings that has joined and claimed its partitions."""
    settings = worker_settings(place.bootstrap, place.dsn, place.topic)
    del settings["AIOPS_FETCH_MIN_BYTES"]
    with running_worker("logs", settings=settings) as worker:
        wait_for(lambda stored: len(stored) == PARTITIONS, place, worker)
        yield worker


def measure_cpu(place: Place) -> None:
    size = produce_lines(place, lines(LINES))
    with claimed_worker(place) as worker:
        before = cpu_s(worker)
        wait_for(lambda stored: sum(stored.values()) == LINES, place, worker)
        ours = (cpu_s(worker) - before) / LINES
    bare = run_peer("bare", place, LINES)
    plain = run_peer("faust", place, FAUST_LINES)
    print(f"{LINES} lines of {size / LINES:.0f} bytes, CPU of the process a line:")
    print(f"  logs worker            {ours * 1e6:7.1f} us")
    print(f"  bare consumer, COPY    {bare * 1e6:7.1f} us   ours is {ours / bare:.2f} x (goal: 2)")
    print(
        f"  plain Faust agent      {plain * 1e6:7.1f} us   is {plain / ours:.1f} x ours (goal: 10)"
    )
    print_stored(place, size, "burst")


def run_peer(peer: str, place: Place, count: int) -> float:
    """Return the CPU seconds a line of a peer, with tables of its own."""
    asyncio.run(execute(place.dsn, TABLES[peer]))
    arguments = (peer, place.bootstrap, place.dsn, place.topic, str(count))
    done = subprocess.run(
        [sys.executable, "-m", "bench.streams", PEER, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1]) / count


def print_stored(place: Place, size: int, name: str) -> None:
    stored = asyncio.run(stored_bytes(place.dsn))
    print(f"stored bytes, {name}: {stored / size:.3f} x raw (goal: 0.3)")


SIZE_WITH_PARTITIONS: Final = """
SELECT pg_total_relation_size($1::regclass) + coalesce(
    (SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits
     WHERE inhparent = $1::regclass), 0)
"""


async def stored_bytes(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    await connection.execute("VACUUM ANALYZE")
    tables = (*BOOKKEEPING, "log_dirty_windows")
    sizes = [await connection.fetchval(SIZE_WITH_PARTITIONS, table) for table in tables]
    await connection.close()
    return sum(sizes)


def measure_trickle(place: Place) -> None:
    producer = Producer({"bootstrap.servers": place.bootstrap, "linger.ms": "5"})
    values = list(lines(TRICKLE_PER_S * TRICKLE_S))
    with claimed_worker(place) as worker:
        started, before = time.monotonic(), cpu_s(worker)
        for number, value in enumerate(values):
            producer.produce(place.topic, value, partition=number % PARTITIONS)
            producer.poll(0)
            time.sleep(max(0.0, started + number / TRICKLE_PER_S - time.monotonic()))
        producer.flush()
        wait_for(lambda stored: sum(stored.values()) == len(values), place, worker)
        share = (cpu_s(worker) - before) / TRICKLE_S
    print(f"{TRICKLE_PER_S} records/s: {share:.1%} of a core (goal: 15 %)")


def measure_bytes(place: Place) -> None:
    values = list(lines(2 * ONE_BY_ONE_RECORDS))
    sizes, stored = [0], [0]
    for first in (0, ONE_BY_ONE_RECORDS):
        part = range(first, first + ONE_BY_ONE_RECORDS)
        asyncio.run(append_one_by_one(place.dsn, values, part))
        sizes.append(sum(len(values[offset]) for offset in part))
        stored.append(asyncio.run(stored_bytes(place.dsn)))
    print(f"stored bytes, one record a batch: {stored[1] / sizes[1]:.3f} x the first {sizes[1]}")
    print(f"  and {(stored[2] - stored[1]) / sizes[2]:.3f} x the next {sizes[2]} (goal: 0.3)")


async def append_one_by_one(dsn: str, values: Sequence[bytes], offsets: range) -> None:
    """Store one record a second, each in a transaction.

    Their hours pass in minutes, so autovacuum is done by hand: it comes at 200 dead rows, and a
    record leaves about one.
    """
    connection = await asyncpg.connect(dsn)
    await connection.execute("SET synchronous_commit = off")
    writer, preparer = UUID(int=1), LinePreparer()
    held = PartitionRange(topic="logs.raw", partition=0, beginning=0, end=offsets.stop)
    await claim_partition(connection, held, writer)
    for offset in offsets:
        record = SourceRecord(
            topic="logs.raw",
            partition=0,
            offset=offset,
            value=values[offset],
            timestamp_ms=FIRST_MS + 1_000 * offset,
        )
        span = OffsetSpan(topic="logs.raw", partition=0, first=offset, end=offset + 1)
        async with connection.transaction():
            await append_records(
                connection, span, [preparer.prepare(record)], window_ns=5 * MINUTE_NS
            )
            await advance_offset(connection, span, max_event_ns=0, writer=writer)
        if offset % ROWS_A_VACUUM == 0:
            await connection.execute("VACUUM")
    await connection.close()


def measure_memory(place: Place) -> None:
    produce_lines(place, (b"INFO the very same line over and over" for _ in range(BACKLOG_LINES)))
    with claimed_worker(place) as worker:
        peak = wait_for(lambda stored: sum(stored.values()) == BACKLOG_LINES, place, worker)
    print(f"peak memory on {BACKLOG_LINES} lines: {peak / 2**20:.0f} MiB (goal: 250 MB)")


MEASUREMENTS: Final[dict[str, Callable[[Place], None]]] = {
    "cpu": measure_cpu,
    "trickle": measure_trickle,
    "bytes": measure_bytes,
    "memory": measure_memory,
}


def main() -> None:
    if sys.argv[1:2] == [PEER]:
        peer, bootstrap, dsn, topic, count = sys.argv[2:]
        PEERS[peer](bootstrap, dsn, topic, int(count))
        return
    with ExitStack() as resources:
        bootstrap, server = kafka_address(resources), postgres_address(resources)
        for name in sys.argv[1:] or MEASUREMENTS:
            with fresh_place(bootstrap, server) as place:
                MEASUREMENTS[name](place)


if __name__ == "__main__":
    main()
