"""A served application over a fresh database, with a user of each role."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, AppRunner, Request
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from graphql_api.app import create_app
from graphql_api.auth import administration
from graphql_api.auth.administration import Actor
from graphql_api.auth.passwords import _HASHER
from graphql_api.auth.principal import Origin, Principal, Role
from graphql_api.auth.tokens import PrivateKey
from graphql_api.runner import ApiRunner
from schemas.db.pool import Connection
from schemas.settings import Settings
from streams.changelog_writer import ChangelogWriter
from streams.domain.changelog.config import ChangelogConfig
from tests.commit_records import history
from tests.integration.graphql_api.changelog_stage import say

PASSWORD = "correct horse battery"
# Nothing listens there: a test that needs a broker says so.
NO_BROKER = "127.0.0.1:9"
LOGIN = (
    "mutation($u: String!, $p: String!) { login(username: $u, password: $p)"
    " { accessToken refreshToken user { username role } } }"
)
TESTER = Actor(
    Principal(subject="test", name="test", role=Role.ADMIN, expires_at=0.0),
    Origin(request_id="test", address="local"),
)


class ApiServer(TestServer):
    """Serves the application as `aiops api` does."""

    async def _make_runner(self, **kwargs: Any) -> AppRunner:
        return ApiRunner(self.app, **kwargs)


@dataclass
class Api:
    """Asks the application under test."""

    client: "TestClient[Request, Application]"
    settings: Settings
    tokens: dict[str, str]

    async def post(
        self,
        query: str,
        *,
        role: str | None = "viewer",
        variables: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> ClientResponse:
        """Send a document as a user of this role, or as nobody."""
        given = token or (self.tokens[role] if role else None)
        authorization = {"Authorization": f"Bearer {given}"} if given else {}
        return await self.client.post(
            "/graphql",
            data=json.dumps({"query": query, "variables": variables}),
            headers={"Content-Type": "application/json", **authorization, **(headers or {})},
        )

    async def ask(self, query: str, *, role: str = "viewer", **variables: object) -> Any:
        """Return the data of an answer without errors."""
        answer = await (await self.post(query, role=role, variables=variables)).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def refusal(self, query: str, *, role: str | None = "viewer", **variables: object) -> str:
        """Return the code of an answer's first error."""
        answer = await (await self.post(query, role=role, variables=variables)).json()
        code: str = answer["errors"][0]["extensions"]["code"]
        return code

    async def login(self, username: str, password: str = PASSWORD) -> Any:
        """Return what a login gives."""
        answer = await self.post(LOGIN, role=None, variables={"u": username, "p": password})
        return (await answer.json())["data"]["login"]


@cache
def password_hash() -> str:
    """Return a hash of the users' password, made once: it costs what hashes should."""
    return _HASHER.hash(PASSWORD)


async def create_users(dsn: str) -> None:
    """Make the users viewer, operator and admin."""
    connection = await asyncpg.connect(dsn)
    async with connection.transaction():
        for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN):
            await administration.create_user(
                connection, TESTER, username=role.label, password_hash=password_hash(), role=role
            )
    await connection.close()


@pytest.fixture
def api_settings(database: str) -> Settings:
    """Settings without a broker."""
    return Settings(postgres_dsn=database, kafka_bootstrap=NO_BROKER, submit_timeout_s=1.0)


@pytest.fixture
async def api(api_settings: Settings) -> AsyncIterator[Api]:
    """The served application, with a token for each role."""
    await create_users(api_settings.postgres_dsn)
    async with TestClient(ApiServer(create_app(api_settings))) as client:
        served = Api(client, api_settings, {})
        for role in ("viewer", "operator", "admin"):
            served.tokens[role] = (await served.login(role))["accessToken"]
        yield served


@pytest.fixture
def signing_keys(tmp_path: Path) -> tuple[str, str]:
    """Paths of two new PEM files: an Ed25519 and a P-256 key."""
    paths = []
    private_keys: tuple[PrivateKey, ...] = (
        Ed25519PrivateKey.generate(),
        generate_private_key(SECP256R1()),
    )
    for number, private in enumerate(private_keys):
        path = tmp_path / f"{number}.pem"
        path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        paths.append(str(path))
    return paths[0], paths[1]


@pytest.fixture
async def signed_apis(
    api_settings: Settings, signing_keys: tuple[str, str]
) -> AsyncIterator[tuple[Api, Api]]:
    """Two processes' worth of the application, which share a signing key and a database."""
    settings = msgspec.structs.replace(api_settings, api_signing_key=signing_keys[0])
    await create_users(settings.postgres_dsn)
    async with (
        TestClient(ApiServer(create_app(settings))) as one,
        TestClient(ApiServer(create_app(settings))) as other,
    ):
        yield Api(one, settings, {}), Api(other, settings, {})


@pytest.fixture
async def connection(database: str) -> AsyncIterator[Connection]:
    """A connection to the test's database."""
    opened = await asyncpg.connect(database)
    yield opened
    await opened.close()


@pytest.fixture
async def changelog_writer(connection: Connection) -> ChangelogWriter:
    """What makes changelogs of what is stored."""
    return ChangelogWriter(connection, ChangelogConfig())


@pytest.fixture
async def told_repository(connection: Connection, changelog_writer: ChangelogWriter) -> None:
    """A repository with six releases, one cut by hand, and a draft."""
    await say(connection, changelog_writer, history())
