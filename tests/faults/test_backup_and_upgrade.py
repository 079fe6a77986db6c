"""What docs/operations.md tells operators to do, done: back up, restore, upgrade."""

import asyncio
import subprocess
from pathlib import Path

import asyncpg
import pytest

from aiops.local.postgres_files import choose_binaries, find_installs
from schemas.db.migrate import Migration, apply_migration, migrate
from tests.checksums import Checksum, table_checksums
from tests.faults.log_stream import LogStream
from tests.servers import local_options
from tests.workers import AiopsProcess, running, running_worker

pytestmark = [pytest.mark.integration, pytest.mark.fault, pytest.mark.timeout(300)]

RECORDS = 3_000
# What a later release may do: nothing that an earlier one could trip over.
NEXT_RELEASE = Migration(
    "9999_next_release",
    """
ALTER TABLE log_blocks ADD COLUMN sampled bigint NOT NULL DEFAULT 0;
ALTER TABLE log_counts ADD COLUMN hosts text[];
ALTER TABLE log_window_summaries ADD COLUMN reviewed boolean NOT NULL DEFAULT false;
ALTER TABLE stream_offsets ADD COLUMN note text;
CREATE TABLE log_reviews (service text NOT NULL, start_ns bigint NOT NULL);
CREATE INDEX log_blocks_sampled ON log_blocks (sampled);
""",
)


def postgres_program(name: str) -> str:
    """Return the path of a program beside the server's own."""
    installs = find_installs(local_options().postgres_installs)
    return str(choose_binaries(installs, Path("/nonexistent")) / name)


def dump(dsn: str, path: Path) -> None:
    """Back the database up, as docs/operations.md says."""
    program = postgres_program("pg_dump")
    subprocess.run((program, "-Fc", "-f", str(path), dsn), check=True)


def restore(dsn: str, path: Path) -> None:
    """Restore a backup into an empty database."""
    program = postgres_program("pg_restore")
    subprocess.run((program, "--no-owner", "-d", dsn, str(path)), check=True)


async def checksums(dsn: str) -> dict[str, Checksum]:
    connection = await asyncpg.connect(dsn)
    try:
        return await table_checksums(connection)
    finally:
        await connection.close()


async def test_a_backup_taken_while_the_stream_goes_on_is_caught_up_after_the_restore(
    log_stream: LogStream, empty_database: str, tmp_path: Path
) -> None:
    """Kafka's committed offsets are far ahead by then: they do not count."""
    original, backup = log_stream, tmp_path / "backup"
    original.produce(RECORDS, seed=51)
    with running_worker("logs", settings=original.settings()) as worker:
        await original.wait_for_progress(RECORDS // 4)
        await asyncio.to_thread(dump, original.dsn, backup)
        original.produce(RECORDS, seed=52)
        await original.check(2 * RECORDS)
        worker.terminate()
        assert worker.wait() == 0

    restored = LogStream(
        bootstrap=original.bootstrap,
        dsn=empty_database,
        topic=original.topic,
        partitions=original.partitions,
    )
    restore(restored.dsn, backup)
    assert 0 < await restored.stored_count() < 2 * RECORDS
    with running_worker("logs", settings=restored.settings()):
        await restored.check(2 * RECORDS)

    assert await checksums(restored.dsn) == await checksums(original.dsn)


async def test_a_worker_goes_on_and_starts_again_while_the_next_release_migrates(
    log_stream: LogStream,
) -> None:
    log_stream.produce(RECORDS, seed=53)
    with running_worker("logs", settings=log_stream.settings()) as worker:
        await log_stream.wait_for_progress(RECORDS // 4)
        connection = await asyncpg.connect(log_stream.dsn)
        await apply_migration(connection, NEXT_RELEASE)
        await connection.close()
        await log_stream.wait_for_progress(RECORDS // 2)
        assert worker.is_running()
        worker.kill()
        worker.start()
        log_stream.produce(RECORDS, seed=54)
        await log_stream.check(2 * RECORDS)

    settings = log_stream.settings()
    for arguments in (("status", "--json"), ("verify", log_stream.topic)):
        with running(AiopsProcess(*arguments, settings=settings)) as command:
            assert command.wait() == 0, arguments
    assert await migrate(log_stream.dsn) == []
