"""`aiops redrive` as a process, with a worker before and after it, and killed half-way."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

import msgspec
import pytest

from aiops.redriving import RedriveReport
from schemas.db.pool import Pool, open_pool
from schemas.topics import MAX_RECORD_BYTES, dead_letter_topic
from streams.redrive import Outcome
from tests.conftest import MakeTopic
from tests.ledger import POLL_S, produce, stored_lines, wait_until
from tests.redrive_stage import Stage
from tests.workers import ROOT, running_worker, worker_settings

pytestmark = pytest.mark.integration

StartRedrive: TypeAlias = Callable[..., subprocess.Popen[bytes]]

TIMEOUT_S: Final = 60.0
BINARY: Final = b"\x01\x02\x03" * 9 + b"ERROR: disk full"
MEND: Final = r"tr -d '\001\002\003'"

# Makes the mark wait for a lock that the test holds: the letter is sent, and not yet marked.
HOLD_MARKS: Final = """
CREATE FUNCTION hold_mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END $$;
CREATE TRIGGER hold_marks BEFORE UPDATE ON dead_letters FOR EACH ROW EXECUTE FUNCTION hold_mark();
"""
COUNT_WAITING: Final = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted
"""


@pytest.fixture
def topic(make_topic: MakeTopic) -> str:
    """A topic of two partitions and its dead letter topic."""
    config = {"max.message.bytes": str(MAX_RECORD_BYTES)}
    make_topic(dead_letter_topic("logs"), partitions=2, config=config)
    return make_topic("logs", partitions=2, config=config)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Connections to the test's database."""
    opened = await open_pool(database, application_name="test", max_size=4)
    yield opened
    await opened.close()


@pytest.fixture
def settings(kafka_server: str, database: str, topic: str) -> dict[str, str]:
    """What the processes are told."""
    return worker_settings(kafka_server, database, topic)


@pytest.fixture
def start_redrive(settings: dict[str, str]) -> Iterator[StartRedrive]:
    """Start `aiops redrive ARGUMENTS --json`; what still runs is killed after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            (sys.executable, "-m", "aiops", "redrive", *arguments, "--json"),
            env={**os.environ, **settings},
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def report_of(process: subprocess.Popen[bytes]) -> dict[Outcome, int]:
    """Return what a redrive that ends well reports, without zeros."""
    output, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    report = msgspec.json.decode(output, type=RedriveReport)
    return {outcome: count for outcome, count in report.outcomes.items() if count}


@asynccontextmanager
async def held_marks(pool: Pool) -> AsyncIterator[None]:
    """Let every redrive wait between sending and marking until the block ends."""
    await pool.execute(HOLD_MARKS)
    async with pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT pg_advisory_xact_lock(4711)")
        yield


async def wait_until_held(pool: Pool) -> None:
    """Return when a mark waits."""
    async with asyncio.timeout(TIMEOUT_S):
        while not await pool.fetchval(COUNT_WAITING):  # noqa: ASYNC110 - another process's lock
            await asyncio.sleep(POLL_S)


async def test_a_mended_record_is_stored_at_its_new_offset(
    settings: dict[str, str],
    kafka_server: str,
    database: str,
    topic: str,
    start_redrive: StartRedrive,
) -> None:
    produce(kafka_server, topic, [BINARY], partition=0)
    with running_worker("logs", settings=settings):
        await wait_until(lambda stored: stored.get(0) == 1, database, topic)
        process = start_redrive(topic, "--reason", "binary", "--filter", MEND)
        outcomes = await asyncio.to_thread(report_of, process)
        await wait_until(lambda stored: stored.get(0) == 2, database, topic)
    ((_, line),) = await stored_lines(database, topic)

    assert outcomes == {Outcome.SENT: 1}
    assert (line.offset, line.event.body, line.event.severity_text) == (1, "disk full", "ERROR")


async def test_a_redrive_killed_before_the_mark_repeats_one_record(
    kafka_server: str, pool: Pool, topic: str, start_redrive: StartRedrive
) -> None:
    stage = Stage(kafka_server, pool, topic)
    await stage.produce([stage.rejected(offset) for offset in range(3)])
    async with held_marks(pool):
        process = start_redrive(topic)
        await wait_until_held(pool)
        process.kill()
        await asyncio.to_thread(process.wait)
    outcomes = await asyncio.to_thread(report_of, start_redrive(topic))

    assert outcomes == {Outcome.SENT: 3}
    assert Counter(stage.arrived()).total() == 4
    assert set(stage.arrived()) == {b"\x00value 0", b"\x00value 1", b"\x00value 2"}


async def test_ctrl_c_ends_it_behind_the_letter_at_hand(
    kafka_server: str, pool: Pool, topic: str, start_redrive: StartRedrive
) -> None:
    stage = Stage(kafka_server, pool, topic)
    await stage.produce([stage.rejected(offset) for offset in range(3)])
    async with held_marks(pool):
        process = start_redrive(topic)
        await wait_until_held(pool)
        process.send_signal(signal.SIGINT)
    outcomes = await asyncio.to_thread(report_of, process)

    assert outcomes == {Outcome.SENT: 1}
    assert await stage.open_letters() == 2
    assert len(stage.arrived()) == 1


async def test_the_report_is_a_sentence_without_json(
    settings: dict[str, str], kafka_server: str, pool: Pool, topic: str
) -> None:
    stage = Stage(kafka_server, pool, topic)
    await stage.produce([stage.rejected(0), stage.rejected(0)])
    command = (sys.executable, "-m", "aiops", "redrive", topic, "--dry-run")
    output = await asyncio.to_thread(
        subprocess.check_output, command, env={**os.environ, **settings}, cwd=ROOT
    )

    assert output.decode() == (f"1 of 2 dead letters would be sent to {topic}; 1 redriven before\n")
