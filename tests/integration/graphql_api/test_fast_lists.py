"""The fast way of completing lists gives what the library's own way gives."""

from functools import partial

import pytest
from aiohttp.test_utils import TestClient
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graphql_api import app as app_module
from graphql_api.engine import Engine
from schemas.db.pool import Connection
from tests.integration.graphql_api.conftest import Api, ApiServer
from tests.integration.graphql_api.seeding import make_line, seed_lines

pytestmark = pytest.mark.integration

QUERIES = (
    "{ logEntries(limit: 50) { id summary created_at } }",
    "{ logEntries(limit: 50) { created_at at: created_at body host service rawIsBase64 } }",
    "{ logEntries(limit: 9) { id } }",
    "{ logEntries(limit: 1) { id } }",
    "{ logEntries(limit: 9) { __typename id severity attributes templateId } }",
    "query($yes: Boolean = false) { logEntries(limit: 9) { id @skip(if: $yes) body"
    " @include(if: $yes) ...f } } fragment f on LogEntry { id timestamp }",
    "{ logLines(first: 9) { edges { cursor node { id summary } } pageInfo { endCursor } } }",
    "{ logEntries(limit: 9) { id id summary } }",
)


async def test_both_ways_give_the_same(
    api: Api, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await seed_lines(connection, [make_line(offset) for offset in range(500)])
    fast = [await (await api.post(query)).read() for query in QUERIES]

    slow_engine = partial(Engine, executor_class=StrawberryGraphQLCoreExecutionContext)
    monkeypatch.setattr(app_module, "Engine", slow_engine)
    async with TestClient(ApiServer(app_module.create_app(api.settings))) as client:
        slow_api = Api(client, api.settings, {})
        token = (await slow_api.login("viewer"))["accessToken"]
        slow = [await (await slow_api.post(query, token=token)).read() for query in QUERIES]

    assert fast == slow
