from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from schemas.db.pool import Connection
from streams.domain.log_lines import LinePreparer, PreparedRecord
from streams.store import log_lines
from streams.store.log_lines import LineReader, TimedLine
from tests.log_records import log_records
from tests.stored_lines import append

pytestmark = pytest.mark.integration

FIRST_OFFSET = 300
RECORDS = 900
ALL_TIME = (0, 2**62)
SELECT_SHAPES = "SELECT array_agg(DISTINCT shape_id) FROM log_block_shapes"


@pytest.fixture(scope="module")
def prepared() -> list[PreparedRecord]:
    preparer = LinePreparer()
    return [preparer.prepare(one) for one in log_records(RECORDS, first_offset=FIRST_OFFSET)]


class Interrupted:
    """A connection on which something else is done after each statement."""

    def __init__(self, connection: Connection, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self._connection = connection
        self._meanwhile = meanwhile

    async def fetch(self, query: str, *arguments: Any) -> Any:
        rows = await self._connection.fetch(query, *arguments)
        await self._meanwhile()
        return rows


async def shapes(connection: Connection) -> list[int]:
    found: list[int] = await connection.fetchval(SELECT_SHAPES)
    return found


def offsets(lines: list[TimedLine]) -> list[int]:
    return sorted({line.offset for line in lines})


def lines_of(records: list[PreparedRecord]) -> list[int]:
    return [one.offset for one in records if one.lines]


async def test_pieces_that_are_merged_while_they_are_read_are_read_whole(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, prepared[:100])
    rest = iter([prepared[100:300], prepared[300:]])

    async def go_on() -> None:
        for records in rest:
            await append(connection, records)
            return

    interrupted = cast("Connection", Interrupted(connection, go_on))
    reader = LineReader(interrupted)
    wanted = await shapes(connection)
    first = await reader.select_lines(wanted, *ALL_TIME)
    second = await reader.select_lines(wanted, *ALL_TIME)

    assert offsets(first) == lines_of(prepared[:100])
    assert offsets(second) == lines_of(prepared[:300])


async def test_pieces_that_are_kept_are_not_fetched_again(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    await append(connection, prepared)
    fetched: list[int] = []

    class Counted:
        async def fetch(self, query: str, *arguments: Any) -> Any:
            rows = await connection.fetch(query, *arguments)
            fetched.append(sum(row["payload"] is not None for row in rows))
            return rows

    reader = LineReader(cast("Connection", Counted()))
    wanted = await shapes(connection)
    lines = [await reader.select_lines(wanted, *ALL_TIME) for _ in range(2)]

    assert lines[0] == lines[1]
    assert fetched[0] > 1
    assert fetched[1] == 0


async def test_of_many_pieces_some_over_the_whole_range_are_read(
    connection: Connection, prepared: list[PreparedRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    await append(connection, prepared)
    wanted = await shapes(connection)
    all_pieces = await connection.fetch("SELECT first_offset FROM log_chunks ORDER BY 1")
    every_third = [row["first_offset"] for row in all_pieces[::3]]
    monkeypatch.setattr(log_lines, "MAX_PIECES_READ", -(-len(all_pieces) // 3))

    lines = await LineReader(connection).select_lines(wanted, *ALL_TIME)

    edges = [row["first_offset"] for row in all_pieces]
    read = {max(edge for edge in edges if edge <= line.offset) for line in lines}
    assert sorted(read) == every_third
