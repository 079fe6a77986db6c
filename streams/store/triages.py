"""Writes the triages of tickets."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from schemas.db.pool import Connection
from streams.domain.triage.triages import Triage
from streams.store.tickets import CurrentTicket, TicketKey

TRIAGES_CHANNEL: Final = "aiops_triages"
_CANONICAL: Final = msgspec.json.Encoder(order="sorted")

SELECT_TRIAGED: Final = """
SELECT triage.project, triage.ticket_id, triage.content_hash, triage.document
FROM ticket_triages AS triage
JOIN unnest($1::text[], $2::text[]) AS asked (project, ticket_id)
ON triage.project = asked.project AND triage.ticket_id = asked.ticket_id
"""


class StoredTriage(msgspec.Struct, frozen=True):
    """Which revision of a ticket was triaged, and what came out."""

    content_hash: bytes
    document: bytes

    @property
    def triage(self) -> Triage:
        """Return the document."""
        return msgspec.json.decode(self.document, type=Triage)


async def select_triages(
    connection: Connection, keys: Iterable[TicketKey]
) -> dict[TicketKey, StoredTriage]:
    """Return the stored triages of these tickets."""
    ordered = sorted(keys)
    rows = await connection.fetch(
        SELECT_TRIAGED, [key.project for key in ordered], [key.ticket_id for key in ordered]
    )
    return {
        TicketKey(row["project"], row["ticket_id"]): StoredTriage(
            row["content_hash"], row["document"]
        )
        for row in rows
    }


class NewTriage(msgspec.Struct, frozen=True):
    """A triage to be stored, by the model that had learned the feedback below the offset."""

    current: CurrentTicket
    triage: Triage
    feedback_offset: int

    @property
    def document(self) -> bytes:
        """Return the triage as canonical JSON."""
        return _CANONICAL.encode(self.triage)

    @property
    def needs_human(self) -> bool:
        """Tell whether any field is left to a person."""
        return any(field.needs_human for field in self.triage.fields.values())


UPSERT_TRIAGES: Final = """
INSERT INTO ticket_triages
    (project, ticket_id, content_hash, feedback_offset, document, needs_human)
SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bytea[], $6::boolean[])
ON CONFLICT (project, ticket_id) DO UPDATE
SET content_hash = EXCLUDED.content_hash, feedback_offset = EXCLUDED.feedback_offset,
    document = EXCLUDED.document, needs_human = EXCLUDED.needs_human, triaged_at = now()
"""
NOTIFY_TRIAGES: Final = "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload"


async def upsert_triages(connection: Connection, triages: Sequence[NewTriage]) -> None:
    """Store triages in place of the tickets' former ones; each ticket once."""
    if not triages:
        return
    rows = [
        (
            new.current.key.project,
            new.current.key.ticket_id,
            new.current.content_hash,
            new.feedback_offset,
            new.document,
            new.needs_human,
        )
        for new in triages
    ]
    await connection.execute(UPSERT_TRIAGES, *zip(*rows, strict=True))
    await _replace_fields(connection, triages)
    payloads = [
        {"project": new.current.key.project, "ticket_id": new.current.key.ticket_id}
        for new in triages
    ]
    texts = [msgspec.json.encode(payload).decode() for payload in payloads]
    await connection.execute(NOTIFY_TRIAGES, TRIAGES_CHANNEL, texts)


DELETE_FIELDS: Final = """
DELETE FROM triage_fields USING unnest($1::text[], $2::text[]) AS gone (project, ticket_id)
WHERE triage_fields.project = gone.project AND triage_fields.ticket_id = gone.ticket_id
"""
INSERT_FIELDS: Final = """
INSERT INTO triage_fields (project, ticket_id, field, value, confidence, needs_human)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::boolean[])
"""


async def _replace_fields(connection: Connection, triages: Sequence[NewTriage]) -> None:
    keys = [new.current.key for new in triages]
    await connection.execute(
        DELETE_FIELDS, [key.project for key in keys], [key.ticket_id for key in keys]
    )
    rows = [
        (
            new.current.key.project,
            new.current.key.ticket_id,
            name,
            field.value,
            field.confidence,
            field.needs_human,
        )
        for new in triages
        for name, field in new.triage.fields.items()
    ]
    if rows:
        await connection.execute(INSERT_FIELDS, *zip(*rows, strict=True))


DELETE_TRIAGES: Final = """
DELETE FROM ticket_triages USING unnest($1::text[], $2::text[]) AS gone (project, ticket_id)
WHERE ticket_triages.project = gone.project AND ticket_triages.ticket_id = gone.ticket_id
"""


async def delete_triages(connection: Connection, keys: Iterable[TicketKey]) -> None:
    """Remove the triages of tickets that are gone, or no longer lead their alert group."""
    ordered = sorted(keys)
    for statement in (DELETE_TRIAGES, DELETE_FIELDS):
        await connection.execute(
            statement, [key.project for key in ordered], [key.ticket_id for key in ordered]
        )
