"""Every root field for every kind of sender, over HTTP and over sockets."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import jwt
import pytest
from aiohttp import ClientWebSocketResponse

from graphql_api.app import SERVICES
from graphql_api.auth.policy import POLICY
from graphql_api.auth.principal import Role
from tests.documents import root_documents
from tests.integration.graphql_api.conftest import Api
from tests.integration.graphql_api.sockets import close_code, receive, socket
from tests.integration.graphql_api.test_access import becomes_refused

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

ROLES = {"viewer": Role.VIEWER, "operator": Role.OPERATOR, "admin": Role.ADMIN}
# They end the session of the sender: each gets one of its own.
ENDING = {"Mutation.logout", "Mutation.logoutEverywhere"}
OPEN = {"Mutation.login", "Mutation.refreshSession"}


class Ask(Protocol):
    """Asks a document as one sender."""

    async def __call__(self, document: str) -> set[str]:
        """Return the codes of the answer's errors."""


@asynccontextmanager
async def over_http(api: Api, token: str | None) -> AsyncIterator[Ask]:
    async def ask(document: str) -> set[str]:
        answer = await (await api.post(document, role=None, token=token)).json()
        return codes_of(answer.get("errors", []))

    yield ask


@asynccontextmanager
async def over_socket(api: Api, token: str | None) -> AsyncIterator[Ask]:
    async with socket(api, token) as ws:

        async def ask(document: str) -> set[str]:
            await ws.send_json({"type": "subscribe", "id": "1", "payload": {"query": document}})
            if document.startswith("subscription"):
                return await refusal_of_subscription(ws)
            return await codes_of_answer(ws)

        yield ask


TRANSPORTS = {"http": over_http, "socket": over_socket}


async def codes_of_answer(ws: ClientWebSocketResponse) -> set[str]:
    """Return the codes of a query's or a mutation's errors."""
    message = await receive(ws)
    if message["type"] == "error":
        return codes_of(message["payload"])
    assert message["type"] == "next", message
    assert (await receive(ws))["type"] == "complete"
    return codes_of(message["payload"].get("errors", []))


async def refusal_of_subscription(ws: ClientWebSocketResponse) -> set[str]:
    """Return the codes of a refused subscription; one that runs says nothing, and is ended.

    It is judged before it first waits: before the second of two pings is answered.
    """
    codes: set[str] = set()
    for _ in range(2):
        await ws.send_json({"type": "ping"})
        while (message := await receive(ws))["type"] != "pong":
            codes |= codes_of(message["payload"])
    await ws.send_json({"type": "complete", "id": "1"})
    return codes


def codes_of(errors: list[dict[str, dict[str, str]]]) -> set[str]:
    return {error["extensions"]["code"] for error in errors}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", ROLES)
async def test_every_field_is_refused_to_whom_it_is_not_for(
    api: Api, name: str, transport: str
) -> None:
    opened = {}
    async with TRANSPORTS[transport](api, (await api.login(name))["accessToken"]) as ask:
        for coordinate, document in root_documents().items():
            if coordinate not in ENDING:
                codes = await ask(document)
                opened[coordinate] = not codes & {"FORBIDDEN", "UNAUTHENTICATED"}
    for coordinate in ENDING:
        async with TRANSPORTS[transport](api, (await api.login(name))["accessToken"]) as ask:
            opened[coordinate] = await ask(root_documents()[coordinate]) == set()

    assert opened == {one: ROLES[name] >= POLICY[one] for one in root_documents()}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_only_logins_and_refreshes_are_open_to_everybody(api: Api, transport: str) -> None:
    async with TRANSPORTS[transport](api, None) as ask:
        opened = {
            coordinate
            for coordinate, document in root_documents().items()
            if "UNAUTHENTICATED" not in await ask(document)
        }

    assert opened == OPEN


async def dead_tokens(api: Api) -> tuple[str, str]:
    """Return an expired and a revoked token of an admin."""
    assert api.client.app is not None
    services = api.client.app[SERVICES]
    claims = jwt.decode(api.tokens["admin"], options={"verify_signature": False})
    expired = services.tokens.issue(
        subject=claims["sub"], session_id=claims["sid"], now_s=time.time() - 400
    )
    revoked = (await api.login("admin"))["accessToken"]
    await api.post("mutation { logout }", token=revoked)
    await becomes_refused(api, revoked)
    return expired, revoked


async def test_nothing_is_open_to_an_expired_or_a_revoked_token(api: Api) -> None:
    for token in await dead_tokens(api):
        for document in root_documents().values():
            answer = await api.post(document, role=None, token=token)

            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_no_socket_is_opened_with_an_expired_or_a_revoked_token(api: Api) -> None:
    for token in await dead_tokens(api):
        async with api.client.ws_connect("/graphql", protocols=("graphql-transport-ws",)) as ws:
            payload = {"Authorization": f"Bearer {token}"}
            await ws.send_json({"type": "connection_init", "payload": payload})
            for document in root_documents().values():
                message = {"type": "subscribe", "id": "1", "payload": {"query": document}}
                await ws.send_json(message)

            assert await close_code(ws) == 4403
