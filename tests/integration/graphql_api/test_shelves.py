"""Lists and entries over lines that lie on several shelves, some of them dropped."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from graphql_api.scalars import instant_from_ms
from graphql_api.store.database import Database
from graphql_api.store.lines import SELECT_PIECES, LineFilter, LineReader
from graphql_api.store.shelves import REFRESH_S, ShelfCache
from schemas.db.pool import Connection
from schemas.ids import RecordId, encode_record_id
from streams.domain.retention import Shelf
from streams.store.shelves import (
    begin_shelf,
    drop_shelf,
    select_shelves,
    update_newest_records,
)
from tests.integration.graphql_api.conftest import Api
from tests.integration.graphql_api.seeding import make_line, seed_lines

pytestmark = pytest.mark.integration

SHELVES = 5
LINES = 1_500
# Pieces are put on shelves by their offsets, as if each shelf took 300 lines.
SPREAD = "UPDATE log_chunks SET shelf = first_offset / 300"


@pytest.fixture
async def spread(database: str) -> AsyncIterator[Connection]:
    """Lines on five shelves, whose records are newer the newer the shelf is."""
    connection = await asyncpg.connect(database)
    await seed_lines(connection, [make_line(offset) for offset in range(LINES)])
    for _ in range(SHELVES - 1):
        await begin_shelf(connection, await newest_shelf(connection))
    await connection.execute(SPREAD)
    await update_newest_records(connection, (await select_shelves(connection))[:-1])
    yield connection
    await connection.close()


async def newest_shelf(connection: Connection) -> Shelf:
    return (await select_shelves(connection))[-1]


def id_of(offset: int, index: int = 0) -> str:
    return encode_record_id(RecordId("logs.raw", 0, offset, index))


async def listed(api: Api, arguments: str = "first: 500") -> list[int]:
    """Return the offsets of all lines, page by page."""
    found: list[int] = []
    cursor = "null"
    while True:
        data = await api.ask(
            f"{{ logLines({arguments}, after: {cursor})"
            " { edges { node { offset } } pageInfo { hasNextPage endCursor } } }"
        )
        found += [edge["node"]["offset"] for edge in data["logLines"]["edges"]]
        if not data["logLines"]["pageInfo"]["hasNextPage"]:
            return found
        cursor = f'"{data["logLines"]["pageInfo"]["endCursor"]}"'


async def test_lines_of_all_shelves_are_listed_newest_first(api: Api, spread: Connection) -> None:
    shelves = await spread.fetchval("SELECT count(DISTINCT shelf) FROM log_chunks")

    assert shelves == SHELVES
    assert await listed(api) == list(range(LINES - 1, -1, -1))
    assert await listed(api, "first: 7") == list(range(LINES - 1, -1, -1))


async def test_filters_look_into_all_shelves(api: Api, spread: Connection) -> None:
    found = await listed(api, 'first: 100, text: "request 2 took"')
    services = await listed(api, 'first: 500, service: "billing"')

    assert found == [2]
    assert services == list(range(LINES - 2, -1, -3))


async def test_a_page_deep_in_the_past_takes_one_look(database: str, spread: Connection) -> None:
    pages = Database(database, max_connections=1, statement_timeout_s=10)
    await pages.open()
    reader = LineReader(pages, lambda line: line.record_id.offset, cache_lines=LINES)
    seen: list[asyncpg.connection.LoggedQuery] = []
    async with pages.read_lines() as lent:
        lent.add_query_logger(seen.append)

    for oldest in (100, 500, 1_400):
        place = (make_line(oldest).record_ms, RecordId("logs.raw", 0, oldest))
        page = await reader.newest(LineFilter(), 5, after=place)
        assert page.views == list(range(oldest - 1, oldest - 6, -1))
    await pages.close()

    assert [one.query for one in seen].count(SELECT_PIECES) == 3


async def test_a_late_record_on_a_new_shelf_takes_its_place(api: Api, spread: Connection) -> None:
    late = [make_line(offset, record_ms=make_line(450).record_ms) for offset in range(3)]
    await seed_lines(spread, late, partition=1)
    await spread.execute("UPDATE log_chunks SET shelf = $1 WHERE partition = 1", SHELVES - 1)

    data = await api.ask(
        '{ logLines(first: 6, until: "2023-11-14T22:13:24.510Z")'
        " { edges { node { partition offset } } } }"
    )

    nodes = [edge["node"] for edge in data["logLines"]["edges"]]
    assert [(one["partition"], one["offset"]) for one in nodes] == [
        (1, 2),
        (1, 1),
        (1, 0),
        (0, 450),
        (0, 449),
        (0, 448),
    ]


async def test_an_entry_is_found_on_any_shelf_with_the_lines_around_it(
    api: Api, spread: Connection
) -> None:
    for offset in (3, 299, 300, 700, LINES - 1):
        data = await api.ask(
            f'{{ logContext(id: "{id_of(offset)}", before: 2, after: 2)'
            " { before { offset } entry { offset status } after { offset } } }"
        )

        around = [one for one in range(offset - 2, offset + 3) if one < LINES]
        context = data["logContext"]
        parts = [*context["before"], context["entry"], *context["after"]]
        assert [one["offset"] for one in parts] == around
        assert context["entry"]["status"] == "DONE"


async def test_dropped_lines_end_the_list_and_their_entries_say_so(
    api: Api, spread: Connection
) -> None:
    end = await spread.fetchval("SELECT max(end_offset) FROM log_chunks WHERE shelf < 2")
    for shelf in (await select_shelves(spread))[:2]:
        assert await drop_shelf(spread, shelf)

    data = await api.ask(
        f"""{{
          gone: logEntry(id: "{id_of(end - 1)}") {{ status summary created_at }}
          other: logEntry(id: "{id_of(end - 1, index=4)}") {{ status }}
          kept: logEntry(id: "{id_of(end)}") {{ status }}
          none: logEntry(id: "{id_of(LINES - 1, index=4)}") {{ status }}
          context: logContext(id: "{id_of(end - 1)}") {{ entry {{ id }} }}
        }}"""
    )

    assert data == {
        "gone": {"status": "EXPIRED", "summary": None, "created_at": None},
        "other": {"status": "EXPIRED"},
        "kept": {"status": "DONE"},
        "none": None,
        "context": None,
    }
    assert await listed(api) == list(range(LINES - 1, end - 1, -1))


async def test_the_oldest_kept_line_is_told(api: Api, spread: Connection) -> None:
    asked = "{ pipelineStatus { oldestLineAt } }"
    late = make_line(0, record_ms=make_line(900).record_ms)
    await seed_lines(spread, [late], topic="logs.late")
    before = await api.ask(asked)
    for shelf in (await select_shelves(spread))[:2]:
        assert await drop_shelf(spread, shelf)
    first = await spread.fetchval(
        "SELECT min(first_offset) FROM log_chunks WHERE topic = 'logs.raw'"
    )
    kept = await api.ask(asked)
    await spread.execute("DELETE FROM log_chunks")

    none = await api.ask(asked)

    assert 300 < first < 900
    assert [one["pipelineStatus"]["oldestLineAt"] for one in (before, kept, none)] == [
        "2023-11-14T22:13:20.000Z",
        instant_from_ms(make_line(first).record_ms),
        None,
    ]


async def test_lines_on_a_shelf_begun_a_moment_ago_are_listed_at_once(
    api: Api, spread: Connection
) -> None:
    before = await listed(api, "first: 3")
    await begin_shelf(spread, await newest_shelf(spread))
    newest = make_line(0, record_ms=make_line(LINES).record_ms)
    await seed_lines(spread, [newest], partition=1)
    await spread.execute("UPDATE log_chunks SET shelf = $1 WHERE partition = 1", SHELVES)

    data = await api.ask("{ logEntries(limit: 2) { partition offset } }")

    assert before[:1] == [LINES - 1]
    assert data["logEntries"] == [
        {"partition": 1, "offset": 0},
        {"partition": 0, "offset": LINES - 1},
    ]


async def test_shelves_are_read_again_after_a_while(spread: Connection) -> None:
    now_s = 100.0
    cache = ShelfCache(lambda: now_s)
    first = await cache.get(spread)
    await begin_shelf(spread, await newest_shelf(spread))
    soon = await cache.get(spread)
    now_s += REFRESH_S

    later = await cache.get(spread)

    assert [shelf.shelf for shelf in first] == [4, 3, 2, 1, 0]
    assert soon == first
    assert [shelf.shelf for shelf in later] == [5, 4, 3, 2, 1, 0]
