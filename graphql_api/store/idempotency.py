"""Idempotency keys: the first request with a key claims it, the others get its answer."""

from typing import Final

import msgspec

from schemas.db.pool import Connection


class Claim(msgspec.Struct, frozen=True):
    """What is known of a key: whose request it belongs to, and the record once it is written."""

    is_ours: bool
    request_hash: bytes
    record_id: str | None


# A claim without a record after a minute belongs to a process that died: it may be taken over.
CLAIM_KEY: Final = """
INSERT INTO idempotency_keys (principal, key, request_hash) VALUES ($1, $2, $3)
ON CONFLICT (principal, key) DO UPDATE
SET claimed_at = now(), request_hash = EXCLUDED.request_hash
WHERE idempotency_keys.record_id IS NULL
  AND idempotency_keys.claimed_at < now() - interval '1 minute'
RETURNING true
"""
SELECT_CLAIM: Final = """
SELECT request_hash, record_id FROM idempotency_keys WHERE principal = $1 AND key = $2
"""
DELETE_OLD_KEYS: Final = "DELETE FROM idempotency_keys WHERE claimed_at < now() - interval '1 day'"


async def claim_key(connection: Connection, principal: str, key: str, request_hash: bytes) -> Claim:
    """Claim a key, or return who has it; keys are forgotten after a day."""
    await connection.execute(DELETE_OLD_KEYS)
    if await connection.fetchval(CLAIM_KEY, principal, key, request_hash):
        return Claim(is_ours=True, request_hash=request_hash, record_id=None)
    row = await connection.fetchrow(SELECT_CLAIM, principal, key)
    if row is None:
        return Claim(is_ours=False, request_hash=request_hash, record_id=None)
    return Claim(is_ours=False, request_hash=row["request_hash"], record_id=row["record_id"])


SET_KEY_RECORD: Final = """
UPDATE idempotency_keys SET record_id = $3 WHERE principal = $1 AND key = $2
"""


async def set_key_record(connection: Connection, principal: str, key: str, record_id: str) -> None:
    """Store the answer of a claimed key."""
    await connection.execute(SET_KEY_RECORD, principal, key, record_id)
