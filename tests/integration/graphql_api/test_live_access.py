"""Open sockets end with the access of who opened them, and only then."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import msgspec
import pytest
from aiohttp.test_utils import TestClient
from structlog.testing import capture_logs

from graphql_api.app import SERVICES, create_app
from graphql_api.auth.access import MAX_READS
from graphql_api.store import api_keys, loans
from graphql_api.store.accounts import NOTIFY_ACCESS, REVOKE_SESSION
from graphql_api.store.api_keys import select_live_api_key
from schemas.db.pool import Connection
from schemas.settings import Settings
from tests.integration.graphql_api.conftest import Api, ApiServer, create_users
from tests.integration.graphql_api.sockets import close_code, listen_anew, receive, socket, until

pytestmark = pytest.mark.integration

CREATE_KEY = (
    'mutation { createApiKey(name: "shipper", role: VIEWER, days: 1) { secret apiKey { id } } }'
)
REVOKE_KEY = "mutation($id: ID!) { revokeApiKey(id: $id) { isRevoked } }"
PROMOTE = 'mutation { setUserRole(username: "viewer", role: OPERATOR) { role } }'


async def create_key(api: Api) -> Any:
    return (await api.ask(CREATE_KEY, role="admin"))["createApiKey"]


async def is_open(ws: Any) -> bool:
    await ws.send_json({"type": "ping"})
    answer: bool = (await receive(ws))["type"] == "pong"
    return answer


async def notify_elsewhere(dsn: str) -> None:
    """Tell that access has changed, on a connection of its own."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(NOTIFY_ACCESS)
    await connection.close()


async def test_a_revocation_closes_its_sockets_and_no_others(api: Api) -> None:
    key = await create_key(api)
    ended = (await api.login("viewer"))["accessToken"]
    async with (
        socket(api, ended) as one,
        socket(api, ended) as two,
        socket(api, key["secret"]) as machine,
        socket(api, api.tokens["viewer"]) as other,
        socket(api, None) as nobody,
    ):
        await api.post("mutation { logout }", token=ended)
        codes = [await close_code(one), await close_code(two)]
        still_open = [await is_open(ws) for ws in (machine, other, nobody)]
        await api.ask(REVOKE_KEY, role="admin", id=key["apiKey"]["id"])
        codes.append(await close_code(machine))
        still_open += [await is_open(ws) for ws in (other, nobody)]

    assert codes == [4403, 4403, 4403]
    assert all(still_open)


async def test_another_role_closes_the_sockets_of_the_former_one(api: Api) -> None:
    async with socket(api, api.tokens["viewer"]) as ws, socket(api, api.tokens["admin"]) as other:
        await api.ask(PROMOTE, role="admin")
        code = await close_code(ws)
        is_other_open = await is_open(other)

    assert code == 4403
    assert is_other_open


async def test_a_check_that_fails_unexpectedly_is_done_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api.client.app is not None
    access = api.client.app[SERVICES].access
    current_roles, failures = access.current_roles, [ValueError("a fault of ours")]

    async def fail_first(verified: Any) -> Any:
        if failures:
            raise failures.pop()
        return await current_roles(verified)

    monkeypatch.setattr(access, "current_roles", fail_first)
    token = (await api.login("viewer"))["accessToken"]
    async with socket(api, token) as ws:
        await api.post("mutation { logout }", token=token)
        code = await close_code(ws)

    assert (code, failures) == (4403, [])


async def test_a_listener_that_fails_unexpectedly_connects_again(
    api: Api, connection: Connection
) -> None:
    assert api.client.app is not None
    listener = api.client.app[SERVICES].listener
    failures, heard = [ValueError("a fault of ours")], asyncio.Event()

    def fail_first() -> None:
        if failures:
            raise failures.pop()
        heard.set()

    listener.on_reconnect.append(fail_first)
    await listen_anew(connection)
    async with asyncio.timeout(20):
        await heard.wait()

    assert failures == []


async def test_sockets_are_checked_again_until_the_database_answers(
    api: Api, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api.client.app is not None
    services = api.client.app[SERVICES]
    token = (await api.login("viewer"))["accessToken"]
    async with socket(api, token) as ws:
        async with AsyncExitStack() as all_connections:
            for _ in range(services.settings.api_max_connections // 2):
                await all_connections.enter_async_context(services.database.write())
            # Only now: those may take longer.
            monkeypatch.setattr(loans, "CONNECT_TIMEOUT_S", 0.1)
            with capture_logs() as logged:
                await connection.execute(REVOKE_SESSION, services.tokens.verify(token).sid, "test")
                await connection.execute(NOTIFY_ACCESS)
                await until(lambda: any(one["event"] == "recheck_failed" for one in logged))
        code = await close_code(ws)

    assert code == 4403


async def test_a_check_that_takes_too_long_is_made_again(
    api_settings: Settings, connection: Connection
) -> None:
    settings = msgspec.structs.replace(api_settings, api_request_timeout_s=1.0)
    await create_users(settings.postgres_dsn)
    async with TestClient(ApiServer(create_app(settings))) as client:
        api = Api(client, settings, {})
        token = (await api.login("viewer"))["accessToken"]
        assert client.app is not None
        session_id = client.app[SERVICES].tokens.verify(token).sid
        async with socket(api, token) as ws:
            with capture_logs() as logged:
                async with connection.transaction():
                    await connection.execute("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
                    await notify_elsewhere(settings.postgres_dsn)
                    await until(lambda: any(one["event"] == "recheck_failed" for one in logged))
                    await connection.execute(REVOKE_SESSION, session_id, "test")
            code = await close_code(ws)

    assert code == 4403


async def test_a_key_that_is_revoked_while_it_is_looked_up_opens_no_socket(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api.client.app is not None
    told = asyncio.Event()
    api.client.app[SERVICES].listener.on_access.append(told.set)
    key = await create_key(api)

    async def look_up_slowly(connection: Connection, key_hash: bytes) -> api_keys.ApiKey | None:
        found = await select_live_api_key(connection, key_hash)
        if found is not None:
            told.clear()
            await api.ask(REVOKE_KEY, role="admin", id=found.key_id)
            await told.wait()
        return found

    monkeypatch.setattr(api_keys, "select_live_api_key", look_up_slowly)
    async with api.client.ws_connect("/graphql", protocols=("graphql-transport-ws",)) as ws:
        payload = {"Authorization": f"Bearer {key['secret']}"}
        await ws.send_json({"type": "connection_init", "payload": payload})
        code = await close_code(ws)

    assert code == 4403


async def test_a_key_that_is_revoked_when_access_changes_all_the_time_keeps_no_socket(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read last stands; the check that the revocation brought was before the socket."""
    assert api.client.app is not None
    services = api.client.app[SERVICES]
    told = asyncio.Event()
    services.listener.on_access.append(told.set)
    key = await create_key(api)
    reads = 0

    async def look_up(connection: Connection, key_hash: bytes) -> api_keys.ApiKey | None:
        nonlocal reads
        reads += 1
        found = await select_live_api_key(connection, key_hash)
        services.access.forget()
        if reads == MAX_READS:
            told.clear()
            await api.ask(REVOKE_KEY, role="admin", id=key["apiKey"]["id"])
            await told.wait()
        return found

    monkeypatch.setattr(api_keys, "select_live_api_key", look_up)
    async with socket(api, key["secret"]) as ws:
        code = await close_code(ws)

    assert code == 4403
    assert reads == MAX_READS
