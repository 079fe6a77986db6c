"""The ticket streams on a real database: `python -m bench.tickets [EVENTS]`.

tickets    tickets a core-second through the handler, four fields, beside prediction alone
feedback   feedback events a core-second through the handler, beside learning alone
catch-up   CPU seconds of a worker that starts with EVENTS (10,000), without and with a snapshot

The server is AIOPS_TEST_POSTGRES, else an embedded one. Counted is the CPU time of this process:
the machine may have other work, and the server's work is not in it.
"""

import asyncio
import random
import secrets
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

import asyncpg

from schemas.db.migrate import migrate
from schemas.db.pool import Connection
from schemas.events import FeedbackEvent, TicketEvent
from streams.domain.triage.config import FieldConfig, ProjectConfig, TriageConfig
from streams.domain.triage.model import TriageModel
from streams.triage_keeper import TriageKeeper
from tests.conftest import execute, with_database
from tests.servers import postgres_address
from tests.ticket_records import (
    PROJECT,
    Payload,
    Streams,
    prepare_events,
    prepare_payloads,
    ticket_payload,
)

FIELDS: Final = {"category": 3, "priority": 4, "team": 8, "product": 20}
CONFIG: Final = TriageConfig(default=ProjectConfig(fields={name: FieldConfig() for name in FIELDS}))
EVENTS: Final = 10_000
TICKETS: Final = 1_000
FIRST_TICKET: Final = 1_000_000
BATCH: Final = 100
TITLE_WORDS: Final = 9
BODY_WORDS: Final = 60
CHOOSER: Final = random.Random(11)
WORDS: Final = [
    "".join(CHOOSER.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(CHOOSER.randrange(3, 10)))
    for _ in range(20_000)
]


def words(chooser: random.Random, count: int, theme: int) -> str:
    """Return words as texts have them: a few often, most seldom, some about the theme."""
    picked = [WORDS[int(20_000 * chooser.random() ** 3)] for _ in range(count)]
    picked[:: count // 4] = [f"{WORDS[theme * 7]}{chooser.randrange(3)}"] * len(
        picked[:: count // 4]
    )
    return " ".join(picked)


def feedback(number: int) -> FeedbackEvent:
    """Return what a person said of a ticket of about 70 words: all four fields."""
    chooser = random.Random(number)
    theme = chooser.randrange(400)
    return FeedbackEvent(
        ticket=TicketEvent(
            ticket_id=f"T-{number}",
            project=PROJECT,
            title=words(chooser, TITLE_WORDS, theme),
            body=words(chooser, BODY_WORDS, theme),
        ),
        labels={name: f"{name} {theme % count}" for name, count in FIELDS.items()},
    )


def payload(number: int) -> Payload:
    """Return a new ticket of the same kind."""
    ticket = feedback(FIRST_TICKET + number).ticket
    return ticket_payload(ticket.ticket_id, ticket.title, body=ticket.body)


def report(name: str, count: int, seconds: float) -> None:
    """Print one figure."""
    print(
        f"{name:44} {count / seconds:8.0f} /core-s  {1_000 * seconds / count:7.3f} ms", flush=True
    )


def learn_all(events: Sequence[FeedbackEvent]) -> TriageModel:
    """Learn alone, without a database."""
    model, started = TriageModel(CONFIG), time.process_time()
    for event in events:
        model.learn(event)
    report("learning alone", len(events), time.process_time() - started)
    return model


def predict_all(model: TriageModel, payloads: Sequence[Payload]) -> None:
    """Predict alone, without a database."""
    tickets = [one.revisions[0].ticket for one in prepare_payloads(payloads)]
    started = time.process_time()
    for ticket in tickets:
        model.predict(ticket)
    report("prediction alone", len(tickets), time.process_time() - started)


async def append_all(connection: Connection, events: Sequence[FeedbackEvent]) -> None:
    """Feedback, then tickets, through the handlers."""
    streams = Streams(connection, CONFIG)
    prepared = prepare_events(events)
    started = time.process_time()
    await streams.append_feedback(prepared, BATCH)
    report("feedback through its handler", len(events), time.process_time() - started)
    payloads = [payload(number) for number in range(TICKETS)]
    await streams.send(payloads[0], offset=0)
    started = time.process_time()
    await streams.append_tickets(prepare_payloads(payloads, first_offset=1), BATCH)
    report("tickets through their handler", TICKETS, time.process_time() - started)
    started = time.process_time()
    await streams.replace_tickets(prepare_payloads(payloads, first_offset=1), TICKETS + 1)
    report("tickets replayed, nothing changed", TICKETS, time.process_time() - started)


async def catch_up(connection: Connection, name: str) -> None:
    """A worker starts."""
    started = time.process_time()
    await TriageKeeper(CONFIG).catch_up(connection)
    print(f"{name:44} {time.process_time() - started:8.2f} s", flush=True)


async def measure(dsn: str, count: int) -> None:
    """Print all figures."""
    events = [feedback(number) for number in range(count)]
    predict_all(learn_all(events), [payload(number) for number in range(TICKETS)])
    connection = await asyncpg.connect(dsn)
    await append_all(connection, events)
    size = await connection.fetchval("SELECT max(length(payload)) FROM triage_snapshots")
    print(f"{'a snapshot':44} {size / 1e6:8.1f} MB", flush=True)
    await catch_up(connection, f"catch-up with {count:,} events, from a snapshot")
    await connection.execute("DELETE FROM triage_snapshots")
    await catch_up(connection, f"catch-up with {count:,} events, from the start")
    await connection.close()


def main() -> None:
    """Measure on a database of its own."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    with ExitStack() as resources:
        server, name = postgres_address(resources), f"bench_{secrets.token_hex(4)}"
        asyncio.run(execute(server, f'CREATE DATABASE "{name}"'))
        try:
            asyncio.run(migrate(with_database(server, name)))
            asyncio.run(measure(with_database(server, name), count))
        finally:
            asyncio.run(execute(server, f'DROP DATABASE "{name}" WITH (FORCE)'))


if __name__ == "__main__":
    main()
