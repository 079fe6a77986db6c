"""Keys of machines; each statement runs in its caller's transaction."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

import asyncpg
import msgspec

from graphql_api.auth.principal import Role, role_of
from graphql_api.store.accounts import NOTIFY_ACCESS
from schemas.db.pool import Connection


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A machine's key without the key."""

    key_id: str
    name: str
    role: Role
    created_by: str
    created_at: datetime
    expires_at: datetime
    is_revoked: bool


def _key_from_row(row: asyncpg.Record) -> ApiKey:
    return ApiKey(
        key_id=row["key_id"],
        name=row["name"],
        role=role_of(row["role"]),
        created_by=row["created_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        is_revoked=row["revoked_at"] is not None,
    )


INSERT_API_KEY: Final = """
INSERT INTO api_keys (key_hash, name, role, created_by, expires_at)
VALUES ($1, $2, $3, $4, now() + $5)
RETURNING key_id::text, name, role, created_by, created_at, expires_at, revoked_at
"""


async def insert_api_key(
    connection: Connection,
    *,
    key_hash: bytes,
    name: str,
    role: Role,
    created_by: str,
    lifetime: timedelta,
) -> ApiKey:
    """Store a new key's hash."""
    row = await connection.fetchrow(
        INSERT_API_KEY, key_hash, name, role.label, created_by, lifetime
    )
    assert row is not None, "an INSERT ... RETURNING returns its row"  # noqa: S101 - for mypy
    return _key_from_row(row)


SELECT_API_KEY: Final = """
SELECT key_id::text, name, role, created_by, created_at, expires_at, revoked_at
FROM api_keys WHERE key_hash = $1 AND revoked_at IS NULL AND expires_at > now()
"""


async def select_live_api_key(connection: Connection, key_hash: bytes) -> ApiKey | None:
    """Return the key with this hash if it may be used."""
    row = await connection.fetchrow(SELECT_API_KEY, key_hash)
    return _key_from_row(row) if row else None


SELECT_KEY_ROLES: Final = """
SELECT key_id::text, role FROM api_keys
WHERE key_id = ANY($1::uuid[]) AND revoked_at IS NULL AND expires_at > now()
"""


async def select_key_roles(connection: Connection, key_ids: Collection[str]) -> dict[str, Role]:
    """Return the roles of these keys, of those that may still be used."""
    rows = await connection.fetch(SELECT_KEY_ROLES, key_ids)
    return {key_id: role_of(label) for key_id, label in rows}


SELECT_API_KEYS: Final = """
SELECT key_id::text, name, role, created_by, created_at, expires_at, revoked_at
FROM api_keys ORDER BY created_at DESC, key_id LIMIT 500
"""


async def select_api_keys(connection: Connection) -> list[ApiKey]:
    """Return the newest 500 keys."""
    return [_key_from_row(row) for row in await connection.fetch(SELECT_API_KEYS)]


REVOKE_API_KEY: Final = """
UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = $1::uuid
RETURNING key_id::text, name, role, created_by, created_at, expires_at, revoked_at
"""


async def revoke_api_key(connection: Connection, key_id: str) -> ApiKey | None:
    """Revoke a key everywhere; None when there is no such key."""
    row = await connection.fetchrow(REVOKE_API_KEY, key_id)
    await connection.execute(NOTIFY_ACCESS)
    return _key_from_row(row) if row else None
