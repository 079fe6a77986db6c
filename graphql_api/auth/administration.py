"""What admins do to users and keys, each with its audit row in the same transaction."""

import re
import secrets
from datetime import timedelta
from typing import Final

import msgspec

from graphql_api.auth.access import API_KEY_PREFIX
from graphql_api.auth.audit import insert_audit
from graphql_api.auth.passwords import Passwords, checked_password
from graphql_api.auth.principal import Origin, Principal, Role
from graphql_api.auth.tokens import token_hash
from graphql_api.errors import ApiError, ErrorCode, bad_input
from graphql_api.store import accounts, api_keys
from graphql_api.store.accounts import User
from graphql_api.store.api_keys import ApiKey
from schemas.db.pool import Connection

_USERNAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}", re.ASCII)
_MAX_KEY_DAYS: Final = 3_650
_MAX_KEY_NAME: Final = 100


class Actor(msgspec.Struct, frozen=True):
    """Who does it, and from where."""

    principal: Principal
    origin: Origin


class NewKey(msgspec.Struct, frozen=True):
    """A key as it is shown, once."""

    api_key: ApiKey
    secret: str


def _no_such_user() -> ApiError:
    return ApiError(ErrorCode.NOT_FOUND, "there is no such user")


async def create_user(
    connection: Connection,
    actor: Actor,
    *,
    username: str,
    password_hash: str,
    role: Role,
) -> User:
    """Make a user.

    Raises:
        ApiError: the name is taken, or is not 1 to 100 letters, digits and `._@-`.
    """
    if not _USERNAME.fullmatch(username):
        raise bad_input("a user name is 1 to 100 letters, digits and ._@-", "username")
    user = await accounts.insert_user(connection, username, password_hash, role)
    if user is None:
        raise ApiError(ErrorCode.CONFLICT, "this user name is taken")
    await _audit(connection, actor, "create_user", f"{username} as {role.label}")
    return user


async def set_user_role(connection: Connection, actor: Actor, username: str, role: Role) -> User:
    """Give a user another role; it counts from the next request on.

    Raises:
        ApiError: there is no such user, or this is the last admin.
    """
    if role is not Role.ADMIN:
        await _keep_an_admin(connection, username)
    user = await accounts.update_user_role(connection, username, role)
    if user is None:
        raise _no_such_user()
    await connection.execute(accounts.NOTIFY_ACCESS)
    await _audit(connection, actor, "set_user_role", f"{username} to {role.label}")
    return user


async def disable_user(connection: Connection, actor: Actor, username: str) -> User:
    """Refuse a user's logins and end the sessions.

    Raises:
        ApiError: there is no such user, or this is the last admin.
    """
    await _keep_an_admin(connection, username)
    user = await accounts.update_user_disabled(connection, username, is_disabled=True)
    if user is None:
        raise _no_such_user()
    await accounts.revoke_user_sessions(connection, user.user_id, "user disabled")
    await _audit(connection, actor, "disable_user", username)
    return user


async def enable_user(connection: Connection, actor: Actor, username: str) -> User:
    """Let a user log in again.

    Raises:
        ApiError: there is no such user.
    """
    user = await accounts.update_user_disabled(connection, username, is_disabled=False)
    if user is None:
        raise _no_such_user()
    await _audit(connection, actor, "enable_user", username)
    return user


async def reset_password(
    connection: Connection, actor: Actor, username: str, password_hash: str
) -> User:
    """Set a user's password and end the sessions.

    Raises:
        ApiError: there is no such user.
    """
    user = await accounts.update_password(connection, username, password_hash)
    if user is None:
        raise _no_such_user()
    await accounts.revoke_user_sessions(connection, user.user_id, "password reset")
    await _audit(connection, actor, "reset_password", username)
    return user


async def create_api_key(
    connection: Connection, actor: Actor, *, name: str, role: Role, days: int
) -> NewKey:
    """Make a machine's key; the secret is returned here and stored nowhere.

    Raises:
        ApiError: the name is empty or too long, or the days are not 1 to 3650.
    """
    if not 1 <= len(name) <= _MAX_KEY_NAME or not name.isprintable():
        raise bad_input(f"a key's name has 1 to {_MAX_KEY_NAME} printable characters", "name")
    if not 1 <= days <= _MAX_KEY_DAYS:
        raise bad_input(f"days must be within 1..{_MAX_KEY_DAYS}", "days")
    secret = API_KEY_PREFIX + secrets.token_urlsafe(32)
    api_key = await api_keys.insert_api_key(
        connection,
        key_hash=token_hash(secret),
        name=name,
        role=role,
        created_by=actor.principal.name,
        lifetime=timedelta(days=days),
    )
    await _audit(connection, actor, "create_api_key", f"{name} as {role.label}")
    return NewKey(api_key, secret)


async def revoke_api_key(connection: Connection, actor: Actor, key_id: str) -> ApiKey:
    """Revoke a key everywhere.

    Raises:
        ApiError: there is no such key.
    """
    api_key = await api_keys.revoke_api_key(connection, key_id)
    if api_key is None:
        raise ApiError(ErrorCode.NOT_FOUND, "there is no such key")
    await _audit(connection, actor, "revoke_api_key", api_key.name)
    return api_key


async def hash_new_password(passwords: Passwords, password: str) -> str:
    """Return the hash of a password that is long enough.

    Raises:
        ApiError: it is not.
    """
    return await passwords.hash(checked_password(password))


async def _keep_an_admin(connection: Connection, username: str) -> None:
    if await accounts.select_enabled_admins(connection) == [username]:
        raise ApiError(ErrorCode.CONFLICT, "this is the last admin")


async def _audit(connection: Connection, actor: Actor, operation: str, target: str) -> None:
    await insert_audit(
        connection,
        actor=actor.principal,
        origin=actor.origin,
        operation=operation,
        target=target,
    )
