"""Replays as runs: killed and resumed, cancelled, refused; whatever happens, counted once."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest
from kafka.admin import KafkaAdminClient
from kafka.structs import TopicPartition

from aiops.replaying import ReplayReport, ReplayRequest, replay_topic, resume_replay
from aiops.status import read_status
from schemas.db.pool import Connection
from schemas.errors import ConfigError
from schemas.settings import load_settings
from streams.lanes import logs_handler
from streams.offsets import OffsetSpan, PartitionRange, advance_offset, claim_partition
from streams.replay import BlockResult, ReplayRefusedError
from streams.store.replay_runs import cancel_run
from tests.checksums import FINALIZED, Checksum, table_checksums
from tests.integration.streams.conftest import MakeLogsTopic, make_logs_topic
from tests.ledger import POLL_S, produce
from tests.ticket_records import WRITER
from tests.topic_reading import read_records
from tests.workers import ROOT, worker_settings

__all__ = ["make_logs_topic"]
pytestmark = pytest.mark.integration

PARTITIONS = 6
PER_PARTITION = 200
RECORDS = PARTITIONS * PER_PARTITION
# The replay stands still at this one, with those before it done.
HELD = 3
TIMEOUT_S = 60.0
ALTER_CHUNKS = "UPDATE log_chunks SET payload = payload || '\\x00'"
HOLD_PARTITION = "SELECT FROM stream_offsets WHERE topic = $1 AND partition = $2 FOR UPDATE"
SELECT_RUN = "SELECT * FROM replay_runs ORDER BY requested_at LIMIT 1"
# Those of replays; migrations and leaders have locks without a second key.
CUT_OFF_FROM_LOCK = """
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 2
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Silent:
    def planned(self, blocks: int, done: int) -> None:
        """Nobody looks."""

    def block_done(self, result: BlockResult) -> None:
        """Nobody looks."""


class Stage:
    """A topic of logs that is stored, a block in each partition, and its database."""

    def __init__(self, topic: str, environ: Mapping[str, str], connection: Connection) -> None:
        self.topic = topic
        self.environ = environ
        self.settings = load_settings(environ)
        self.connection = connection

    async def sums(self) -> Mapping[str, Checksum]:
        return await table_checksums(self.connection, without=(*FINALIZED, "stream_offsets"))

    async def run(self) -> asyncpg.Record:
        """Return the first run's row."""
        row = await self.connection.fetchrow(SELECT_RUN)
        assert row is not None
        return row

    async def until_done(self, blocks: int) -> str:
        """Return the run's id once so many blocks are done."""
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            row = await self.connection.fetchrow(SELECT_RUN)
            if row is not None and row["done_blocks"] == blocks:
                return str(row["run_id"])
            await asyncio.sleep(POLL_S)
        raise AssertionError(f"{blocks} blocks are not done")

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Keep everybody from writing the partition HELD."""
        holder = await asyncpg.connect(self.settings.postgres_dsn)
        async with holder.transaction():
            await holder.fetch(HOLD_PARTITION, self.topic, HELD)
            yield
        await holder.close()

    async def replay(self, *, is_dry_run: bool = False, begin: str | None = None) -> ReplayReport:
        request = ReplayRequest(topic=self.topic, is_dry_run=is_dry_run, begin=begin)
        return await replay_topic(self.settings, request, Silent())

    async def resume(self, run_id: str) -> ReplayReport:
        return await resume_replay(self.settings, run_id, Silent())

    async def ended(self, number: signal.Signals, *options: str) -> tuple[str, str]:
        """Signal `aiops replay` before its block number HELD; return its id and what it said."""
        inherited = {name: text for name, text in os.environ.items() if name[:6] != "AIOPS_"}
        async with self.held():
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "aiops", "replay", self.topic, *options),
                env=inherited | dict(self.environ),
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            run_id = await self.until_done(HELD)
            process.send_signal(number)
            _, said = await process.communicate()
        return run_id, said.decode()


@pytest.fixture
async def stage(
    kafka_server: str, database: str, make_logs_topic: MakeLogsTopic
) -> AsyncIterator[Stage]:
    topic = make_logs_topic(partitions=PARTITIONS)
    connection = await asyncpg.connect(database)
    stage = Stage(topic, worker_settings(kafka_server, database, topic), connection)
    for partition in range(PARTITIONS):
        produce(kafka_server, topic, lines(PER_PARTITION), partition=partition)
        await store(stage, partition)
    yield stage
    await connection.close()


async def store(stage: Stage, partition: int) -> None:
    """Do with a partition what a worker does."""
    records = await read_records(
        stage.settings.kafka_bootstrap, stage.topic, PER_PARTITION, partition=partition
    )
    handler = logs_handler(stage.settings)
    prepared = [handler.prepare(one) for one in records]
    span = OffsetSpan(topic=stage.topic, partition=partition, first=0, end=PER_PARTITION)
    held = PartitionRange(
        topic=stage.topic, partition=partition, topic_id=None, beginning=0, end=PER_PARTITION
    )
    async with stage.connection.transaction():
        await claim_partition(stage.connection, held, WRITER)
        await handler.append(stage.connection, span, prepared)
        await advance_offset(stage.connection, span, max_event_ns=1, writer=WRITER)


def lines(count: int) -> Sequence[bytes]:
    return [
        f"2026-11-25T07:{number % 60:02}:00Z INFO request {number} served".encode()
        for number in range(count)
    ]


async def test_a_killed_replay_goes_on_where_it_was_and_counts_each_block_once(
    stage: Stage,
) -> None:
    before = await stage.sums()
    await stage.connection.execute(ALTER_CHUNKS)

    run_id, said = await stage.ended(signal.SIGKILL)
    (interrupted,) = (await read_status(stage.settings)).replays
    report = await stage.resume(run_id)
    again = await stage.replay()

    assert f"aiops replay --resume {run_id}" in said
    assert (interrupted.state, interrupted.is_interrupted) == ("running", True)
    assert (interrupted.done_blocks, interrupted.blocks) == (HELD, PARTITIONS)
    assert (report.run_id, report.state) == (run_id, "done")
    assert (report.blocks, report.changed_blocks) == (PARTITIONS, PARTITIONS)
    assert report.records == RECORDS
    assert (again.changed_blocks, again.records) == (0, RECORDS)
    assert await stage.sums() == before
    assert await stage.connection.fetchval("SELECT count(*) FROM replay_blocks") == 0


async def test_an_interrupted_dry_run_goes_on_and_has_changed_nothing(stage: Stage) -> None:
    await stage.connection.execute(ALTER_CHUNKS)
    before = await stage.sums()

    run_id, _ = await stage.ended(signal.SIGINT, "--dry-run")
    report = await stage.resume(run_id)

    assert (report.blocks, report.changed_blocks) == (PARTITIONS, PARTITIONS)
    assert report.is_dry_run
    assert await stage.sums() == before


async def test_a_cancelled_replay_writes_no_further_block_and_is_not_resumed(
    stage: Stage,
) -> None:
    await stage.connection.execute(ALTER_CHUNKS)
    async with stage.held():
        running = asyncio.create_task(stage.replay())
        run_id = await stage.until_done(HELD)
        await cancel_run(stage.connection, run_id)
    report = await running

    assert (report.state, report.blocks) == ("cancelled", HELD)
    assert (await stage.replay(is_dry_run=True)).changed_blocks == PARTITIONS - HELD
    with pytest.raises(ConfigError, match="it is cancelled"):
        await stage.resume(run_id)


async def test_one_process_at_a_time_runs_a_replay(stage: Stage) -> None:
    async with stage.held():
        running = asyncio.create_task(stage.replay())
        run_id = await stage.until_done(HELD)
        with pytest.raises(ConfigError, match="is run by another process"):
            await stage.resume(run_id)
    report = await running

    assert (report.state, report.records) == ("done", RECORDS)


async def test_a_replay_that_was_taken_for_dead_writes_nothing_more(stage: Stage) -> None:
    """Cut off from its lock it goes on, and finds that the run is another's."""
    await stage.connection.execute(ALTER_CHUNKS)
    async with stage.held():
        first = asyncio.create_task(stage.replay())
        run_id = await stage.until_done(HELD)
        token = (await stage.run())["runner"]
        await stage.connection.execute(CUT_OFF_FROM_LOCK)
        second = asyncio.create_task(stage.resume(run_id))
        deadline = time.monotonic() + TIMEOUT_S
        while (await stage.run())["runner"] == token:
            assert time.monotonic() < deadline
            await asyncio.sleep(POLL_S)
    await first
    report = await second

    assert (report.state, report.records) == ("done", RECORDS)
    assert (report.blocks, report.changed_blocks) == (PARTITIONS, PARTITIONS)


async def test_a_block_that_retention_cut_since_it_was_planned_is_refused(
    stage: Stage, kafka_admin: KafkaAdminClient
) -> None:
    async with stage.held():
        running = asyncio.create_task(stage.replay())
        await stage.until_done(HELD)
        kafka_admin.delete_records({TopicPartition(stage.topic, HELD + 1): 10})
    with pytest.raises(ReplayRefusedError, match="is cut"):
        await running

    run = await stage.run()
    assert (run["state"], run["done_blocks"]) == ("refused", HELD + 1)
    assert "is cut" in run["error"]


async def test_a_range_that_retention_cut_is_refused_before_anything_is_done(
    stage: Stage, kafka_admin: KafkaAdminClient
) -> None:
    kafka_admin.delete_records({TopicPartition(stage.topic, PARTITIONS - 1): 10})
    with pytest.raises(ReplayRefusedError, match="is cut"):
        await stage.replay()

    run = await stage.run()
    assert (run["state"], run["blocks"]) == ("refused", None)


async def test_nothing_wanted_is_done_at_once(stage: Stage) -> None:
    report = await stage.replay(begin=str(PER_PARTITION))

    assert (report.state, report.blocks) == ("done", 0)


async def test_what_cannot_be_asked_for_leaves_no_run(stage: Stage) -> None:
    for request in (
        ReplayRequest(topic="elsewhere"),
        ReplayRequest(topic="replays.requested"),
        ReplayRequest(topic=stage.topic, begin="yesterday"),
        ReplayRequest(topic=stage.topic, is_retriage=True),
    ):
        with pytest.raises(ConfigError):
            await replay_topic(stage.settings, request, Silent())

    assert await stage.connection.fetchval("SELECT count(*) FROM replay_runs") == 0
