"""Postgres away, slow, locked, in a deadlock, with a full disk: the worker waits and goes on."""

import asyncio
import os
import random
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest

from aiops.local.postgres import Postgres
from aiops.local.postgres_files import server_user
from schemas.db.pool import Connection
from tests.conftest import execute
from tests.faults.log_stream import LogStream
from tests.ledger import PATIENCE_S, POLL_S, produce, total
from tests.servers import scratch_directory
from tests.workers import WorkerProcess, running_worker

pytestmark = [pytest.mark.integration, pytest.mark.fault, pytest.mark.timeout(300)]

RECORDS = 2_000
SHORT_S, LONG_S = 6.0, 60.0
# What the worker may take on while it waits: the batches that wait are bounded.
GROWTH_BYTES = 60 * 2**20
SLOWNESS_S = 0.15
SMALL_DISK_BYTES = 4 * 2**20
BULKY_LINES = 500
WRITER_COUNT = "SELECT count(DISTINCT writer) FROM stream_offsets"


def failed_attempts(worker: WorkerProcess, operation: str = "write_batch") -> int:
    """Return how often the worker has said that it tries again."""
    lines = worker.printed().splitlines()
    return sum('"attempt_failed"' in one and f'"{operation}"' in one for one in lines)


def bulky_lines(number: int) -> list[bytes]:
    """Return lines that hardly compress."""
    chooser = random.Random(number)
    return [f"INFO {chooser.randbytes(400).hex()}".encode() for _ in range(BULKY_LINES)]


@pytest.mark.parametrize(
    "away_s", [SHORT_S, pytest.param(LONG_S, marks=pytest.mark.soak)], ids=["short", "long"]
)
async def test_postgres_away_for_a_while(
    own_postgres_stream: LogStream, own_postgres: Postgres, away_s: float
) -> None:
    """The worker lives, holds its partitions, takes on no more, and goes on by itself."""
    stream = own_postgres_stream
    stream.produce(RECORDS, seed=21)
    with running_worker("logs", settings=stream.settings()) as worker:
        await stream.wait_for_progress(RECORDS // 10)
        before_bytes = psutil.Process(worker.process.pid).memory_info().rss
        own_postgres.stop_immediately()
        stream.produce(RECORDS, seed=22)
        await asyncio.sleep(away_s)
        grown_bytes = psutil.Process(worker.process.pid).memory_info().rss - before_bytes
        own_postgres.start()
        await stream.check(2 * RECORDS)
        assert worker.is_running()
        assert failed_attempts(worker) > 1
        assert await total(stream.dsn, WRITER_COUNT) == 1

    assert grown_bytes < GROWTH_BYTES


SLOW_DOWN = f"""
CREATE FUNCTION slow_down() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep({SLOWNESS_S}); RETURN NEW; END $$;
CREATE TRIGGER slow_down BEFORE UPDATE ON stream_offsets
FOR EACH ROW EXECUTE FUNCTION slow_down();
"""


async def test_postgres_that_is_slow_costs_no_partition(log_stream: LogStream) -> None:
    """Heartbeats go on meanwhile: the group never takes the partitions away."""
    log_stream.produce(RECORDS // 5, seed=23)
    await execute(log_stream.dsn, SLOW_DOWN)
    with running_worker("logs", settings=log_stream.settings()) as worker:
        await log_stream.check(RECORDS // 5)
        claims = worker.printed().count("Setting newly assigned partitions")
        assert worker.is_running()
        assert failed_attempts(worker) == 0

    assert claims <= 1


LOCKED_TABLES = "LOCK TABLE log_blocks, log_chunks IN ACCESS EXCLUSIVE MODE"


@pytest.mark.parametrize(
    "held_s", [SHORT_S, pytest.param(LONG_S, marks=pytest.mark.soak)], ids=["short", "long"]
)
async def test_tables_that_somebody_has_locked(log_stream: LogStream, held_s: float) -> None:
    log_stream.produce(RECORDS, seed=24)
    with running_worker("logs", settings=log_stream.settings()) as worker:
        await log_stream.wait_for_progress(RECORDS // 10)
        async with transaction_of(log_stream.dsn) as other:
            await other.execute(LOCKED_TABLES)
            before = await log_stream.stored_count()
            await asyncio.sleep(held_s)
            assert await log_stream.stored_count() == before
        await log_stream.check(RECORDS)
        assert worker.is_running()


@asynccontextmanager
async def transaction_of(dsn: str) -> AsyncIterator[Connection]:
    """Yield a connection in a transaction that is undone at the end."""
    connection = await asyncpg.connect(dsn)
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


LOCK_LAST_FIRST = "LOCK TABLE log_dirty_windows IN EXCLUSIVE MODE"
LOCK_FIRST_LAST = "UPDATE stream_offsets SET updated_at = updated_at"
SLOW_TO_NOTICE = "SET deadlock_timeout = '30s'"
COUNT_WAITING = """
SELECT count(*) FROM pg_locks
WHERE NOT granted AND relation = 'log_dirty_windows'::regclass AND database = (
    SELECT oid FROM pg_database WHERE datname = current_database())
"""
DEADLOCKS = 2


async def wait_for_waiting(other: Connection) -> None:
    """Wait until the worker waits for the table that `other` has locked.

    It looks for a deadlock a second later, once.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not await other.fetchval(COUNT_WAITING):
        assert time.monotonic() < deadline, "the worker wants nothing of the table"
        await asyncio.sleep(POLL_S)


async def test_deadlocks_with_somebody_who_locks_in_the_other_order(
    log_stream: LogStream,
) -> None:
    """The worker notices first, and is the one that is undone; it tries again."""
    log_stream.produce(RECORDS, seed=25)
    with running_worker("logs", settings=log_stream.settings()) as worker:
        await log_stream.wait_for_progress(1)
        for number in range(DEADLOCKS):
            async with transaction_of(log_stream.dsn) as other:
                await other.execute(SLOW_TO_NOTICE)
                await other.execute(LOCK_LAST_FIRST)
                sending = asyncio.to_thread(log_stream.produce, RECORDS // 10, seed=26 + number)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(sending)
                    await wait_for_waiting(other)
                    await other.execute(LOCK_FIRST_LAST)
        await log_stream.check(RECORDS + DEADLOCKS * (RECORDS // 10))
        assert worker.is_running()
        assert "DeadlockDetectedError" in worker.printed()


async def test_a_full_disk_stops_the_stream_until_there_is_room(
    own_postgres_stream: LogStream, own_postgres: Postgres
) -> None:
    stream = own_postgres_stream
    with small_disk() as disk:
        await move_lines_to(disk.place, stream.dsn)
        stream.produce(RECORDS, seed=29)
        with running_worker("logs", settings=stream.settings()) as worker:
            await stream.wait_for_progress(RECORDS // 10)
            disk.fill()
            sent = RECORDS
            # What there was before has left some room within its pages.
            while failed_attempts(worker) < 2:
                assert worker.is_running()
                await asyncio.to_thread(produce, stream.bootstrap, stream.topic, bulky_lines(sent))
                sent += BULKY_LINES
            disk.make_room()
            await stream.check(sent)
            assert worker.is_running()
            assert "DiskFullError" in worker.printed()
        own_postgres.stop()


MOVE_LINES = """
DO $$ DECLARE part regclass; BEGIN
    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'log_chunks'::regclass LOOP
        EXECUTE format('ALTER TABLE %s SET TABLESPACE small', part);
    END LOOP;
END $$
"""


class SmallDisk:
    """A file system of a few megabytes, and a file that takes up what is left of it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._ballast = place / "ballast"

    def fill(self) -> None:
        """Leave no byte to anybody."""
        with self._ballast.open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(4_096))
            except OSError:
                return

    def make_room(self) -> None:
        """Give it back."""
        self._ballast.unlink()


@contextmanager
def small_disk() -> Iterator[SmallDisk]:
    """Yield a file system that only a server can get at; needs root, as all mounts do."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    with scratch_directory() as place:
        options = f"size={SMALL_DISK_BYTES},mode=0700"
        mount = ("mount", "-t", "tmpfs", "-o", options, "aiops-test", str(place))
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("no small file system can be mounted here")
        try:
            yield SmallDisk(place)
        finally:
            subprocess.run(("umount", "-l", str(place)), check=True)


async def move_lines_to(place: Path, dsn: str) -> None:
    """Keep the lines on a file system of their own, as a tablespace."""
    user = server_user()
    assert user is not None
    os.chown(place, user.uid, user.gid)
    await execute(dsn, f"CREATE TABLESPACE small LOCATION '{place}'")
    await execute(dsn, MOVE_LINES)
