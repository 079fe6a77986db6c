"""Old lines leave with their partition; counts, templates and everything else stay."""

import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from schemas.db.pool import Connection, open_pool
from schemas.ids import BLOCK_RECORDS, CHUNK_RECORDS
from streams.domain.log_lines import LinePreparer, PreparedRecord
from streams.store.forgetting import forget_topic
from streams.store.shelves import kept_shelves
from tests.log_records import log_records
from tests.stored_lines import (
    TOPIC,
    append,
    cut,
    derived,
    offsets,
    offsets_of,
    pass_days,
    replay,
    retain,
    stored_bytes,
)

pytestmark = pytest.mark.integration

DAYS = 7
# Across the edges of chunks and of a block.
FIRST_OFFSET = BLOCK_RECORDS - CHUNK_RECORDS - 1_500
RECORDS = 7_000
HALF = RECORDS // 2


@pytest.fixture
async def other(database: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
def prepared() -> list[PreparedRecord]:
    preparer = LinePreparer()
    return [preparer.prepare(one) for one in log_records(RECORDS, first_offset=FIRST_OFFSET)]


async def test_without_old_lines_nothing_happens(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, prepared[:HALF])
    before = await derived(connection)

    assert await retain(connection, DAYS) == [0]

    assert await derived(connection) == before


async def test_lines_past_retention_leave_and_nothing_else_does(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, prepared[:HALF])
    await pass_days(connection, 1)
    shelves_after_a_day = await retain(connection, DAYS)
    await append(connection, prepared[HALF:])
    before = await derived(connection)
    await pass_days(connection, DAYS - 0.01)
    shelves_before_the_limit = await retain(connection, DAYS)
    lines_before_the_limit = await offsets(connection)
    await pass_days(connection, 0.01)

    shelves_at_the_limit = await retain(connection, DAYS)

    # The chunk that was open at the change of shelves went along, and lost its old lines.
    kept_from = prepared[HALF - 1].offset + 1
    assert shelves_after_a_day == [0, 1]
    assert shelves_before_the_limit == [0, 1, 2]
    assert lines_before_the_limit == offsets_of(prepared)
    assert shelves_at_the_limit == [1, 2]
    assert await offsets(connection) == offsets_of(prepared, kept_from)
    assert kept_from % CHUNK_RECORDS
    after = await derived(connection)
    assert {table for table in after if after[table] != before[table]} == {"log_chunks"}


async def test_the_space_is_free_at_once(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, prepared)
    full = await stored_bytes(connection)
    await pass_days(connection, 1)
    await retain(connection, DAYS)
    empty_shelf = await stored_bytes(connection) - full
    await pass_days(connection, DAYS)

    assert await retain(connection, DAYS) == [1, 2]

    assert await stored_bytes(connection) == 2 * empty_shelf
    assert full > 5 * empty_shelf


async def test_what_is_stored_does_not_depend_on_when_shelves_begin(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, prepared)
    at_once = await derived(connection)
    await connection.execute("TRUNCATE log_blocks, log_chunks, log_counts, log_block_shapes")
    await connection.execute("TRUNCATE stream_offsets, log_dirty_windows, dead_letters")

    for batch in cut(prepared, 1_200, 40, 2_000):
        await append(connection, batch, size=700)
        await pass_days(connection, 1)
        await retain(connection, days=12)

    assert await derived(connection) == at_once
    # Three chunks, each on the newest shelf that it grew on.
    assert await connection.fetchval("SELECT count(DISTINCT shelf) FROM log_chunks") == 3


@pytest.mark.parametrize("seed", range(4))
async def test_replays_change_nothing_whatever_has_left(
    connection: Connection, prepared: list[PreparedRecord], seed: int
) -> None:
    chooser = random.Random(seed)
    stored: list[PreparedRecord] = []
    for batch in cut(prepared, *(chooser.randrange(20, 1_500) for _ in range(9))):
        await append(connection, batch, size=chooser.choice((37, 800)))
        stored += batch
        await pass_days(connection, chooser.choice((0, 1, 1, 3, 8)))
        await retain(connection, DAYS)
        if chooser.random() < 0.5:
            await replay(connection, stored)
    before = await derived(connection)
    lines = await offsets(connection)

    changed = await replay(connection, stored) + await replay(connection, stored)

    assert not any(changed)
    assert await derived(connection) == before
    # What is left is the newest part, without a hole.
    assert lines == offsets_of(stored, lines[0])
    assert await connection.fetchval("SELECT sum(lines) FROM log_counts") == len(offsets_of(stored))


async def test_an_open_chunk_that_rested_for_too_long_goes_on_without_its_old_lines(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    few, more = prepared[:150], prepared[150:400]
    await append(connection, few)
    await pass_days(connection, 1)
    await retain(connection, DAYS)
    await pass_days(connection, DAYS)
    await retain(connection, DAYS)
    rested = await offsets(connection)

    await append(connection, more, size=30)
    went_on = await offsets(connection)
    changed = await replay(connection, prepared[:400])

    assert rested == []
    assert went_on == offsets_of(more)
    assert not any(changed)


async def test_a_slow_stream_keeps_its_lines_no_longer_than_others(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    # Fifty records a day: the chunk stays open for months.
    days = cut(prepared[:1_000], 50)
    kept = []
    for day in days:
        await append(connection, day, size=20)
        await pass_days(connection, 1)
        await retain(connection, DAYS)
        kept.append(await offsets(connection))
    before = await derived(connection)

    changed = await replay(connection, prepared[:1_000])

    assert kept[DAYS - 1] == offsets_of(prepared[: DAYS * 50])
    assert kept[-1] == offsets_of(prepared[1_000 - DAYS * 50 : 1_000])
    assert not any(changed)
    assert await derived(connection) == before


async def test_lines_of_a_partition_that_is_being_written_leave_later(
    connection: Connection, other: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, prepared[:HALF])
    await pass_days(connection, 1)
    await retain(connection, DAYS)
    await append(connection, prepared[HALF:])
    await pass_days(connection, DAYS)
    writing = other.transaction()
    await writing.start()
    await other.execute("SELECT FROM stream_offsets FOR UPDATE")

    await retain(connection, DAYS)
    during = await offsets(connection)
    await writing.rollback()
    await retain(connection, DAYS)

    assert len(during) > len(offsets_of(prepared[HALF:]))
    assert await offsets(connection) == offsets_of(prepared[HALF:])


async def test_a_replay_keeps_all_lines_until_it_ends(
    connection: Connection, database: str, prepared: list[PreparedRecord]
) -> None:
    await append(connection, prepared[:HALF])
    await pass_days(connection, 1)
    await retain(connection, DAYS)
    await pass_days(connection, DAYS)
    pool = await open_pool(database, application_name="test", max_size=1)

    async with kept_shelves(pool):
        during = await retain(connection, DAYS)
        lines_during = await offsets(connection)
    after = await retain(connection, DAYS)
    await pool.close()

    assert during == [0, 1, 2]
    assert lines_during == offsets_of(prepared[:HALF])
    assert after == [1, 2]


async def test_a_long_query_delays_the_drop_and_no_writer(
    connection: Connection, other: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, prepared[:HALF])
    reading = other.transaction(isolation="repeatable_read", readonly=True)
    await reading.start()
    seen = await offsets(other)
    await pass_days(connection, 1)
    begun = await retain(connection, DAYS)
    await pass_days(connection, DAYS)

    kept = await retain(connection, DAYS)
    await append(connection, prepared[HALF:])
    seen_again = await offsets(other)
    await reading.rollback()
    dropped = await retain(connection, DAYS)

    assert begun == [0, 1]
    assert kept == [0, 1, 2]
    assert seen_again == seen
    assert dropped == [1, 2]


async def test_readers_and_writers_need_not_wait_for_a_new_shelf(
    connection: Connection, other: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, prepared[:100])
    await pass_days(connection, 1)
    writing = other.transaction()
    await writing.start()
    await other.execute("DELETE FROM log_chunks WHERE first_offset < 0")

    assert await retain(connection, DAYS) == [0, 1]

    await writing.rollback()


async def test_the_setting_may_change_at_any_time(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    shelves = []
    for number, batch in enumerate(cut(prepared, 1_000)):
        await append(connection, batch)
        await pass_days(connection, 1)
        shelves.append(await retain(connection, days=(60, 3, 3, 40, 40, 2, 1)[number]))

    # Sixty days are five a shelf; three are one; forty are four.
    assert shelves == [
        [0],
        [0, 1],
        [0, 1, 2],
        [0, 1, 2],
        [0, 1, 2],
        [2, 3],
        [3, 4],
    ]


async def test_a_forgotten_topic_starts_with_all_its_lines(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, prepared[:HALF])
    await pass_days(connection, 1)
    await retain(connection, DAYS)
    await pass_days(connection, DAYS)
    await retain(connection, DAYS)
    await forget_topic(connection, TOPIC, window_minutes=5)

    await append(connection, prepared[:HALF])
    changed = await replay(connection, prepared[:HALF])

    assert await offsets(connection) == offsets_of(prepared[:HALF])
    assert not any(changed)


async def test_how_new_a_shelf_is_gets_noted_once_it_is_settled(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, prepared[:HALF])
    await pass_days(connection, 1)
    await retain(connection, DAYS)
    noted_at_once = await connection.fetchval("SELECT newest_record_ms FROM log_shelves")
    await pass_days(connection, 0.5)
    await retain(connection, DAYS)

    rows = await connection.fetch("SELECT newest_record_ms FROM log_shelves ORDER BY shelf")
    assert noted_at_once is None
    assert [row["newest_record_ms"] for row in rows] == [
        max(one.record.timestamp_ms for one in prepared[:HALF] if one.lines),
        None,
    ]


async def test_a_replay_that_finds_newer_lines_on_an_old_shelf_says_so(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    newest = max(range(HALF), key=lambda at: prepared[at].record.timestamp_ms)
    assert prepared[newest].lines
    first_seen = [*prepared[:newest], *prepared[newest + 1 : HALF]]
    await append(connection, first_seen)
    await pass_days(connection, 1.5)
    await retain(connection, DAYS)
    await pass_days(connection, 0.5)
    await retain(connection, DAYS)

    changed = await replay(connection, prepared[:HALF])

    noted = await connection.fetchval("SELECT newest_record_ms FROM log_shelves ORDER BY shelf")
    assert any(changed)
    assert noted == prepared[newest].record.timestamp_ms
