"""Records of the ticket topics for tests, and their way through the handlers."""

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Final
from uuid import UUID

import msgspec

from schemas.db.pool import Connection
from schemas.events import FeedbackEvent, JsonValue, TicketEvent
from schemas.records import SourceRecord
from schemas.topics import TICKETS_RAW, TRIAGE_FEEDBACK
from streams.agents.feedback import FeedbackHandler
from streams.agents.tickets import TicketsHandler
from streams.domain.tickets.prepared import (
    PreparedFeedback,
    PreparedTickets,
    prepare_feedback,
    prepare_tickets,
)
from streams.domain.triage.config import TriageConfig
from streams.domain.triage.model import TriageModel
from streams.offsets import OffsetSpan, PartitionRange, advance_offset, claim_partition
from tests.checksums import Checksum, table_checksums

WRITER: Final = UUID(int=1)
PROJECT: Final = "shop"
START_S: Final = 1_700_000_000
SUBJECTS: Final = ("login", "checkout", "search", "invoice", "mail", "printer", "network", "disk")
PROBLEMS: Final = ("crashes", "is slow", "shows an error", "should be faster", "loses data")
TEAMS: Final = ("web", "billing", "infra")
CATEGORIES: Final = ("bug", "feature", "question")

# What records say, whatever offsets they lie at.
SAID: Final = ("tickets", "ticket_triages", "triage_fields")
WRITTEN: Final = ("ticket_events", *SAID)
ALL_TABLES: Final = "TRUNCATE ticket_events, tickets, ticket_triages, triage_fields, stream_offsets"
SELECT_TRIAGED: Final = "SELECT ticket_id FROM ticket_triages ORDER BY ticket_id"
SELECT_FIELDS: Final = "SELECT DISTINCT ticket_id FROM triage_fields ORDER BY ticket_id"

Payload = dict[str, JsonValue]


def ticket_payload(ticket_id: str, title: str = "login crashes", **more: JsonValue) -> Payload:
    """Return a ticket in our own JSON."""
    return {"ticket_id": ticket_id, "project": PROJECT, "title": title, **more}


def alert_payload(ticket_id: str, *, at_s: int, key: str = "disk full") -> Payload:
    """Return an alert that is identical with others of its key."""
    return ticket_payload(ticket_id, "disk full", alert_key=key, created_at=START_S + at_s)


def tickets(count: int, *, seed: int = 1) -> list[Payload]:
    """Return tickets that are all different."""
    chooser = random.Random(seed)
    return [
        ticket_payload(
            f"T-{number}",
            f"{chooser.choice(SUBJECTS)} {chooser.choice(PROBLEMS)} on page {number}",
            body=f"since release {chooser.randrange(9)} the {chooser.choice(SUBJECTS)} fails",
            updated_at=START_S + number,
        )
        for number in range(count)
    ]


def feedback_event(number: int, *, seed: int = 1, **labels: str) -> FeedbackEvent:
    """Return what a person said of ticket number `number`; labels by chance if none are given."""
    chooser = random.Random(f"{seed} {number}")
    subject, problem = chooser.choice(SUBJECTS), chooser.choice(PROBLEMS)
    return FeedbackEvent(
        ticket=TicketEvent(
            ticket_id=f"T-{number}", project=PROJECT, title=f"{subject} {problem}, case {number}"
        ),
        labels=labels
        or {
            "category": CATEGORIES[PROBLEMS.index(problem) % 3],
            "team": TEAMS[SUBJECTS.index(subject) % 3],
        },
        actor="ann",
        timestamp_ns=START_S * 10**9 + number,
    )


def ticket_record(payload: Payload, offset: int = 0, partition: int = 0) -> SourceRecord:
    """Return the record of a payload."""
    return SourceRecord(
        topic=TICKETS_RAW.name,
        partition=partition,
        offset=offset,
        value=msgspec.json.encode(payload),
        key=PROJECT.encode(),
        timestamp_ms=START_S * 1_000,
    )


def feedback_record(event: FeedbackEvent, offset: int = 0) -> SourceRecord:
    """Return the record of a feedback event."""
    return SourceRecord(
        topic=TRIAGE_FEEDBACK.name,
        partition=0,
        offset=offset,
        value=msgspec.json.encode(event),
        timestamp_ms=START_S * 1_000,
    )


def prepare_payloads(
    payloads: Sequence[Payload], *, first_offset: int = 0, partition: int = 0
) -> list[PreparedTickets]:
    """Return the payloads as records at consecutive offsets, prepared."""
    return [
        prepare_tickets(ticket_record(payload, first_offset + place, partition))
        for place, payload in enumerate(payloads)
    ]


def prepare_events(
    events: Sequence[FeedbackEvent], *, first_offset: int = 0
) -> list[PreparedFeedback]:
    """Return the events as records at consecutive offsets, prepared."""
    return [
        prepare_feedback(feedback_record(event, first_offset + place))
        for place, event in enumerate(events)
    ]


def cuts(count: int, sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Return [start, end) of batches of these sizes, over and over; one of all for no sizes."""
    edges = [0]
    while edges[-1] < count:
        size = sizes[(len(edges) - 1) % len(sizes)] if sizes else count
        edges.append(min(count, edges[-1] + size))
    return list(pairwise(edges))


class Streams:
    """The handlers of one worker, and transactions as its agents make them."""

    def __init__(self, connection: Connection, config: TriageConfig | None = None) -> None:
        self.connection = connection
        self.tickets = TicketsHandler(config or TriageConfig())
        self.feedback = FeedbackHandler(config or TriageConfig())

    async def append_tickets(self, prepared: Sequence[PreparedTickets], *sizes: int) -> None:
        """Append in batches of these sizes."""
        for start, end in cuts(len(prepared), sizes):
            batch = prepared[start:end]
            async with self.connection.transaction():
                span = await self._claim(batch)
                await self.tickets.append(self.connection, span, batch)
                await self._advance(span)

    async def append_feedback(self, prepared: Sequence[PreparedFeedback], *sizes: int) -> None:
        """Append in batches of these sizes."""
        for start, end in cuts(len(prepared), sizes):
            batch = prepared[start:end]
            async with self.connection.transaction():
                span = await self._claim(batch)
                await self.feedback.append(self.connection, span, batch)
                await self._advance(span)

    async def send(self, *payloads: Payload, offset: int, partition: int = 0) -> None:
        """Append tickets in one batch."""
        await self.append_tickets(
            prepare_payloads(payloads, first_offset=offset, partition=partition)
        )

    async def replace_tickets(self, prepared: Sequence[PreparedTickets], end: int) -> bool:
        """Write all of block 0 of partition 0 anew."""
        span = OffsetSpan(topic=TICKETS_RAW.name, partition=0, first=0, end=end)
        async with self.connection.transaction():
            return await self.tickets.replace(self.connection, span, prepared)

    async def _claim(self, batch: Sequence[PreparedTickets | PreparedFeedback]) -> OffsetSpan:
        record = batch[0].record
        held = PartitionRange(
            topic=record.topic, partition=record.partition, beginning=0, end=2**40
        )
        await claim_partition(self.connection, held, WRITER)
        return OffsetSpan(
            topic=record.topic,
            partition=record.partition,
            first=record.offset,
            end=batch[-1].record.offset + 1,
        )

    async def _advance(self, span: OffsetSpan) -> None:
        await advance_offset(self.connection, span, max_event_ns=0, writer=WRITER)


def fold(events: Sequence[FeedbackEvent], config: TriageConfig | None = None) -> TriageModel:
    """Return the model that has learned these events."""
    model = TriageModel(config)
    for event in events:
        model.learn(event)
    return model


async def sums(connection: Connection, tables: Sequence[str] = SAID) -> dict[str, Checksum]:
    found = await table_checksums(connection)
    return {table: found[table] for table in tables}


async def stored(connection: Connection, payloads: Sequence[Payload]) -> dict[str, Checksum]:
    """Return what is stored of payloads that come in one batch, and forget it."""
    await Streams(connection).send(*payloads, offset=0)
    found = await sums(connection)
    await connection.execute(ALL_TABLES)
    return found


async def triaged(connection: Connection) -> list[str]:
    """Return the tickets with a triage; the fields must be of the same."""
    found = [row["ticket_id"] for row in await connection.fetch(SELECT_TRIAGED)]
    assert [row["ticket_id"] for row in await connection.fetch(SELECT_FIELDS)] == found
    return found
