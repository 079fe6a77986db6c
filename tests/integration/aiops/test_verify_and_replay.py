"""An operator's proof and repair: the topic read again beside a live worker."""

import asyncpg
import pytest

from aiops.replaying import ReplayReport, ReplayRequest, replay_topic
from aiops.verifying import Difference, verify
from schemas.settings import Settings, load_settings
from streams.domain.replays import ReplayRange
from streams.replay import BlockPlan, BlockResult
from streams.retention import Retention
from tests.checksums import FINALIZED, table_checksums
from tests.integration.streams.conftest import MakeLogsTopic, make_logs_topic
from tests.ledger import produce, read_topic, total, wait_until_stored
from tests.stored_lines import pass_days
from tests.workers import running_worker, worker_settings

__all__ = ["make_logs_topic"]
pytestmark = pytest.mark.integration

EVERYTHING = ReplayRange()
ALTER_CHUNKS = "UPDATE log_chunks SET payload = payload || '\\x00' WHERE lines > 5"
ALTER_COUNTS = "UPDATE log_counts SET counts[1] = counts[1] + 1, lines = lines + 1"


class Silent:
    def planned(self, blocks: int, done: int) -> None:
        """Nobody looks."""

    def block_done(self, result: BlockResult) -> None:
        """Nobody looks."""


async def replay(settings: Settings, topic: str, *, is_dry_run: bool = False) -> ReplayReport:
    request = ReplayRequest(topic=topic, is_dry_run=is_dry_run)
    return await replay_topic(settings, request, Silent())


async def checksums(dsn: str) -> dict[str, object]:
    connection = await asyncpg.connect(dsn)
    try:
        return dict(await table_checksums(connection, without=(*FINALIZED, "stream_offsets")))
    finally:
        await connection.close()


async def execute(dsn: str, statement: str, *arguments: object) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement, *arguments)
    finally:
        await connection.close()


def lines(first: int, count: int) -> list[bytes | None]:
    return [
        f"2026-11-25T07:{number % 60:02}:00Z INFO request {number} served".encode()
        for number in range(first, first + count)
    ]


async def test_a_replay_changes_nothing_and_mends_what_was_altered(
    kafka_server: str, database: str, make_logs_topic: MakeLogsTopic
) -> None:
    topic = make_logs_topic(partitions=2)
    environ = worker_settings(kafka_server, database, topic)
    settings = load_settings(environ)
    produce(kafka_server, topic, lines(0, 6_000))
    with running_worker("logs", settings=environ):
        await wait_until_stored(database, topic, read_topic(kafka_server, topic, 2))
        before = await checksums(database)

        unchanged = await replay(settings, topic)
        after_replay = await checksums(database)
        proof = await verify(settings, [topic], EVERYTHING)
        await execute(
            database, "UPDATE log_chunks SET payload = payload || '\\x00' WHERE lines > 5"
        )
        await execute(
            database, "UPDATE log_counts SET counts[1] = counts[1] + 1, lines = lines + 1"
        )
        found = await verify(settings, [topic], EVERYTHING)
        tried = await replay(settings, topic, is_dry_run=True)
        mended = await replay(settings, topic)

        assert unchanged.changed_blocks == 0
        assert unchanged.records == 6_000
        assert after_replay == before
        assert [one for one in proof.differences if not one.place.startswith("window")] == []
        assert {one.place for one in found.differences} >= {
            f"{topic}[0] block 0",
            f"{topic}[1] block 0",
        }
        assert (tried.changed_blocks, mended.changed_blocks) == (2, 2)
        assert await checksums(database) == before


async def test_a_shape_whose_lines_are_not_those_of_its_blocks_is_named(database: str) -> None:
    settings = Settings(postgres_dsn=database)
    await execute(
        database, "INSERT INTO log_block_shapes VALUES ('t', 0, 0, 7, 's', 'a', 5, 0, 1, 0, 0, '')"
    )
    proof = await verify(settings, [], EVERYTHING)
    await execute(database, "UPDATE log_shape_totals SET lines = 6")

    found = await verify(settings, [], EVERYTHING)

    assert proof.differences == []
    assert found.differences == [
        Difference(place="t[0] shape 7", problem="6 lines in all, 5 counted in blocks")
    ]


INSERT_SUMMARY = """
INSERT INTO log_window_summaries VALUES ($1, $2, $3, $4, false, false, '', '', '')
"""
INSERT_COUNTS = """
INSERT INTO log_counts VALUES ('t', 0, 0, $1, $2, $3, 0, 0, 0, '{}', '{}', '{}')
"""
INSERT_DIRTY = "INSERT INTO log_dirty_windows VALUES ('t', 0, $1, $2)"


async def test_a_window_that_waits_hides_no_other(database: str) -> None:
    window_ns, minute_ns = 300 * 10**9, 60 * 10**9
    windows = (
        ("equal", 0, 2, 2),
        ("before 1970", -window_ns, 2, 2),
        ("waits", window_ns, 1, 2),
        ("differs", window_ns, 1, 2),
    )
    for service, start_ns, summarized, counted in windows:
        end_ns = start_ns + window_ns
        await execute(database, INSERT_SUMMARY, service, start_ns, end_ns, summarized)
        await execute(database, INSERT_COUNTS, service, start_ns // minute_ns + 3, counted)
    await execute(database, INSERT_DIRTY, "waits", window_ns)

    found = await verify(Settings(postgres_dsn=database, window_s=300), [], EVERYTHING)

    assert [one for one in found.differences if one.place.startswith("window")] == [
        Difference(place=f"window {window_ns} of differs", problem="1 lines summarized, 2 counted")
    ]


async def test_a_replay_beside_a_live_stream_loses_nothing(
    kafka_server: str, database: str, make_logs_topic: MakeLogsTopic
) -> None:
    topic = make_logs_topic()
    environ = worker_settings(kafka_server, database, topic, AIOPS_BATCH_RECORDS="200")
    settings = load_settings(environ)
    produce(kafka_server, topic, lines(0, 5_000))
    with running_worker("logs", settings=environ):
        for first in range(5_000, 15_000, 2_500):
            produce(kafka_server, topic, lines(first, 2_500))
            await replay(settings, topic)
        await wait_until_stored(database, topic, read_topic(kafka_server, topic, 1))
        live = await checksums(database)
        report = await replay(settings, topic)

        assert report.records == 15_000
        assert report.changed_blocks == 0
        assert await checksums(database) == live


def test_a_plan_names_offsets_of_its_block() -> None:
    plan = BlockPlan(topic="logs.raw", partition=1, block=2)

    assert (plan.first_offset, plan.end_offset) == (131_072, 196_608)


async def test_lines_past_retention_are_no_difference_and_a_replay_leaves_them_gone(
    kafka_server: str, database: str, make_logs_topic: MakeLogsTopic
) -> None:
    topic = make_logs_topic()
    environ = worker_settings(kafka_server, database, topic)
    settings = load_settings(environ)
    produce(kafka_server, topic, lines(0, 5_000))
    with running_worker("logs", settings=environ):
        await wait_until_stored(database, topic, read_topic(kafka_server, topic, 1))
        await let_pass(database, days=1)
        produce(kafka_server, topic, lines(5_000, 1_000))
        await wait_until_stored(database, topic, read_topic(kafka_server, topic, 1))
        await let_pass(database, days=7)
        before = await checksums(database)

        report = await replay(settings, topic)
        proof = await verify(settings, [topic], EVERYTHING)

        assert await total(database, "SELECT sum(lines) FROM log_chunks") == 1_000
        assert (report.records, report.changed_blocks) == (6_000, 0)
        assert await checksums(database) == before
        assert [one for one in proof.differences if not one.place.startswith("window")] == []
        assert proof.expired_blocks == 1


async def let_pass(dsn: str, *, days: int) -> None:
    """Have the shelves begun so many days earlier, and do what a retention of a week has to."""
    connection = await asyncpg.connect(dsn)
    try:
        await pass_days(connection, days)
        await Retention(connection, 7).run_cycle()
    finally:
        await connection.close()
