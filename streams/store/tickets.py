"""Writes what ticket records say: revisions, the newest of each ticket, triages."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from schemas.db.pool import Connection
from schemas.events import TicketEvent
from streams.domain.tickets.prepared import PreparedTickets, read_ticket_payload
from streams.domain.triage.triages import Triage
from streams.offsets import OffsetSpan

TRIAGES_CHANNEL: Final = "aiops_triages"
# Identical alerts within an hour of event time are one group.
ALERT_WINDOW_NS: Final = 3_600 * 1_000_000_000
_CANONICAL: Final = msgspec.json.Encoder(order="sorted")


class TicketKey(msgspec.Struct, frozen=True, order=True):
    """A ticket of a project, whatever its revision."""

    project: str
    ticket_id: str


class CurrentTicket(msgspec.Struct, frozen=True):
    """The newest revision of a ticket."""

    key: TicketKey
    content_hash: bytes
    ticket: TicketEvent


INSERT_REVISIONS: Final = """
INSERT INTO ticket_events
    (topic, partition, "offset", event_index, project, ticket_id, revision, content_hash, payload)
SELECT $1, $2, * FROM unnest(
    $3::bigint[], $4::integer[], $5::text[], $6::text[], $7::bigint[], $8::bytea[], $9::bytea[])
"""


async def insert_revisions(
    connection: Connection, span: OffsetSpan, records: Sequence[PreparedTickets]
) -> set[TicketKey]:
    """Store the revisions of records never stored before; return the tickets they are of."""
    rows = [
        (
            record.offset,
            index,
            one.ticket.project,
            one.ticket.ticket_id,
            one.ticket.revision,
            one.content_hash,
            one.payload,
        )
        for record in records
        for index, one in enumerate(record.revisions)
    ]
    if rows:
        columns = zip(*rows, strict=True)
        await connection.execute(INSERT_REVISIONS, span.topic, span.partition, *columns)
    return {TicketKey(row[2], row[3]) for row in rows}


SELECT_REVISIONS: Final = """
SELECT "offset", event_index, project, ticket_id, content_hash FROM ticket_events
WHERE topic = $1 AND partition = $2 AND "offset" >= $3 AND "offset" < $4
"""
DELETE_REVISIONS: Final = """
DELETE FROM ticket_events
WHERE topic = $1 AND partition = $2 AND "offset" >= $3 AND "offset" < $4
"""


async def replace_revisions(
    connection: Connection, span: OffsetSpan, records: Sequence[PreparedTickets]
) -> set[TicketKey]:
    """Store all revisions of a block in place of what is there; return the tickets that differ."""
    place = (span.topic, span.partition, span.first, span.end)
    before = {tuple(row.values()) for row in await connection.fetch(SELECT_REVISIONS, *place)}
    after = {
        (record.offset, index, one.ticket.project, one.ticket.ticket_id, one.content_hash)
        for record in records
        for index, one in enumerate(record.revisions)
    }
    if before == after:
        return set()
    await connection.execute(DELETE_REVISIONS, *place)
    await insert_revisions(connection, span, records)
    return {TicketKey(row[2], row[3]) for row in before ^ after}


SELECT_NEWEST: Final = """
SELECT newest.content_hash, newest.payload
FROM unnest($1::text[], $2::text[]) AS asked (project, ticket_id)
CROSS JOIN LATERAL (
    SELECT content_hash, payload FROM ticket_events AS event
    WHERE event.project = asked.project AND event.ticket_id = asked.ticket_id
    ORDER BY revision DESC, content_hash DESC LIMIT 1) AS newest
"""


async def select_newest(
    connection: Connection, keys: Iterable[TicketKey]
) -> dict[TicketKey, CurrentTicket]:
    """Return the newest revision of each ticket that has one."""
    ordered = sorted(keys)
    rows = await connection.fetch(
        SELECT_NEWEST, [key.project for key in ordered], [key.ticket_id for key in ordered]
    )
    found = {}
    for row in rows:
        ticket = read_ticket_payload(row["payload"])
        key = TicketKey(ticket.project, ticket.ticket_id)
        found[key] = CurrentTicket(key, row["content_hash"], ticket)
    return found


UPSERT_TICKETS: Final = """
INSERT INTO tickets
    (project, ticket_id, revision, content_hash, title, body, status, reporter, url, created_ns,
     source, labels, metadata, alert_key, alert_window_ns)
SELECT project, ticket_id, revision, content_hash, title, body, status, reporter, url, created_ns,
       source, labels::jsonb, metadata::jsonb, alert_key, alert_window_ns
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::bigint[], $11::text[], $12::text[], $13::text[],
            $14::text[], $15::bigint[])
    AS given (project, ticket_id, revision, content_hash, title, body, status, reporter, url,
              created_ns, source, labels, metadata, alert_key, alert_window_ns)
ON CONFLICT (project, ticket_id) DO UPDATE
SET revision = EXCLUDED.revision, content_hash = EXCLUDED.content_hash, title = EXCLUDED.title,
    body = EXCLUDED.body, status = EXCLUDED.status, reporter = EXCLUDED.reporter,
    url = EXCLUDED.url, created_ns = EXCLUDED.created_ns, source = EXCLUDED.source,
    labels = EXCLUDED.labels, metadata = EXCLUDED.metadata, alert_key = EXCLUDED.alert_key,
    alert_window_ns = EXCLUDED.alert_window_ns
"""


async def upsert_tickets(connection: Connection, tickets: Iterable[CurrentTicket]) -> None:
    """Store the newest revisions; in order of the key, so that writers never wait in a circle."""
    rows = [_ticket_row(one) for one in sorted(tickets, key=lambda one: one.key)]
    if rows:
        await connection.execute(UPSERT_TICKETS, *zip(*rows, strict=True))


def _ticket_row(current: CurrentTicket) -> tuple[object, ...]:
    ticket = current.ticket
    return (
        ticket.project,
        ticket.ticket_id,
        ticket.revision,
        current.content_hash,
        ticket.title,
        ticket.body,
        ticket.status,
        ticket.reporter,
        ticket.url,
        ticket.created_ns,
        ticket.source,
        _CANONICAL.encode(ticket.labels).decode(),
        _CANONICAL.encode(ticket.metadata).decode(),
        ticket.alert_key,
        alert_window_ns(ticket),
    )


def alert_window_ns(ticket: TicketEvent) -> int | None:
    """Return the start of the window that an alert falls into, None for what is no alert."""
    if ticket.alert_key is None:
        return None
    moment_ns = ticket.revision if ticket.created_ns is None else ticket.created_ns
    return moment_ns - moment_ns % ALERT_WINDOW_NS


DELETE_TICKETS: Final = """
DELETE FROM tickets USING unnest($1::text[], $2::text[]) AS gone (project, ticket_id)
WHERE tickets.project = gone.project AND tickets.ticket_id = gone.ticket_id
"""


async def delete_tickets(connection: Connection, keys: Iterable[TicketKey]) -> None:
    """Remove tickets that no record speaks of any more."""
    ordered = sorted(keys)
    await connection.execute(
        DELETE_TICKETS, [key.project for key in ordered], [key.ticket_id for key in ordered]
    )


# The groups that these tickets are in, each with all its tickets, the leader first.
SELECT_GROUPS: Final = """
SELECT project, ticket_id,
       row_number() OVER (PARTITION BY project, alert_key, alert_window_ns
                          ORDER BY created_ns NULLS LAST, ticket_id) = 1 AS is_leader
FROM tickets
WHERE (project, alert_key, alert_window_ns) IN (
    SELECT member.project, member.alert_key, member.alert_window_ns
    FROM tickets AS member
    JOIN unnest($1::text[], $2::text[]) AS asked (project, ticket_id)
    ON member.project = asked.project AND member.ticket_id = asked.ticket_id
    WHERE member.alert_key IS NOT NULL)
"""


async def select_alert_groups(
    connection: Connection, keys: Iterable[TicketKey]
) -> dict[TicketKey, bool]:
    """Return all tickets of the alert groups that these tickets are in: is each the leader?"""
    ordered = sorted(keys)
    rows = await connection.fetch(
        SELECT_GROUPS, [key.project for key in ordered], [key.ticket_id for key in ordered]
    )
    return {TicketKey(row["project"], row["ticket_id"]): row["is_leader"] for row in rows}


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


UPSERT_TRIAGE: Final = """
INSERT INTO ticket_triages
    (project, ticket_id, content_hash, feedback_offset, document, needs_human)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (project, ticket_id) DO UPDATE
SET content_hash = EXCLUDED.content_hash, feedback_offset = EXCLUDED.feedback_offset,
    document = EXCLUDED.document, needs_human = EXCLUDED.needs_human, triaged_at = now()
"""
DELETE_FIELDS: Final = "DELETE FROM triage_fields WHERE project = $1 AND ticket_id = $2"
INSERT_FIELDS: Final = """
INSERT INTO triage_fields (project, ticket_id, field, value, confidence, needs_human)
SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::float8[], $6::boolean[])
"""
NOTIFY_TRIAGE: Final = "SELECT pg_notify($1, $2)"


async def upsert_triage(connection: Connection, new: NewTriage) -> None:
    """Store a triage in place of the ticket's former one."""
    key, fields = new.current.key, new.triage.fields
    await connection.execute(
        UPSERT_TRIAGE,
        key.project,
        key.ticket_id,
        new.current.content_hash,
        new.feedback_offset,
        new.document,
        any(field.needs_human for field in fields.values()),
    )
    await connection.execute(DELETE_FIELDS, key.project, key.ticket_id)
    await connection.execute(
        INSERT_FIELDS,
        key.project,
        key.ticket_id,
        list(fields),
        [field.value for field in fields.values()],
        [field.confidence for field in fields.values()],
        [field.needs_human for field in fields.values()],
    )
    payload = {"project": key.project, "ticket_id": key.ticket_id}
    await connection.execute(NOTIFY_TRIAGE, TRIAGES_CHANNEL, msgspec.json.encode(payload).decode())


DELETE_TRIAGES: Final = """
DELETE FROM ticket_triages USING unnest($1::text[], $2::text[]) AS gone (project, ticket_id)
WHERE ticket_triages.project = gone.project AND ticket_triages.ticket_id = gone.ticket_id
"""
DELETE_ALL_FIELDS: Final = """
DELETE FROM triage_fields USING unnest($1::text[], $2::text[]) AS gone (project, ticket_id)
WHERE triage_fields.project = gone.project AND triage_fields.ticket_id = gone.ticket_id
"""


async def delete_triages(connection: Connection, keys: Iterable[TicketKey]) -> None:
    """Remove the triages of tickets that are gone, or no longer lead their alert group."""
    ordered = sorted(keys)
    for statement in (DELETE_TRIAGES, DELETE_ALL_FIELDS):
        await connection.execute(
            statement, [key.project for key in ordered], [key.ticket_id for key in ordered]
        )
