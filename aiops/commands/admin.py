"""`aiops admin`: users, keys and the audit log, straight in the database."""

import asyncio
import os
import secrets
import sys
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import asyncpg
import click
import msgspec

from graphql_api.auth import administration
from graphql_api.auth.administration import Actor
from graphql_api.auth.audit import verify_chain
from graphql_api.auth.passwords import Passwords
from graphql_api.auth.principal import ROLE_LABELS, Origin, Principal, Role, role_of
from graphql_api.errors import ApiError
from graphql_api.store import accounts
from schemas.db.migrate import require_migrated
from schemas.db.pool import CONNECT_TIMEOUT_S, Connection
from schemas.errors import AiOpsError, TransientError
from schemas.settings import load_settings

EXIT_FAILED: Final = 1
_T = TypeVar("_T")

role_option = click.option("--role", type=click.Choice(ROLE_LABELS), required=True)
password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from stdin instead of making one."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group("admin")
def group() -> None:
    """Manage users, keys and the audit log; needs the database alone."""


@group.command("create")
@click.argument("username")
@click.option("--role", type=click.Choice(ROLE_LABELS), default="admin", show_default=True)
@password_option
@json_option
def create(*, username: str, role: str, password_stdin: bool, as_json: bool) -> None:
    """Make a user; without --password-stdin the password is made here and shown once."""
    password = _password(from_stdin=password_stdin)

    async def run(connection: Connection) -> None:
        await administration.create_user(
            connection,
            local_actor(),
            username=username,
            password_hash=await _hashed(password),
            role=role_of(role),
        )

    _in_transaction(run)
    shown = {} if password_stdin else {"password": password}
    _show({"username": username, "role": role, **shown}, as_json=as_json)


@group.command("list")
@json_option
def list_users(*, as_json: bool) -> None:
    """List the users."""
    users = _in_transaction(accounts.select_users)
    for user in users:
        state = "disabled" if user.is_disabled else "enabled"
        _show({"username": user.username, "role": user.role.label, "state": state}, as_json=as_json)


@group.command("disable")
@click.argument("username")
def disable(username: str) -> None:
    """Refuse a user's logins and end the sessions; the last admin stays."""
    _in_transaction(lambda one: administration.disable_user(one, local_actor(), username))
    click.echo(f"disabled {username}")


@group.command("enable")
@click.argument("username")
def enable(username: str) -> None:
    """Let a user log in again."""
    _in_transaction(lambda one: administration.enable_user(one, local_actor(), username))
    click.echo(f"enabled {username}")


@group.command("set-role")
@click.argument("username")
@click.argument("role", type=click.Choice(ROLE_LABELS))
def set_role(username: str, role: str) -> None:
    """Give a user another role; the last admin keeps it."""
    _in_transaction(
        lambda one: administration.set_user_role(one, local_actor(), username, role_of(role))
    )
    click.echo(f"{username} is {role} now")


@group.command("reset-password")
@click.argument("username")
@password_option
@json_option
def reset_password(*, username: str, password_stdin: bool, as_json: bool) -> None:
    """Give a user a new password and end the sessions."""
    password = _password(from_stdin=password_stdin)

    async def run(connection: Connection) -> None:
        await administration.reset_password(
            connection, local_actor(), username, await _hashed(password)
        )

    _in_transaction(run)
    shown = {} if password_stdin else {"password": password}
    _show({"username": username, **shown}, as_json=as_json)


@group.command("create-key")
@click.argument("name")
@role_option
@click.option("--days", type=int, default=90, show_default=True, help="How long it works.")
@json_option
def create_key(*, name: str, role: str, days: int, as_json: bool) -> None:
    """Make a key for a machine; it is shown once."""
    made = _in_transaction(
        lambda one: administration.create_api_key(
            one, local_actor(), name=name, role=role_of(role), days=days
        )
    )
    expires = made.api_key.expires_at.isoformat(timespec="seconds")
    _show({"name": name, "role": role, "key": made.secret, "expires": expires}, as_json=as_json)


@group.command("verify-audit")
@json_option
def verify_audit(*, as_json: bool) -> None:
    """Check the audit log's chain; exit status 1 if a row was changed or removed."""
    report = _in_transaction(verify_chain)
    _show(msgspec.structs.asdict(report), as_json=as_json)
    if report.broken_at is not None:
        sys.exit(EXIT_FAILED)


def local_actor() -> Actor:
    """Return who runs this command, for the audit log."""
    principal = Principal(
        subject="command line",
        name=f"command line (uid {os.getuid()})",
        role=Role.ADMIN,
        expires_at=0.0,
    )
    return Actor(principal, Origin(request_id="command-line", address="local"))


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return secrets.token_urlsafe(15)


async def _hashed(password: str) -> str:
    passwords = Passwords()
    try:
        return await administration.hash_new_password(passwords, password)
    finally:
        await passwords.close()


def _show(values: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(values))
    else:
        click.echo("  ".join(f"{name}={value}" for name, value in values.items()))


def _in_transaction(run: Callable[[Connection], Awaitable[_T]]) -> _T:
    dsn = load_settings(os.environ).postgres_dsn
    try:
        return asyncio.run(_connected(dsn, run))
    except ApiError as exc:
        raise AdminFailedError(exc.message) from exc
    except (OSError, asyncpg.PostgresError) as exc:
        raise TransientError(f"Postgres does not answer (AIOPS_POSTGRES_DSN): {exc}") from exc


async def _connected(dsn: str, run: Callable[[Connection], Awaitable[_T]]) -> _T:
    connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S)
    try:
        await require_migrated(connection)
        async with connection.transaction():
            return await run(connection)
    finally:
        await connection.close()


class AdminFailedError(AiOpsError):
    """What was asked for cannot be done; the message says why."""
