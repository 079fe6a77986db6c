"""Lists walked to their end while others write: no gap, no row twice."""

from itertools import count

import pytest

from schemas.db.pool import Connection
from tests.integration.graphql_api.conftest import Api
from tests.integration.graphql_api.seeding import make_line, seed_lines

pytestmark = pytest.mark.integration

LINES = 30_000
LINES_QUERY = """
query($after: String) { logLines(first: 500, after: $after) {
  edges { node { topic partition offset } } pageInfo { hasNextPage endCursor } } }
"""
TEMPLATES_QUERY = """
query($after: String) { templates(first: 7, after: $after) {
  edges { node { id } } pageInfo { hasNextPage endCursor } } }
"""
INSERT_TEMPLATES = """
INSERT INTO log_templates
SELECT id, 'api', 'text ' || id, id * 1000, id * 1000, 'e', 'x'
FROM generate_series($1::int, $2) AS id
"""
SEE_AGAIN = "UPDATE log_templates SET last_event_ns = $1 WHERE template_id % 3 = $2"


async def test_a_walk_over_lines_meets_each_once_while_lines_arrive(
    api: Api, connection: Connection
) -> None:
    await seed_lines(connection, [make_line(offset) for offset in range(LINES)])
    arriving = [
        make_line(offset, record_ms=make_line(LINES + offset).record_ms) for offset in range(400)
    ]
    seen: list[tuple[str, int, int]] = []
    after, pages = None, count(1)
    while True:
        page = (await api.ask(LINES_QUERY, after=after))["logLines"]
        nodes = [edge["node"] for edge in page["edges"]]
        seen += [(node["topic"], node["partition"], node["offset"]) for node in nodes]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
        # They are newer than all that was there, so a walk downwards meets none of them.
        await seed_lines(connection, arriving[: 5 * next(pages)], topic="logs.other")

    assert seen == [("logs.raw", 0, offset) for offset in reversed(range(LINES))]


async def test_a_walk_over_templates_meets_each_once_while_they_are_seen_again(
    api: Api, connection: Connection
) -> None:
    await connection.execute(INSERT_TEMPLATES, 1, 100)
    seen: list[int] = []
    after, moments = None, count(1)
    while True:
        page = (await api.ask(TEMPLATES_QUERY, after=after))["templates"]
        seen += [int(edge["node"]["id"]) for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
        moment = next(moments)
        await connection.execute(SEE_AGAIN, 10**9 + moment, moment % 3)
        await connection.execute(INSERT_TEMPLATES, 100 + moment, 100 + moment)

    assert seen == list(range(100, 0, -1))
