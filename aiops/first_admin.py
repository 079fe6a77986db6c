"""The first admin of a local product: made once, its password shown once."""

import asyncio
import secrets
from typing import Any, Final

import msgspec
from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport

from aiops.local_service import LocalService
from graphql_api.auth import administration
from graphql_api.auth.administration import Actor
from graphql_api.auth.passwords import Passwords
from graphql_api.auth.principal import Role
from graphql_api.store.accounts import select_users
from schemas.db.pool import open_pool
from schemas.settings import Settings

NAME: Final = "admin"
PASSWORD_BYTES: Final = 12
LOGIN: Final = (
    "mutation Login($username: String!, $password: String!) "
    "{ login(username: $username, password: $password) { accessToken } }"
)


class FirstAdmin(msgspec.Struct, frozen=True, kw_only=True):
    """An admin just made, with a token of a first session."""

    name: str
    password: str
    access_token: str


def create_first_admin(service: LocalService, actor: Actor) -> FirstAdmin | None:
    """Make an admin when there is no user yet and open a session; None when there is one."""
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    if not asyncio.run(_create(service.settings, actor, password)):
        return None
    token = asyncio.run(_log_in(f"{service.api_url}/graphql", password))
    return FirstAdmin(name=NAME, password=password, access_token=token)


async def _create(settings: Settings, actor: Actor, password: str) -> bool:
    pool = await open_pool(settings.postgres_dsn, application_name="aiops-up", max_size=1)
    passwords = Passwords()
    try:
        async with pool.acquire() as connection, connection.transaction():
            if await select_users(connection):
                return False
            await administration.create_user(
                connection,
                actor,
                username=NAME,
                password_hash=await administration.hash_new_password(passwords, password),
                role=Role.ADMIN,
            )
            return True
    finally:
        await passwords.close()
        await pool.close()


async def _log_in(url: str, password: str) -> str:
    request = gql(LOGIN)
    request.variable_values = {"username": NAME, "password": password}
    async with Client(transport=AIOHTTPTransport(url=url)) as session:
        data: dict[str, Any] = await session.execute(request)
    return str(data["login"]["accessToken"])
