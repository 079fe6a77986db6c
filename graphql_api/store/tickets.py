"""Reads of tickets: the newest revision of each, its triage, its alert group, what people said."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from graphql_api.store.database import MAX_MISSED, Database
from schemas.documents import DocumentDecoder
from schemas.events import TicketEvent
from streams.domain.tickets.prepared import read_ticket_payload
from streams.domain.triage.triages import Triage

TicketKey = tuple[str, str]
AlertKey = tuple[str, str, int]
MAX_MEMBERS: Final = 100
MAX_ANSWERS: Final = 50
_BEFORE_ALL: Final = (2**63 - 1, "", "")

_TRIAGES: Final = DocumentDecoder(Triage)
_TEXTS: Final = msgspec.json.Decoder(dict[str, str])


class TriageRow(msgspec.Struct, frozen=True):
    """A triage by a model that had learned the feedback below `feedback_offset`."""

    triage: Triage
    feedback_offset: int
    triaged_at: datetime


class TicketRow(msgspec.Struct, frozen=True, kw_only=True):
    """The newest revision of a ticket; an alert that does not lead its group has no triage."""

    project: str
    ticket_id: str
    revision: int
    title: str
    body: str
    status: str | None
    reporter: str | None
    url: str | None
    created_ns: int | None
    source: str
    labels: dict[str, str]
    metadata: dict[str, str]
    alert: AlertKey | None
    triage: TriageRow | None


def _from_row(row: asyncpg.Record) -> TicketRow:
    triage = None
    if row["document"] is not None:
        document = _TRIAGES.decode(row["document"])
        triage = TriageRow(document, row["feedback_offset"], row["triaged_at"])
    key = row["alert_key"]
    return TicketRow(
        project=row["project"],
        ticket_id=row["ticket_id"],
        revision=row["revision"],
        title=row["title"],
        body=row["body"],
        status=row["status"],
        reporter=row["reporter"],
        url=row["url"],
        created_ns=row["created_ns"],
        source=row["source"],
        labels=_TEXTS.decode(row["labels"]),
        metadata=_TEXTS.decode(row["metadata"]),
        alert=None if key is None else (row["project"], key, row["alert_window_ns"]),
        triage=triage,
    )


_SELECT: Final = """
SELECT t.project, t.ticket_id, t.revision, t.title, t.body, t.status, t.reporter, t.url,
       t.created_ns, t.source, t.labels, t.metadata, t.alert_key, t.alert_window_ns,
       a.document, a.feedback_offset, a.triaged_at
FROM tickets AS t
LEFT JOIN ticket_triages AS a ON a.project = t.project AND a.ticket_id = t.ticket_id
"""
SELECT_TICKET: Final = _SELECT + "WHERE t.project = $1 AND t.ticket_id = $2"


async def select_ticket(database: Database, project: str, ticket_id: str) -> TicketRow | None:
    """Return a ticket, None when there is none."""
    row = await database.fetchrow(SELECT_TICKET, project, ticket_id)
    return _from_row(row) if row else None


SELECT_TICKETS_AT: Final = (
    _SELECT
    + """
JOIN unnest($1::text[], $2::text[]) AS asked (project, ticket_id)
ON t.project = asked.project AND t.ticket_id = asked.ticket_id
ORDER BY t.project, t.ticket_id
"""
)


async def select_tickets_at(database: Database, keys: Sequence[TicketKey]) -> list[TicketRow]:
    """Return those of these tickets that there are, in order of their keys."""
    projects, ticket_ids = [key[0] for key in keys], [key[1] for key in keys]
    return [_from_row(row) for row in await database.fetch(SELECT_TICKETS_AT, projects, ticket_ids)]


class TicketFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which tickets are wanted; None means all, `values` holds what each field must be."""

    project: str | None
    status: str | None
    needs_human: bool | None
    values: tuple[tuple[str, str], ...]
    after: tuple[int, str, str] | None


# Two statements: with a project, the planner may start from the project's rows.
_NEWEST: Final = """
WHERE t.revision <= $1 AND (t.revision < $1 OR (t.project, t.ticket_id) > ($2, $3))
  AND ($4::text IS NULL OR t.status = $4)
  AND ($5::boolean IS NULL OR ($5 AND a.needs_human) OR (NOT $5 AND a.needs_human IS NOT TRUE))
  AND NOT EXISTS (
      SELECT FROM unnest($6::text[], $7::text[]) AS wanted (field, value)
      WHERE NOT EXISTS (
          SELECT FROM triage_fields AS f
          WHERE f.project = t.project AND f.ticket_id = t.ticket_id
            AND f.field = wanted.field AND f.value = wanted.value))
"""
_NEWEST_FIRST: Final = "ORDER BY t.revision DESC, t.project, t.ticket_id LIMIT $8\n"
SELECT_TICKETS: Final = _SELECT + _NEWEST + _NEWEST_FIRST
SELECT_PROJECT_TICKETS: Final = _SELECT + _NEWEST + "AND t.project = $9\n" + _NEWEST_FIRST


async def select_tickets(database: Database, wanted: TicketFilter, limit: int) -> list[TicketRow]:
    """Return tickets, the newest revision first, then by project and id."""
    arguments = (
        *(wanted.after or _BEFORE_ALL),
        wanted.status,
        wanted.needs_human,
        [field for field, _ in wanted.values],
        [value for _, value in wanted.values],
        limit,
    )
    if wanted.project is None:
        rows = await database.fetch(SELECT_TICKETS, *arguments)
    else:
        rows = await database.fetch(SELECT_PROJECT_TICKETS, *arguments, wanted.project)
    return [_from_row(row) for row in rows]


# A field waits until a person has said what it is; who came first is first.
_QUEUE: Final = """
WHERE a.needs_human AND ($1::text IS NULL OR a.project = $1)
  AND (coalesce(t.created_ns, t.revision), t.project, t.ticket_id) > ($2, $3, $4)
  AND EXISTS (
      SELECT FROM triage_fields AS f
      WHERE f.project = a.project AND f.ticket_id = a.ticket_id AND f.needs_human
        AND NOT EXISTS (
            SELECT FROM feedback_events AS e JOIN triage_outcomes AS o ON o."offset" = e."offset"
            WHERE e.project = f.project AND e.ticket_id = f.ticket_id AND o.field = f.field))
ORDER BY coalesce(t.created_ns, t.revision), t.project, t.ticket_id LIMIT $5
"""
SELECT_QUEUE: Final = _SELECT + _QUEUE


async def select_queue(
    database: Database, project: str | None, after: tuple[int, str, str] | None, limit: int
) -> list[TicketRow]:
    """Return the tickets of which a person must say something, the oldest first."""
    place = after or (-(2**63), "", "")
    return [_from_row(row) for row in await database.fetch(SELECT_QUEUE, project, *place, limit)]


# The revision that was triaged may be older than the newest one for a moment.
SELECT_TRIAGED: Final = """
SELECT e.payload, a.document
FROM ticket_triages AS a
JOIN ticket_events AS e
ON e.project = a.project AND e.ticket_id = a.ticket_id AND e.content_hash = a.content_hash
WHERE a.project = $1 AND a.ticket_id = $2
LIMIT 1
"""


async def select_triaged(
    database: Database, project: str, ticket_id: str
) -> tuple[TicketEvent, Triage] | None:
    """Return a ticket as it was triaged, and its triage; None when it has none."""
    row = await database.fetchrow(SELECT_TRIAGED, project, ticket_id)
    if row is None:
        return None
    return read_ticket_payload(row["payload"]), _TRIAGES.decode(row["document"])


class AlertMember(msgspec.Struct, frozen=True):
    """A ticket of an alert group."""

    ticket_id: str
    title: str


class AlertRow(msgspec.Struct, frozen=True):
    """An alert group; `members` are its first ones, the leader first."""

    count: int
    members: tuple[AlertMember, ...]


SELECT_ALERT_GROUPS: Final = """
SELECT asked.project, asked.alert_key, asked.window_ns, found.amount, found.ids, found.titles
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS asked (project, alert_key, window_ns)
CROSS JOIN LATERAL (
    SELECT count(*) AS amount,
           (array_agg(t.ticket_id ORDER BY t.created_ns, t.ticket_id COLLATE "C"))[:$4] AS ids,
           (array_agg(t.title ORDER BY t.created_ns, t.ticket_id COLLATE "C"))[:$4] AS titles
    FROM tickets AS t
    WHERE t.project = asked.project AND t.alert_key = asked.alert_key
      AND t.alert_window_ns = asked.window_ns) AS found
"""


async def select_alert_groups(
    database: Database, keys: Sequence[AlertKey]
) -> dict[AlertKey, AlertRow]:
    """Return the alert groups with these keys."""
    projects, names, windows = zip(*keys, strict=True)
    rows = await database.fetch(
        SELECT_ALERT_GROUPS, list(projects), list(names), list(windows), MAX_MEMBERS
    )
    return {
        (row["project"], row["alert_key"], row["window_ns"]): AlertRow(
            row["amount"],
            tuple(map(AlertMember, row["ids"] or (), row["titles"] or ())),
        )
        for row in rows
    }


class AnswerRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said a field is, and what the model had said just before."""

    offset: int
    field: str
    actual: str
    predicted: str | None
    confidence: float
    is_confirmation: bool
    actor: str | None
    timestamp_ns: int


SELECT_ANSWERS: Final = """
SELECT asked.project, asked.ticket_id, e."offset", e.is_confirmation, e.actor, e.timestamp_ns,
       o.field, o.actual, o.predicted, o.confidence
FROM unnest($1::text[], $2::text[]) AS asked (project, ticket_id)
CROSS JOIN LATERAL (
    SELECT "offset", is_confirmation, actor, timestamp_ns FROM feedback_events AS f
    WHERE f.project = asked.project AND f.ticket_id = asked.ticket_id
    ORDER BY "offset" DESC LIMIT $3) AS e
JOIN triage_outcomes AS o ON o."offset" = e."offset"
ORDER BY e."offset" DESC, o.field
"""


async def select_answers(
    database: Database, keys: Sequence[TicketKey]
) -> dict[TicketKey, list[AnswerRow]]:
    """Return what people said of these tickets, the newest first."""
    projects, ticket_ids = [key[0] for key in keys], [key[1] for key in keys]
    found: dict[TicketKey, list[AnswerRow]] = {}
    for row in await database.fetch(SELECT_ANSWERS, projects, ticket_ids, MAX_ANSWERS):
        answer = AnswerRow(
            offset=row["offset"],
            field=row["field"],
            actual=row["actual"],
            predicted=row["predicted"],
            confidence=row["confidence"],
            is_confirmation=row["is_confirmation"],
            actor=row["actor"],
            timestamp_ns=row["timestamp_ns"],
        )
        found.setdefault((row["project"], row["ticket_id"]), []).append(answer)
    return found


SELECT_TRIAGED_SINCE: Final = """
SELECT project, ticket_id FROM ticket_triages
WHERE triaged_at >= $1::timestamptz - interval '5 seconds'
ORDER BY triaged_at DESC, project DESC, ticket_id DESC LIMIT $2
"""


async def select_triaged_since(database: Database, moment: datetime) -> list[TicketKey]:
    """Return the tickets triaged since shortly before a moment, oldest first.

    Shortly before: a transaction's time is that of its start, and it may have committed later. Of
    more than MAX_MISSED the last ones.
    """
    rows = await database.fetch(SELECT_TRIAGED_SINCE, moment, MAX_MISSED)
    return [(row["project"], row["ticket_id"]) for row in reversed(rows)]
