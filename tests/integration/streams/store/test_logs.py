from collections.abc import Sequence
from uuid import uuid4

import pytest

from schemas.chunks import unpack_lines
from schemas.db.pool import Connection
from schemas.ids import BLOCK_RECORDS, CHUNK_RECORDS
from streams.domain.log_lines import LinePreparer, PreparedRecord
from streams.domain.shape_budget import DEFAULT_SHAPE_ROOM
from streams.offsets import OffsetSpan, PartitionRange, advance_offset, claim_partition
from streams.store.logs import append_records, replace_block
from tests.log_records import log_records
from tests.stored_lines import WINDOW_NS, WRITER, cut, derived

pytestmark = pytest.mark.integration

TABLES = ("log_blocks", "log_chunks", "log_counts", "log_block_shapes")
# Across the edges of chunks and of a block.
FIRST_OFFSET = BLOCK_RECORDS - CHUNK_RECORDS - 100
RECORDS = 4_600
# So few that some lines fall back to the shape of their first word.
SMALL_ROOM = 2


@pytest.fixture(scope="module")
def prepared() -> list[PreparedRecord]:
    preparer = LinePreparer()
    return [preparer.prepare(one) for one in log_records(RECORDS, first_offset=FIRST_OFFSET)]


def span(first: int, end: int) -> OffsetSpan:
    return OffsetSpan(topic="logs.raw", partition=0, first=first, end=end)


async def append(
    connection: Connection,
    batches: Sequence[Sequence[PreparedRecord]],
    *,
    room: int = DEFAULT_SHAPE_ROOM,
) -> None:
    """Write batches one after another, each in its transaction, as the agent does."""
    held = PartitionRange(topic="logs.raw", partition=0, beginning=batches[0][0].offset, end=2**62)
    async with connection.transaction():
        stored = await claim_partition(connection, held, WRITER)
    for batch in batches:
        covered = span(stored, batch[-1].offset + 1)
        async with connection.transaction():
            await append_records(connection, covered, batch, window_ns=WINDOW_NS, shape_room=room)
            await advance_offset(connection, covered, max_event_ns=0, writer=WRITER)
        stored = covered.end


@pytest.mark.parametrize("room", [DEFAULT_SHAPE_ROOM, SMALL_ROOM])
@pytest.mark.parametrize("sizes", [(1_000,), (1, 15, 17, 255, 600), (4_200, 7)])
async def test_any_cut_into_batches_stores_the_same(
    connection: Connection, prepared: list[PreparedRecord], sizes: tuple[int, ...], room: int
) -> None:
    await append(connection, [prepared], room=room)
    at_once = await derived(connection)
    await clear(connection)

    await append(connection, cut(prepared, *sizes), room=room)

    assert await derived(connection) == at_once
    assert all(at_once[table].rows for table in TABLES)


async def test_one_record_a_batch_stores_the_same(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    few = prepared[:300]
    await append(connection, [few])
    at_once = await derived(connection)
    await clear(connection)

    await append(connection, cut(few, 1))

    assert await derived(connection) == at_once


@pytest.mark.parametrize("room", [DEFAULT_SHAPE_ROOM, SMALL_ROOM])
async def test_replacing_the_blocks_stores_the_same(
    connection: Connection, prepared: list[PreparedRecord], room: int
) -> None:
    await append(connection, cut(prepared, 700), room=room)
    appended = await derived(connection)

    await replace_all_blocks(connection, prepared, room=room)

    assert await derived(connection) == appended


async def test_a_smaller_room_changes_what_is_stored(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, [prepared])
    before = await derived(connection)

    await replace_all_blocks(connection, prepared, room=SMALL_ROOM)

    after = await derived(connection)
    assert after["log_block_shapes"].rows < before["log_block_shapes"].rows
    assert after["log_blocks"] == before["log_blocks"]


async def replace_all_blocks(
    connection: Connection,
    prepared: Sequence[PreparedRecord],
    *,
    room: int = DEFAULT_SHAPE_ROOM,
) -> None:
    end = prepared[-1].offset + 1
    for block in range(FIRST_OFFSET // BLOCK_RECORDS, end // BLOCK_RECORDS + 1):
        first, last = block * BLOCK_RECORDS, (block + 1) * BLOCK_RECORDS
        own = [one for one in prepared if first <= one.offset < last]
        async with connection.transaction():
            await replace_block(
                connection,
                span(first, min(last, end)),
                own,
                window_ns=WINDOW_NS,
                shape_room=room,
            )


async def test_appending_goes_on_after_a_replaced_block(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, [prepared])
    at_once = await derived(connection)
    await clear(connection)
    half = prepared[: RECORDS // 2]
    await append(connection, cut(half, 900))
    await replace_all_blocks(connection, half)

    await append(connection, cut(prepared[RECORDS // 2 :], 333))

    assert await derived(connection) == at_once


async def test_replacing_marks_windows_only_when_something_changes(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, [prepared])
    await connection.execute("DELETE FROM log_dirty_windows")

    await replace_all_blocks(connection, prepared)
    unchanged = await connection.fetchval("SELECT count(*) FROM log_dirty_windows")
    await replace_all_blocks(connection, prepared[:-1])

    assert unchanged == 0
    assert windows_of(prepared[-1:]) <= await dirty_windows(connection)


def windows_of(prepared: Sequence[PreparedRecord]) -> set[tuple[str, int]]:
    events = [line.stored.event for one in prepared for line in one.lines]
    return {
        (event.service or "", event.timestamp_ns - event.timestamp_ns % WINDOW_NS)
        for event in events
    }


async def dirty_windows(connection: Connection) -> set[tuple[str, int]]:
    rows = await connection.fetch("SELECT service, start_ns FROM log_dirty_windows")
    return {(row["service"], row["start_ns"]) for row in rows}


async def test_every_line_can_be_read_back(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, cut(prepared, 777))

    rows = await connection.fetch("SELECT payload FROM log_chunks ORDER BY first_offset")
    stored = [line for row in rows for line in unpack_lines(row["payload"])]
    sent = [line.stored for one in prepared for line in one.lines]
    assert [(line.offset, line.index) for line in stored] == [
        (line.offset, line.index) for line in sent
    ]
    assert [line.event.body for line in stored] == [line.event.body for line in sent]


async def test_counts_add_up_to_the_lines(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, cut(prepared, 1_234))

    lines = sum(len(one.lines) for one in prepared)
    for statement in (
        "SELECT sum(events) FROM log_blocks",
        "SELECT sum(lines) FROM log_chunks",
        "SELECT sum(lines) FROM log_counts",
        "SELECT sum(count) FROM log_counts, unnest(counts) AS count",
        "SELECT sum(lines) FROM log_block_shapes",
    ):
        assert await connection.fetchval(statement) == lines, statement


async def test_each_touched_window_is_dirty(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, [prepared])

    assert await dirty_windows(connection) == windows_of(prepared)


async def test_sealed_chunks_are_one_row_each(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, cut(prepared, 50))

    rows = await connection.fetch("SELECT first_offset, end_offset FROM log_chunks ORDER BY 1")
    open_chunk = prepared[-1].offset // CHUNK_RECORDS
    sealed = [row for row in rows if row["first_offset"] // CHUNK_RECORDS < open_chunk]
    assert [row["first_offset"] // CHUNK_RECORDS for row in sealed] == list(
        range(FIRST_OFFSET // CHUNK_RECORDS, open_chunk)
    )
    assert all(row["end_offset"] - row["first_offset"] == CHUNK_RECORDS for row in sealed)


async def clear(connection: Connection) -> None:
    names = ", ".join((*TABLES, "stream_offsets", "log_dirty_windows", "dead_letters"))
    await connection.execute(f"TRUNCATE {names}")


async def test_a_checksum_tells_one_changed_byte(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, [prepared[:100]])
    before = await derived(connection)

    await connection.execute("UPDATE log_counts SET counts[1] = counts[1] + 1")
    await connection.execute("UPDATE stream_offsets SET writer = $1, updated_at = now()", uuid4())

    after = await derived(connection)
    assert {table for table in after if after[table] != before[table]} == {"log_counts"}
