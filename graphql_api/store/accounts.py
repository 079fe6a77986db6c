"""Users, sessions, refresh tokens and keys; each statement runs in its caller's transaction."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

import asyncpg
import msgspec

from graphql_api.auth.principal import Role, role_of
from schemas.db.locks import LOGIN_SUBJECTS
from schemas.db.pool import Connection


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user without the password."""

    user_id: str
    username: str
    role: Role
    is_disabled: bool
    created_at: datetime


class Credentials(msgspec.Struct, frozen=True):
    """A user with the password's hash."""

    user: User
    password_hash: str | None


def user_from_row(row: asyncpg.Record) -> User:
    """Return the user in a row."""
    return User(
        user_id=row["user_id"],
        username=row["username"],
        role=role_of(row["role"]),
        is_disabled=row["is_disabled"],
        created_at=row["created_at"],
    )


SELECT_USERS: Final = """
SELECT user_id::text, username, role, is_disabled, created_at FROM users ORDER BY username
"""


async def select_users(connection: Connection) -> list[User]:
    """Return all users by name."""
    return [user_from_row(row) for row in await connection.fetch(SELECT_USERS)]


SELECT_CREDENTIALS: Final = """
SELECT user_id::text, username, role, is_disabled, created_at, password_hash
FROM users WHERE username = $1
"""


async def select_credentials(connection: Connection, username: str) -> Credentials | None:
    """Return the user with this name, None when there is none."""
    row = await connection.fetchrow(SELECT_CREDENTIALS, username)
    return Credentials(user_from_row(row), row["password_hash"]) if row else None


INSERT_USER: Final = """
INSERT INTO users (username, password_hash, role) VALUES ($1, $2, $3)
ON CONFLICT (username) DO NOTHING
RETURNING user_id::text, username, role, is_disabled, created_at
"""


async def insert_user(
    connection: Connection, username: str, password_hash: str, role: Role
) -> User | None:
    """Make a user; None when the name is taken."""
    row = await connection.fetchrow(INSERT_USER, username, password_hash, role.label)
    return user_from_row(row) if row else None


# Locked in one order, so that two admins who demote each other do not both succeed.
SELECT_ENABLED_ADMINS: Final = """
SELECT username FROM users WHERE role = 'admin' AND NOT is_disabled ORDER BY user_id FOR UPDATE
"""


async def select_enabled_admins(connection: Connection) -> list[str]:
    """Return the names of the admins who can log in, and lock them."""
    return [row["username"] for row in await connection.fetch(SELECT_ENABLED_ADMINS)]


UPDATE_USER_ROLE: Final = """
UPDATE users SET role = $2 WHERE username = $1
RETURNING user_id::text, username, role, is_disabled, created_at
"""


async def update_user_role(connection: Connection, username: str, role: Role) -> User | None:
    """Give a user another role; None when there is no such user."""
    row = await connection.fetchrow(UPDATE_USER_ROLE, username, role.label)
    return user_from_row(row) if row else None


UPDATE_USER_DISABLED: Final = """
UPDATE users SET is_disabled = $2 WHERE username = $1
RETURNING user_id::text, username, role, is_disabled, created_at
"""


async def update_user_disabled(
    connection: Connection, username: str, *, is_disabled: bool
) -> User | None:
    """Disable or enable a user; None when there is no such user."""
    row = await connection.fetchrow(UPDATE_USER_DISABLED, username, is_disabled)
    return user_from_row(row) if row else None


UPDATE_PASSWORD: Final = """
UPDATE users SET password_hash = $2 WHERE username = $1
RETURNING user_id::text, username, role, is_disabled, created_at
"""


async def update_password(connection: Connection, username: str, password_hash: str) -> User | None:
    """Set a password; None when there is no such user."""
    row = await connection.fetchrow(UPDATE_PASSWORD, username, password_hash)
    return user_from_row(row) if row else None


REPLACE_PASSWORD: Final = """
UPDATE users SET password_hash = $3 WHERE username = $1 AND password_hash = $2 RETURNING true
"""


async def replace_password(
    connection: Connection, credentials: Credentials, password_hash: str
) -> bool:
    """Set a password in place of this one; False when the user has another by now."""
    is_replaced = await connection.fetchval(
        REPLACE_PASSWORD, credentials.user.username, credentials.password_hash, password_hash
    )
    return bool(is_replaced)


HOLD_CREDENTIALS: Final = """
SELECT true FROM users WHERE user_id = $1::uuid AND password_hash = $2 AND NOT is_disabled
FOR SHARE
"""


async def hold_credentials(connection: Connection, credentials: Credentials) -> bool:
    """Tell whether one can still log in with these; if so, until the transaction ends."""
    is_held = await connection.fetchval(
        HOLD_CREDENTIALS, credentials.user.user_id, credentials.password_hash
    )
    return bool(is_held)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A family of refresh tokens with its user."""

    session_id: str
    user: User
    created_at: datetime
    expires_at: datetime
    is_revoked: bool
    has_expired: bool


SELECT_SESSION: Final = """
SELECT s.session_id::text, s.created_at AS session_created_at, s.expires_at,
       s.revoked_at IS NOT NULL AS is_revoked, s.expires_at <= now() AS has_expired,
       u.user_id::text, u.username, u.role, u.is_disabled, u.created_at
FROM sessions s JOIN users u USING (user_id) WHERE s.session_id = $1::uuid
"""


async def select_session(connection: Connection, session_id: str) -> Session | None:
    """Return a session, revoked ones too; None when there is none."""
    row = await connection.fetchrow(SELECT_SESSION, session_id)
    return _session_from_row(row) if row else None


def _session_from_row(row: asyncpg.Record) -> Session:
    return Session(
        session_id=row["session_id"],
        user=user_from_row(row),
        created_at=row["session_created_at"],
        expires_at=row["expires_at"],
        is_revoked=row["is_revoked"],
        has_expired=row["has_expired"],
    )


SELECT_LIVE_SESSIONS: Final = """
SELECT s.session_id::text, s.created_at AS session_created_at, s.expires_at,
       false AS is_revoked, false AS has_expired,
       u.user_id::text, u.username, u.role, u.is_disabled, u.created_at
FROM sessions s JOIN users u USING (user_id)
WHERE s.user_id = $1::uuid AND s.revoked_at IS NULL AND s.expires_at > now()
ORDER BY s.created_at DESC LIMIT 100
"""


async def select_live_sessions(connection: Connection, user_id: str) -> list[Session]:
    """Return a user's live sessions, newest first."""
    rows = await connection.fetch(SELECT_LIVE_SESSIONS, user_id)
    return [_session_from_row(row) for row in rows]


SELECT_SESSION_ROLES: Final = """
SELECT s.session_id::text, u.role FROM sessions s JOIN users u USING (user_id)
WHERE s.session_id = ANY($1::uuid[]) AND s.revoked_at IS NULL AND s.expires_at > now()
  AND NOT u.is_disabled
"""


async def select_session_roles(
    connection: Connection, session_ids: Collection[str]
) -> dict[str, Role]:
    """Return the roles of the users of these sessions, of those that may still be used."""
    rows = await connection.fetch(SELECT_SESSION_ROLES, session_ids)
    return {session_id: role_of(label) for session_id, label in rows}


INSERT_SESSION: Final = """
INSERT INTO sessions (user_id, expires_at) VALUES ($1::uuid, now() + $2)
RETURNING session_id::text
"""


async def insert_session(connection: Connection, user_id: str, lifetime: timedelta) -> str:
    """Open a session and return its id."""
    session_id: str = await connection.fetchval(INSERT_SESSION, user_id, lifetime)
    return session_id


REVOKE_SESSION: Final = """
UPDATE sessions SET revoked_at = now(), revoked_reason = $2
WHERE session_id = $1::uuid AND revoked_at IS NULL
"""
REVOKE_USER_SESSIONS: Final = """
UPDATE sessions SET revoked_at = now(), revoked_reason = $2
WHERE user_id = $1::uuid AND revoked_at IS NULL
"""
# Every process that serves the API listens here and forgets what it had verified.
NOTIFY_ACCESS: Final = "NOTIFY aiops_access"


async def revoke_session(connection: Connection, session_id: str, reason: str) -> None:
    """End a session everywhere, once this transaction commits; repeating is safe."""
    await connection.execute(REVOKE_SESSION, session_id, reason)
    await connection.execute(NOTIFY_ACCESS)


async def revoke_user_sessions(connection: Connection, user_id: str, reason: str) -> None:
    """End all sessions of a user everywhere, once this transaction commits."""
    await connection.execute(REVOKE_USER_SESSIONS, user_id, reason)
    await connection.execute(NOTIFY_ACCESS)


INSERT_REFRESH_TOKEN: Final = """
INSERT INTO refresh_tokens (token_hash, session_id) VALUES ($1, $2::uuid)
"""


async def insert_refresh_token(connection: Connection, token_hash: bytes, session_id: str) -> None:
    """Add a token to a session's family."""
    await connection.execute(INSERT_REFRESH_TOKEN, token_hash, session_id)


class UsedToken(msgspec.Struct, frozen=True):
    """A refresh token that was used before: its session, how long ago, and its sealed successor."""

    session_id: str
    age_s: float
    successor: bytes


# Of any number of parallel uses one gets the row; the others see it used.
USE_REFRESH_TOKEN: Final = """
UPDATE refresh_tokens SET used_at = now(), successor = $2
WHERE token_hash = $1 AND used_at IS NULL
RETURNING session_id::text
"""


async def use_refresh_token(
    connection: Connection, token_hash: bytes, successor: bytes
) -> str | None:
    """Use a token and return its session's id; None when it is unknown or was used before."""
    session_id: str | None = await connection.fetchval(USE_REFRESH_TOKEN, token_hash, successor)
    return session_id


SELECT_USED_TOKEN: Final = """
SELECT session_id::text, extract(epoch FROM now() - used_at)::float8 AS age_s, successor
FROM refresh_tokens WHERE token_hash = $1 AND used_at IS NOT NULL
"""


async def select_used_token(connection: Connection, token_hash: bytes) -> UsedToken | None:
    """Return a token that was used before, None when it is unknown."""
    row = await connection.fetchrow(SELECT_USED_TOKEN, token_hash)
    return UsedToken(row["session_id"], row["age_s"], row["successor"]) if row else None


COUNT_FAILURES: Final = """
SELECT count(*) FROM login_failures WHERE subject = $1 AND failed_at > now() - $2::interval
"""


async def count_login_failures(connection: Connection, subject: str, within: timedelta) -> int:
    """Return how often logins of this subject failed lately."""
    count: int = await connection.fetchval(COUNT_FAILURES, subject, within)
    return count


# In one order for everybody, so that two logins never wait for each other.
LOCK_SUBJECTS: Final = """
SELECT pg_advisory_xact_lock($1, subject_hash)
FROM (SELECT DISTINCT hashtext(subject) AS subject_hash FROM unnest($2::text[]) AS subject
      ORDER BY subject_hash) AS ordered
"""


async def lock_login_subjects(connection: Connection, subjects: list[str]) -> None:
    """Make other logins of these subjects wait until this transaction ends."""
    await connection.execute(LOCK_SUBJECTS, LOGIN_SUBJECTS, subjects)


INSERT_FAILURES: Final = "INSERT INTO login_failures (subject) SELECT unnest($1::text[])"
DELETE_OLD_FAILURES: Final = "DELETE FROM login_failures WHERE failed_at <= now() - $1::interval"


async def insert_login_failure(
    connection: Connection, subjects: list[str], keep: timedelta
) -> None:
    """Count a failed login for each subject, and forget the old ones."""
    await connection.execute(DELETE_OLD_FAILURES, keep)
    await connection.execute(INSERT_FAILURES, subjects)


DELETE_FAILURES: Final = "DELETE FROM login_failures WHERE subject = $1"


async def delete_login_failures(connection: Connection, subject: str) -> None:
    """Forget the failures of a subject who has logged in."""
    await connection.execute(DELETE_FAILURES, subject)
