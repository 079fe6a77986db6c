"""Pages by cursor, however many newer lines there are: their cost, and that no line is missed."""

from collections.abc import AsyncIterator, Sequence
from random import Random

import asyncpg
import pytest

from graphql_api.store.database import Database
from graphql_api.store.lines import FIRST_BATCH, SELECT_PIECES, LineFilter, LineReader
from graphql_api.store.pieces import LineKey, LogLine
from schemas.chunks import StoredLine
from schemas.db.pool import Connection
from schemas.ids import CHUNK_RECORDS, RecordId
from streams.store.shelves import begin_shelf, select_shelves, update_newest_records
from tests.databases import touched_blocks
from tests.integration.graphql_api.seeding import BASE_MS, make_line, seed_lines

pytestmark = pytest.mark.integration

PARTITIONS = 3
CHUNKS = 1_000
PAGE = 50
# What EXECUTE takes its values as.
TYPES = "bigint, text, int, bigint, bigint, bigint, text, smallint[], bigint[], bigint, int"


def chunk_of_two(chunk: int) -> list[StoredLine]:
    """Return the first and the last line of a chunk, half a second apart."""
    first = chunk * CHUNK_RECORDS
    return [
        make_line(offset, record_ms=BASE_MS + chunk * 1_000 + milliseconds)
        for offset, milliseconds in ((first, 0), (first + CHUNK_RECORDS - 1, 500))
    ]


def place_of(chunk: int) -> LineKey:
    """Return the place in lists of a chunk's last line."""
    last = chunk_of_two(chunk)[1]
    return (last.record_ms, RecordId("logs.raw", 1, last.offset))


class Reader:
    """Reads pages as the API does, and tells of its statements."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lines = LineReader(database, lambda line: line, cache_lines=100_000)
        self._asked: list[asyncpg.connection.LoggedQuery] = []

    async def listen(self) -> None:
        async with self._database.read_lines() as lent:
            lent.add_query_logger(self._asked.append)
            await lent.execute(f"PREPARE pieces ({TYPES}) AS {SELECT_PIECES}")

    async def page(
        self, size: int, after: LineKey | None = None, wanted: LineFilter | None = None
    ) -> list[LogLine]:
        """Return a page of lines."""
        self._asked.clear()
        return (await self._lines.newest(wanted or LineFilter(), size, after)).views

    def statements(self) -> int:
        """Return in how many statements the last page's pieces were looked for."""
        return len(self._arguments())

    async def blocks(self) -> int:
        """Return how many blocks of tables and indexes those statements touch."""
        touched = 0
        for arguments in self._arguments():
            values = ", ".join(map(literal, arguments))
            async with self._database.read_lines() as lent:
                touched += await touched_blocks(lent, f"EXECUTE pieces ({values})")
        return touched

    def _arguments(self) -> list[Sequence[object]]:
        return [one.args for one in self._asked if one.query == SELECT_PIECES]


def literal(value: object) -> str:
    """Return a value as it stands in a statement."""
    if value is None:
        return "NULL"
    return f"'{value}'" if isinstance(value, str) else str(value)


@pytest.fixture
async def reader(database: str) -> AsyncIterator[Reader]:
    """The API's reader, on one connection of the API's."""
    pool = Database(database, max_connections=1, statement_timeout_s=10)
    await pool.open()
    opened = Reader(pool)
    await opened.listen()
    yield opened
    await pool.close()


async def spread_over(connection: Connection, shelves: int) -> None:
    """Have older chunks lie on older shelves, as many on each."""
    for number in range(shelves - 1):
        await begin_shelf(connection, (await select_shelves(connection))[number])
    await connection.execute(
        "UPDATE log_chunks SET shelf = first_offset / $1", -(-CHUNKS // shelves) * CHUNK_RECORDS
    )
    await update_newest_records(connection, (await select_shelves(connection))[:-1])
    await connection.execute("VACUUM ANALYZE log_chunks")


@pytest.mark.parametrize("shelves", [1, 6])
async def test_a_deep_page_costs_no_more_than_the_first(
    connection: Connection, reader: Reader, shelves: int
) -> None:
    lines = [line for chunk in range(CHUNKS) for line in chunk_of_two(chunk)]
    for partition in range(PARTITIONS):
        await seed_lines(connection, lines, partition=partition)
    await spread_over(connection, shelves)
    costs = {}
    places = {"first": None, "middle": place_of(CHUNKS // 2), "last": place_of(CHUNKS // 10)}
    for depth, place in places.items():
        page = await reader.page(PAGE, place)

        assert len(page) == PAGE
        assert reader.statements() == 1
        costs[depth] = await reader.blocks()

    # A block for each piece, and the way down the indexes of each shelf.
    most = FIRST_BATCH + 10 * shelves
    assert {depth: cost for depth, cost in costs.items() if cost > most} == {}


async def walked(reader: Reader, size: int, wanted: LineFilter | None = None) -> list[LineKey]:
    """Return the places of all lines, page by page."""
    found: list[LineKey] = []
    while page := await reader.page(size, found[-1] if found else None, wanted):
        found += [line.key for line in page]
    return found


async def seed_random(connection: Connection, chooser: Random) -> list[LineKey]:
    """Store 40 partitions of a few lines each, of any times; return their places."""
    keys = []
    for partition in range(40):
        lines = [
            make_line(offset, record_ms=BASE_MS + chooser.choice((0, 1, 2, 500, 900)))
            for offset in range(chooser.randrange(1, 40))
        ]
        await seed_lines(connection, lines, partition=partition)
        keys += [(line.record_ms, RecordId("logs.raw", partition, line.offset)) for line in lines]
    return sorted(keys, reverse=True)


@pytest.mark.parametrize("seed", range(3))
async def test_pages_meet_each_line_once_however_pieces_overlap(
    connection: Connection, reader: Reader, seed: int
) -> None:
    keys = await seed_random(connection, Random(seed))

    assert await walked(reader, 7) == keys


async def test_pages_of_a_time_range_hold_its_lines_and_no_others(
    connection: Connection, reader: Reader
) -> None:
    keys = await seed_random(connection, Random(4))
    wanted = LineFilter(since_ms=BASE_MS + 1, until_ms=BASE_MS + 500)

    found = await walked(reader, 20, wanted)

    assert found == [key for key in keys if key[0] - BASE_MS in (1, 2)]
    assert found


async def test_lines_are_found_beside_a_record_of_the_largest_time(
    connection: Connection, reader: Reader
) -> None:
    largest = StoredLine(
        offset=0, index=0, record_ms=2**63 - 1, event=make_line(0).event, shape_id=1, raw=None
    )
    await seed_lines(connection, [largest], partition=1)
    await seed_lines(connection, [make_line(0)])

    assert await walked(reader, 5) == [(BASE_MS, RecordId("logs.raw", 0, 0))]
