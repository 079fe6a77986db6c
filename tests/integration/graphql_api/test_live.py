"""Subscriptions over WebSockets, from real tables and notifications."""

import asyncio
import time

import aiohttp
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
from tests.integration.graphql_api.seeding import make_line, seed_lines
from tests.integration.graphql_api.sockets import (
    close_code,
    listen_anew,
    receive,
    socket,
    until,
)
from tests.integration.graphql_api.test_summaries import insert_summary

pytestmark = pytest.mark.integration

TAIL = "subscription { logTail { skipped entries { offset body } } }"


async def subscribe(api: Api, ws: ClientWebSocketResponse, query: str, name: str = "1") -> None:
    """Start a subscription and wait until it is served."""
    assert api.client.app is not None
    feeds = api.client.app[SERVICES]
    await ws.send_json({"type": "subscribe", "id": name, "payload": {"query": query}})
    await until(lambda: feeds.line_feed.is_running or feeds.summary_feed.is_running)


async def offsets(ws: ClientWebSocketResponse, last: int) -> list[int]:
    """Return the offsets of all entries up to one."""
    found: list[int] = []
    while not found or found[-1] < last:
        message = await receive(ws)
        assert message["type"] == "next", message
        found += [entry["offset"] for entry in message["payload"]["data"]["logTail"]["entries"]]
    return found


async def test_a_tail_tells_of_every_new_line_once(api: Api, connection: Connection) -> None:
    lines = [make_line(offset) for offset in range(700)]
    await seed_lines(connection, lines[:300], notify=True)
    async with socket(api, api.tokens["viewer"]) as ws:
        await subscribe(api, ws, TAIL)
        for stored in (301, 340, 512, 700):
            await seed_lines(connection, lines[:stored], notify=True)
        found = await offsets(ws, 699)

    assert found == list(range(300, 700))


async def test_lines_stored_while_the_tail_reads_are_told(api: Api, connection: Connection) -> None:
    assert api.client.app is not None
    heard: list[int] = []
    listener = api.client.app[SERVICES].listener
    listener.on_progress.append(lambda progress: heard.append(progress.next_offset))
    lines = [make_line(offset) for offset in range(700)]
    await seed_lines(connection, lines[:300], notify=True)
    async with socket(api, api.tokens["viewer"]) as ws:
        await subscribe(api, ws, TAIL)
        await seed_lines(connection, lines)
        async with connection.transaction():
            await connection.execute("LOCK TABLE log_chunks")
            await notify_beside(api.settings.postgres_dsn, 512)
            await until_blocked(connection)
            await notify_beside(api.settings.postgres_dsn, 700)
            await until(lambda: heard[-1] == 700)
        found = await offsets(ws, 699)

    assert found == list(range(300, 700))


async def notify_beside(dsn: str, next_offset: int) -> None:
    """Tell of progress on a connection of its own."""
    teller = await asyncpg.connect(dsn)
    note = f'{{"topic":"logs.raw","partition":0,"next_offset":{next_offset}}}'
    await teller.execute("SELECT pg_notify('aiops_progress', $1)", note)
    await teller.close()


WAITING_READERS = """
SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'log_chunks'::regclass
"""


async def until_blocked(connection: Connection) -> None:
    """Wait until somebody waits for the table of the lines."""
    for _ in range(2_000):
        if await connection.fetchval(WAITING_READERS):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody reads")


async def test_a_tail_is_filtered(api: Api, connection: Connection) -> None:
    query = 'subscription { logTail(service: "api", severity: ERROR) { entries { offset body } } }'
    await seed_lines(connection, [make_line(0)], notify=True)
    async with socket(api, api.tokens["viewer"]) as ws:
        await subscribe(api, ws, query)
        await seed_lines(connection, [make_line(offset) for offset in range(40)], notify=True)
        found = await offsets(ws, 39)

    assert found == [3, 15, 27, 39]


async def test_alike_subscriptions_are_executed_once(api: Api, connection: Connection) -> None:
    await seed_lines(connection, [make_line(0)], notify=True)
    async with socket(api, api.tokens["viewer"]) as one, socket(api, api.tokens["viewer"]) as other:
        await subscribe(api, one, TAIL, "a")
        await other.send_json({"type": "subscribe", "id": "b", "payload": {"query": TAIL}})
        await other.send_json({"type": "ping"})
        assert (await receive(other))["type"] == "pong"
        await seed_lines(connection, [make_line(0), make_line(1)], notify=True)
        messages = [await receive(one), await receive(other)]

    assert [message["id"] for message in messages] == ["a", "b"]
    assert messages[0]["payload"] == messages[1]["payload"]


async def test_a_feed_rests_while_nobody_listens(api: Api, connection: Connection) -> None:
    assert api.client.app is not None
    feed = api.client.app[SERVICES].line_feed
    await seed_lines(connection, [make_line(0)], notify=True)
    async with socket(api, api.tokens["viewer"]) as ws:
        await subscribe(api, ws, TAIL)
        await ws.send_json({"type": "complete", "id": "1"})
        await until(lambda: not feed.is_running)

    assert not feed.is_running


async def test_summaries_are_told_when_they_are_revised(api: Api, connection: Connection) -> None:
    query = "subscription { summaryRevised { service revision headline } }"
    async with socket(api, api.tokens["viewer"]) as ws:
        await subscribe(api, ws, query)
        found = []
        for revision in (1, 2):
            await insert_summary(connection, "api", 0, revision=revision)
            found.append((await receive(ws))["payload"]["data"]["summaryRevised"])

    assert [one["revision"] for one in found] == [1, 2]


async def test_sockets_meet_the_same_policy(api: Api) -> None:
    async with socket(api, None) as nobody, socket(api, api.tokens["viewer"]) as viewer:
        codes = []
        for ws, query in (
            (nobody, TAIL),
            (nobody, "{ me { name } }"),
            (viewer, "{ users { id } }"),
            (viewer, "subscription { nothing }"),
        ):
            payload = {"query": query}
            await ws.send_json({"type": "subscribe", "id": "1", "payload": payload})
            message = await receive(ws)
            assert message["type"] == "error"
            codes.append(message["payload"][0]["extensions"]["code"])

    assert codes == [
        "UNAUTHENTICATED",
        "UNAUTHENTICATED",
        "FORBIDDEN",
        "GRAPHQL_VALIDATION_FAILED",
    ]


async def test_a_revoked_token_closes_its_sockets_within_a_second(api: Api) -> None:
    token = (await api.login("viewer"))["accessToken"]
    async with socket(api, token) as ws:
        await api.post("mutation { logout }", token=token)
        started = time.monotonic()
        code = await close_code(ws)

    assert code == 4403
    assert time.monotonic() - started < 1


async def test_an_expired_token_closes_its_socket(api: Api) -> None:
    assert api.client.app is not None
    tokens = api.client.app[SERVICES].tokens
    grant = await api.login("viewer")
    claims = tokens.verify(grant["accessToken"])
    short = tokens.issue(
        subject=claims.sub, session_id=claims.sid, now_s=time.time() - tokens.ttl_s + 1
    )
    async with socket(api, short) as ws:
        code = await close_code(ws)

    assert code == 4401


async def test_a_forged_token_is_refused_at_the_start(api: Api) -> None:
    async with api.client.ws_connect("/graphql", protocols=("graphql-transport-ws",)) as ws:
        await ws.send_json({"type": "connection_init", "payload": {"Authorization": "Bearer x"}})
        code = await close_code(ws)

    assert code == 4403


async def test_a_page_of_another_site_gets_no_socket(api: Api) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        await api.client.ws_connect("/graphql", headers={"Origin": "https://evil.example"})


async def test_a_stalled_client_delays_nobody_and_is_told_what_it_missed(
    api: Api, connection: Connection
) -> None:
    body = "x" * 4_000
    lines = [make_line(offset, body=body) for offset in range(4_000)]
    await seed_lines(connection, lines[:1], notify=True)
    async with (
        socket(api, api.tokens["viewer"]) as stalled,
        socket(api, api.tokens["viewer"]) as reader,
    ):
        await subscribe(api, stalled, TAIL)
        await reader.send_json({"type": "subscribe", "id": "1", "payload": {"query": TAIL}})
        await reader.send_json({"type": "ping"})
        assert (await receive(reader))["type"] == "pong"
        stalled._conn.protocol.pause_reading()  # type: ignore[union-attr]
        seen = 0
        for stored in range(200, 4_001, 200):
            await seed_lines(connection, lines[:stored], notify=True)
            seen = (await offsets(reader, stored - 1))[-1]
        stalled._conn.protocol.resume_reading()  # type: ignore[union-attr]
        dropped = await first_drop_notice(api, stalled, connection)

    assert seen == 3_999
    assert dropped > 0


async def first_drop_notice(api: Api, ws: ClientWebSocketResponse, connection: Connection) -> int:
    """Read what was buffered, then the event that says how many were dropped before it."""
    for offset in range(4_000, 4_100):
        await seed_lines(
            connection, [make_line(one) for one in range(offset - 20, offset)], notify=True
        )
        message = await receive(ws)
        if "extensions" in message["payload"]:
            dropped: int = message["payload"]["extensions"]["dropped"]
            return dropped
    return 0


@pytest.mark.fault
async def test_a_restarted_database_loses_no_line_of_a_tail(own_postgres: Postgres) -> None:
    await migrate(own_postgres.dsn)
    await create_users(own_postgres.dsn)
    settings = Settings(postgres_dsn=own_postgres.dsn, kafka_bootstrap=NO_BROKER)
    lines = [make_line(offset) for offset in range(400)]
    async with TestClient(ApiServer(create_app(settings))) as client:
        api = Api(client, settings, {})
        token = (await api.login("viewer"))["accessToken"]
        connection = await asyncpg.connect(own_postgres.dsn)
        await seed_lines(connection, lines[:100], notify=True)
        async with socket(api, token) as ws:
            await subscribe(api, ws, TAIL)
            await seed_lines(connection, lines[:200], notify=True)
            before = await offsets(ws, 199)
            await connection.close()
            await asyncio.to_thread(own_postgres.kill)
            await asyncio.to_thread(own_postgres.start)
            connection = await asyncpg.connect(own_postgres.dsn)
            # Nobody notifies: only the cursors can tell.
            await seed_lines(connection, lines)
            await listen_anew(connection)
            after = await offsets(ws, 399)
            await connection.close()

    assert before + after == list(range(100, 400))
