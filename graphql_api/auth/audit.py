"""The audit log: append-only rows, each hash covering the one before it."""

import hashlib
from datetime import UTC, datetime
from typing import Final

import msgspec

from graphql_api.auth.principal import Origin, Principal
from schemas.db.locks import AUDIT_CHAIN
from schemas.db.pool import Connection

GENESIS: Final = bytes(32)


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did, to what, and how it ended."""

    sequence: int
    at: str
    actor: str
    role: str
    operation: str
    target: str
    outcome: str
    request_id: str
    address: str


def chained_hash(prior_hash: bytes, entry: AuditEntry) -> bytes:
    """Return the hash of an entry after the one with `prior_hash`."""
    return hashlib.sha256(prior_hash + msgspec.json.encode(entry)).digest()


SELECT_CHAIN_HEAD: Final = """
SELECT sequence, row_hash FROM audit_log ORDER BY sequence DESC LIMIT 1
"""
INSERT_AUDIT_ROW: Final = """
INSERT INTO audit_log (sequence, at, actor, role, operation, target, outcome, request_id, address,
                       prior_hash, row_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""


async def insert_audit(
    connection: Connection,
    *,
    actor: Principal,
    origin: Origin,
    operation: str,
    target: str = "",
    outcome: str = "done",
) -> None:
    """Append a row; call it in the transaction of the effect, last, for it holds the chain."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", AUDIT_CHAIN)
    head = await connection.fetchrow(SELECT_CHAIN_HEAD)
    prior_hash = head["row_hash"] if head else GENESIS
    entry = AuditEntry(
        sequence=head["sequence"] + 1 if head else 1,
        at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        actor=actor.name,
        role=actor.role.label,
        operation=operation,
        target=target,
        outcome=outcome,
        request_id=origin.request_id,
        address=origin.address,
    )
    await connection.execute(
        INSERT_AUDIT_ROW,
        *msgspec.structs.astuple(entry),
        prior_hash,
        chained_hash(prior_hash, entry),
    )


class ChainReport(msgspec.Struct, frozen=True):
    """How far the chain holds: rows checked, the head's hash, the first broken row or None."""

    rows: int
    head_hash: str
    broken_at: int | None


SELECT_AUDIT_AFTER: Final = """
SELECT sequence, at, actor, role, operation, target, outcome, request_id, address,
       prior_hash, row_hash
FROM audit_log WHERE sequence > $1 ORDER BY sequence LIMIT 1000
"""


async def verify_chain(connection: Connection) -> ChainReport:
    """Check every row against the one before it; keep `head_hash` elsewhere to notice a cut end."""
    rows, prior_hash = 0, GENESIS
    while page := await connection.fetch(SELECT_AUDIT_AFTER, rows):
        for row in page:
            stored_prior, stored_hash = row["prior_hash"], row["row_hash"]
            members = dict(row.items())
            entry = AuditEntry(**{name: members[name] for name in AuditEntry.__struct_fields__})
            is_next = entry.sequence == rows + 1 and stored_prior == prior_hash
            if not is_next or chained_hash(prior_hash, entry) != stored_hash:
                return ChainReport(rows, prior_hash.hex(), rows + 1)
            rows, prior_hash = rows + 1, stored_hash
    return ChainReport(rows, prior_hash.hex(), None)
