"""Secrets that pass through the service show up nowhere they do not belong."""

import io
import logging
from collections.abc import Iterator
from contextlib import redirect_stderr

import asyncpg
import pytest
import structlog
from aiohttp.test_utils import TestClient

from graphql_api.app import create_app
from schemas.db.pool import Connection
from schemas.settings import Settings
from schemas.telemetry import configure_logging
from tests.integration.graphql_api.conftest import LOGIN, PASSWORD, Api, ApiServer, create_users

pytestmark = pytest.mark.integration

CANARY = "canary-5f3d1c-secret"


@pytest.fixture
def captured_log() -> Iterator[io.StringIO]:
    """Everything that is logged, as a process would write it."""
    stream = io.StringIO()
    before, choices = logging.root.handlers[:], structlog.get_config()
    with redirect_stderr(stream):
        configure_logging("DEBUG")
        yield stream
    logging.root.handlers[:] = before
    structlog.configure(**choices)


async def provoke(api: Api) -> list[str]:
    """Send canaries wherever a client can put a secret; return the bodies of the answers."""
    literal = f'mutation {{ login(username: "viewer", password: "{CANARY}") {{ accessToken }} }}'
    broken = f'mutation {{ login(username: "viewer", password: "{CANARY}"'
    answers = [
        await api.post(literal, role=None),
        await api.post(broken, role=None),
        await api.post(LOGIN, role=None, variables={"u": "viewer", "p": CANARY}),
        await api.post(LOGIN, role=None, variables={"u": "viewer", "p": [CANARY]}),
        await api.post(LOGIN, role=None, variables={"u": CANARY, "p": PASSWORD}),
        await api.post("{ me { name } }", role=None, token=CANARY),
        await api.post("{ me { name } }", headers={"X-Canary": CANARY, "Cookie": CANARY}),
        await api.post(f'mutation {{ summarizeLog(raw: "{CANARY}") {{ id }} }}', role="operator"),
        await api.post(
            f'mutation {{ refreshSession(refreshToken: "{CANARY}") {{ accessToken }} }}', role=None
        ),
        await api.post(
            f'mutation {{ changePassword(currentPassword: "{CANARY}", newPassword: "{CANARY}x") }}'
        ),
        await api.post(
            f'mutation {{ createUser(username: "new", password: "{CANARY}", role: VIEWER)'
            " { username } }",
            role="admin",
        ),
        await api.post(
            f'mutation {{ resetPassword(username: "new", password: "{CANARY}2") {{ id }} }}',
            role="admin",
        ),
    ]
    answers.append(await api.client.get(f"/nothing?token={CANARY}"))
    answers.append(await api.client.post("/graphql", data=f"{CANARY}\xff".encode("latin-1")))
    answers.append(await api.client.get("/metrics"))
    return [await answer.text() for answer in answers]


async def stored_texts(connection: Connection) -> str:
    """Return every row of every table as text."""
    tables = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    )
    texts = []
    for table in tables:
        name = table["tablename"]
        statement = f'SELECT t::text AS row FROM "{name}" AS t'  # noqa: S608 - from the catalogue
        rows = await connection.fetch(statement)
        texts += [row["row"] for row in rows]
    return "\n".join(texts)


async def test_a_canary_shows_up_nowhere(
    api_settings: Settings, connection: asyncpg.Connection, captured_log: io.StringIO
) -> None:
    await create_users(api_settings.postgres_dsn)
    async with TestClient(ApiServer(create_app(api_settings))) as client:
        api = Api(client, api_settings, {})
        for role in ("viewer", "operator", "admin"):
            api.tokens[role] = (await api.login(role))["accessToken"]
        bodies = await provoke(api)
        key = await api.ask(
            'mutation { createApiKey(name: "k", role: VIEWER) { secret } }', role="admin"
        )
        secrets = [CANARY, PASSWORD, key["createApiKey"]["secret"], *api.tokens.values()]
    stored = await stored_texts(connection)
    logged = captured_log.getvalue()

    assert "request_answered" in logged
    assert [secret for secret in secrets if secret in logged] == []
    assert [secret for secret in secrets if secret in stored] == []
    assert [body for body in bodies if CANARY in body] == []
