"""The subscription over triaged tickets, from real tables and notifications."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest
from aiohttp import ClientWebSocketResponse
from aiohttp.test_utils import TestClient

from aiops.local.postgres import Postgres
from graphql_api.app import SERVICES, create_app
from schemas.db.migrate import migrate
from schemas.db.pool import Connection
from schemas.settings import Settings
from tests.integration.graphql_api.conftest import NO_BROKER, Api, ApiServer, create_users
from tests.integration.graphql_api.sockets import listen_anew, receive, socket, until
from tests.integration.graphql_api.ticket_seeding import make_ticket, seed_tickets

pytestmark = pytest.mark.integration


async def subscribe(api: Api, ws: ClientWebSocketResponse, query: str) -> None:
    assert api.client.app is not None
    feed = api.client.app[SERVICES].triage_feed
    await ws.send_json({"type": "subscribe", "id": "1", "payload": {"query": query}})
    await until(lambda: feed.is_running)


async def told(ws: ClientWebSocketResponse, count: int) -> list[str]:
    messages = [await receive(ws) for _ in range(count)]
    assert not [one for one in messages if one["type"] != "next"]
    return [one["payload"]["data"]["ticketTriaged"]["ticketId"] for one in messages]


def ids(numbers: Sequence[int]) -> list[str]:
    return [f"T-{number}" for number in numbers]


async def test_every_ticket_of_a_large_batch_is_told_once(api: Api, connection: Connection) -> None:
    async with socket(api, api.tokens["viewer"]) as ws:
        await subscribe(api, ws, 'subscription { ticketTriaged(project: "shop") { ticketId } }')
        await seed_tickets(connection, [make_ticket(0), make_ticket(1, project="web")])
        await seed_tickets(
            connection, [make_ticket(number) for number in range(2, 302)], first_offset=2
        )
        found = await told(ws, 301)

    assert found == ids([0, *range(2, 302)])


async def test_a_new_triage_of_a_known_ticket_is_told(api: Api, connection: Connection) -> None:
    async with socket(api, api.tokens["viewer"]) as ws:
        await subscribe(api, ws, "subscription { ticketTriaged { ticketId title } }")
        await seed_tickets(connection, [make_ticket(1)])
        first = await receive(ws)
        await seed_tickets(connection, [make_ticket(1, "revised", revision=2**60)], first_offset=1)
        second = await receive(ws)

    titles = [one["payload"]["data"]["ticketTriaged"]["title"] for one in (first, second)]
    assert titles == ["The checkout page shows error 1", "revised"]


@pytest.mark.fault
async def test_a_restarted_database_loses_no_triage(own_postgres: Postgres) -> None:
    await migrate(own_postgres.dsn)
    await create_users(own_postgres.dsn)
    settings = Settings(postgres_dsn=own_postgres.dsn, kafka_bootstrap=NO_BROKER)
    async with TestClient(ApiServer(create_app(settings))) as client:
        api = Api(client, settings, {})
        token = (await api.login("viewer"))["accessToken"]
        async with socket(api, token) as ws:
            await subscribe(api, ws, "subscription { ticketTriaged { ticketId } }")
            connection = await asyncpg.connect(own_postgres.dsn)
            await seed_tickets(connection, [make_ticket(number) for number in range(3)])
            before = await told(ws, 3)
            await connection.close()
            await asyncio.to_thread(own_postgres.kill)
            await asyncio.to_thread(own_postgres.start)
            connection = await asyncpg.connect(own_postgres.dsn)
            # Nobody notifies: only the tables can tell.
            later = [make_ticket(number) for number in range(3, 6)]
            await seed_tickets(connection, later, first_offset=3, notify=False)
            await listen_anew(connection)
            after = await told(ws, 3)
            await connection.close()

    assert (before, after) == (ids(range(3)), ids(range(3, 6)))
