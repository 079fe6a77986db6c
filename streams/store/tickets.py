"""Writes what ticket records say: the revisions, and the newest of each ticket."""

from collections.abc import Iterable, Sequence
from typing import Final
from zlib import crc32

import msgspec

from schemas.db.locks import TICKET_PROJECTS
from schemas.db.pool import Connection
from schemas.events import TicketEvent
from streams.domain.tickets.prepared import PreparedTickets, read_ticket_payload
from streams.offsets import OffsetSpan

# Identical alerts within an hour of event time are one group.
ALERT_WINDOW_NS: Final = 3_600 * 1_000_000_000
PROJECT_LOCKS: Final = 64
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


LOCK_PROJECTS: Final = """
SELECT pg_advisory_xact_lock($1, number) FROM unnest($2::integer[]) AS number
"""


async def lock_projects(connection: Connection, keys: Iterable[TicketKey]) -> None:
    """Keep other writers out of the tickets' projects until the transaction ends.

    Revisions of one ticket may come in two partitions: their writers must not each choose the
    newest of what they see. In order, so that writers never wait in a circle.
    """
    numbers = {crc32(key.project.encode()) % PROJECT_LOCKS for key in keys}
    await connection.execute(LOCK_PROJECTS, TICKET_PROJECTS, sorted(numbers))


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
    """Store the newest revisions in place of what is stored of the tickets."""
    rows = [_ticket_row(one) for one in tickets]
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
