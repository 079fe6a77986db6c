"""The fast ways to an answer give what the library's own way gives."""

from functools import partial

import pytest
from aiohttp.test_utils import TestClient
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graphql_api import app as app_module
from graphql_api.engine import Engine
from graphql_api.http import GRAPHQL_JSON
from schemas.db.pool import Connection
from tests.integration.graphql_api.conftest import Api, ApiServer
from tests.integration.graphql_api.seeding import make_line, seed_lines

pytestmark = pytest.mark.integration

QUERIES: tuple[tuple[str, dict[str, object]], ...] = (
    ("{ logEntries(limit: 50) { id summary created_at } }", {}),
    ("{ logEntries(limit: 50) { created_at at: created_at body host service rawIsBase64 } }", {}),
    ("{ logEntries(limit: 9) { id } }", {}),
    ("{ logEntries(limit: 1) { id } }", {}),
    ('{ logEntries(since: "2099-01-01T00:00:00Z") { id } }', {}),
    ("{ logEntries(limit: 9) { __typename id severity attributes templateId } }", {}),
    (
        "{ logEntries(limit: 9) { __typename id severity status severityNumber offset traceId } }",
        {},
    ),
    ("{ logEntries(limit: 9) { __typename } }", {}),
    (
        "query($yes: Boolean = false) { logEntries(limit: 9) { id @skip(if: $yes) body"
        " @include(if: $yes) ...f } } fragment f on LogEntry { id timestamp }",
        {},
    ),
    ("{ logLines(first: 9) { edges { cursor node { id summary } } pageInfo { endCursor } } }", {}),
    ("{ logLines(first: 9) { edges { node { id templateId } } } }", {}),
    ("{ logLines(first: 9) { edges { node { id } node { body } } } }", {}),
    ("{ logEntries(limit: 9) { id id summary } }", {}),
    ("{ a: logEntries(limit: 2) { id } b: logEntries(limit: 3) { id } }", {}),
    ("{ me { name role isMachine } }", {}),
    ("{ services }", {}),
    ('{ logEntry(id: "AQAAAAAAAAAAAAAAAQAAbG9ncy5yYXc") { id index partition } }', {}),
    ('{ logEntry(id: "AQAAAAAAAAAAAABOHwAAbm9uZQ") { id } }', {}),
    ('{ logEntry(id: "no id") { id } }', {}),
    ("{ logEntries(limit: 501) { id } }", {}),
    ("{ apiKeys { name } }", {}),
    ("query($n: Int!) { logEntries(limit: $n) { id body } }", {"n": 7}),
    ("query($n: Int = 3) { logEntries(limit: $n) { id body } }", {}),
    ("query($n: Int!) { logEntries(limit: $n) { id body } }", {}),
    ("query($n: Int!) { logEntries(limit: $n) { id body } }", {"n": "many"}),
    ("query($n: Int = 3) { logEntries(limit: $n) { id body } }", {"n": None}),
    ("query($s: LogSeverity) { logEntries(limit: 9, severity: $s) { id } }", {"s": "ERROR"}),
    ("query($s: LogSeverity) { logEntries(limit: 9, severity: $s) { id } }", {"s": "LOUD"}),
    ("query($t: DateTime) { logEntries(limit: 9, until: $t) { id } }", {"t": "yesterday"}),
    ("query($a: String) { logLines(first: 9, after: $a) { edges { cursor } } }", {"a": "?"}),
)


async def answers(api: Api, token: str) -> list[tuple[str, int, bytes]]:
    found = []
    for query, variables in QUERIES:
        answer = await api.post(
            query, token=token, variables=variables, headers={"Accept": GRAPHQL_JSON}
        )
        found.append((query, answer.status, await answer.read()))
    return found


async def test_both_ways_give_the_same(
    api: Api, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await seed_lines(connection, [make_line(offset) for offset in range(500)])
    fast = await answers(api, api.tokens["viewer"])

    slow_engine = partial(
        Engine,
        executor_class=StrawberryGraphQLCoreExecutionContext,
        compile_direct=lambda _schema, _operation: None,
    )
    monkeypatch.setattr(app_module, "Engine", slow_engine)
    async with TestClient(ApiServer(app_module.create_app(api.settings))) as client:
        slow_api = Api(client, api.settings, {})
        token = (await slow_api.login("viewer"))["accessToken"]
        slow = await answers(slow_api, token)

    assert fast == slow
