"""Reads of the audit log."""

from typing import Final

from graphql_api.auth.audit import AuditEntry
from schemas.db.pool import Connection

SELECT_AUDIT: Final = """
SELECT sequence, at, actor, role, operation, target, outcome, request_id, address
FROM audit_log
WHERE sequence < $1 AND ($2::text IS NULL OR actor = $2)
ORDER BY sequence DESC LIMIT $3
"""


async def select_audit(
    connection: Connection, before: int, actor: str | None, limit: int
) -> list[AuditEntry]:
    """Return the entries with a sequence below `before`, newest first."""
    rows = await connection.fetch(SELECT_AUDIT, before, actor, limit)
    return [AuditEntry(**dict(row.items())) for row in rows]
