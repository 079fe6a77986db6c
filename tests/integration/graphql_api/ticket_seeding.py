"""Fills the ticket tables as the writer does: revisions, newest ones, triages, feedback."""

from collections.abc import Sequence

import msgspec

from schemas.db.pool import Connection
from schemas.events import FeedbackEvent, TicketEvent
from schemas.topics import TICKETS_RAW
from streams.domain.tickets.prepared import make_revision
from streams.domain.triage.model import TriageModel

BASE_NS = 1_773_475_200 * 1_000_000_000
SECOND_NS = 1_000_000_000


def make_ticket(number: int, title: str = "", **changes: object) -> TicketEvent:
    """Return ticket `number`, created that many seconds after BASE_NS."""
    moment_ns = BASE_NS + number * SECOND_NS
    ticket = TicketEvent(
        ticket_id=f"T-{number}",
        project="shop",
        title=title or f"The checkout page shows error {number}",
        body="It happens since the last release.",
        status="open",
        created_ns=moment_ns,
        revision=moment_ns,
        labels={"team": "payments"},
        metadata={"os": "linux"},
    )
    return msgspec.structs.replace(ticket, **changes)


INSERT_EVENT = """
INSERT INTO ticket_events VALUES ($1, 0, $2, 0, $3, $4, $5, $6, $7)
"""
UPSERT_TICKET = """
INSERT INTO tickets VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (project, ticket_id) DO UPDATE
SET revision = EXCLUDED.revision, content_hash = EXCLUDED.content_hash, title = EXCLUDED.title,
    body = EXCLUDED.body, status = EXCLUDED.status
"""
UPSERT_OFFSET = """
INSERT INTO stream_offsets (topic, partition, next_offset) VALUES ($1, 0, $2)
ON CONFLICT (topic, partition) DO UPDATE SET next_offset = EXCLUDED.next_offset
"""
UPSERT_TRIAGE = """
INSERT INTO ticket_triages VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (project, ticket_id) DO UPDATE
SET content_hash = EXCLUDED.content_hash, document = EXCLUDED.document, triaged_at = now()
"""
INSERT_FIELD = """
INSERT INTO triage_fields VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""
ALERT_WINDOW_NS = 3_600 * SECOND_NS


async def seed_tickets(
    connection: Connection,
    tickets: Sequence[TicketEvent],
    *,
    model: TriageModel | None = None,
    first_offset: int = 0,
    notify: bool = True,
) -> None:
    """Store revisions in order, the last of a ticket as its newest, all of them triaged."""
    async with connection.transaction():
        for offset, ticket in enumerate(tickets, first_offset):
            revision = make_revision(ticket)
            await connection.execute(
                INSERT_EVENT,
                *(TICKETS_RAW.name, offset, ticket.project, ticket.ticket_id, ticket.revision),
                *(revision.content_hash, revision.payload),
            )
            await connection.execute(UPSERT_TICKET, *_columns(ticket, revision.content_hash))
            await _seed_triage(connection, ticket, revision.content_hash, model or TriageModel())
            if notify:
                note = {"project": ticket.project, "ticket_id": ticket.ticket_id}
                payload = msgspec.json.encode(note).decode()
                await connection.execute("SELECT pg_notify('aiops_triages', $1)", payload)
        await connection.execute(UPSERT_OFFSET, TICKETS_RAW.name, first_offset + len(tickets))


def _columns(ticket: TicketEvent, content_hash: bytes) -> tuple[object, ...]:
    window = None
    if ticket.alert_key is not None and ticket.created_ns is not None:
        window = ticket.created_ns - ticket.created_ns % ALERT_WINDOW_NS
    return (
        *(ticket.project, ticket.ticket_id, ticket.revision, content_hash, ticket.title),
        *(ticket.body, ticket.status, ticket.reporter, ticket.url, ticket.created_ns),
        ticket.source,
        msgspec.json.encode(ticket.labels).decode(),
        msgspec.json.encode(ticket.metadata).decode(),
        *(ticket.alert_key, window),
    )


async def _seed_triage(
    connection: Connection, ticket: TicketEvent, content_hash: bytes, model: TriageModel
) -> None:
    is_follower = ticket.alert_key is not None and await connection.fetchval(
        "SELECT count(*) FROM tickets WHERE project = $1 AND alert_key = $2",
        *(ticket.project, ticket.alert_key),
    ) > 1  # fmt: skip
    if is_follower:
        return
    triage = model.predict(ticket)
    needs_human = any(field.needs_human for field in triage.fields.values())
    place = (ticket.project, ticket.ticket_id)
    document = msgspec.json.encode(triage, order="sorted")
    await connection.execute(
        UPSERT_TRIAGE, *place, content_hash, model.feedback_count, document, needs_human
    )
    for name, field in triage.fields.items():
        await connection.execute(
            INSERT_FIELD, *place, name, field.value, field.confidence, field.needs_human
        )


INSERT_FEEDBACK = "INSERT INTO feedback_events VALUES ($1, $2, $3, $4, $5, $6, $7)"
INSERT_OUTCOME = "INSERT INTO triage_outcomes VALUES ($1, $2, $3, $4, $5, $6, $7)"


async def seed_feedback(
    connection: Connection, offset: int, feedback: FeedbackEvent, model: TriageModel
) -> None:
    """Store feedback with what the model says before it learns it."""
    ticket = feedback.ticket
    said = model.predict(ticket, list(feedback.labels)).fields
    await connection.execute(
        INSERT_FEEDBACK,
        *(offset, ticket.project, ticket.ticket_id, feedback.is_confirmation, feedback.actor),
        *(feedback.timestamp_ns, msgspec.json.encode(feedback)),
    )
    for name, actual in feedback.labels.items():
        one = said[name]
        await connection.execute(
            INSERT_OUTCOME,
            *(offset, name, ticket.project, one.value, one.confidence, actual, one.needs_human),
        )
    model.learn(feedback)
