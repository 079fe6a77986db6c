"""Tickets and feedback through a real worker, killed at will: each counts once, none is lost."""

import asyncio
import random
import time

import msgspec
import pytest

from aiops.local.kafka import Kafka
from schemas.events import FeedbackEvent, TicketEvent
from schemas.topics import TICKETS_RAW, TRIAGE_FEEDBACK
from tests.faults.ticket_stream import TicketStream
from tests.ledger import read_topic, wait_until
from tests.refold import refold_elsewhere
from tests.ticket_records import (
    PROJECT,
    Payload,
    feedback_event,
    fold,
    ticket_payload,
    tickets,
)
from tests.workers import running_worker

pytestmark = [pytest.mark.integration, pytest.mark.fault, pytest.mark.timeout(300)]

TICKETS = 400
EVENTS = 200
KILLS = 3
EFFECT_TIMEOUT_S = 30.0
GARBAGE = (b"no ticket", b"[1, 2]", b'{"title": ""}')
NO_FEEDBACK = (b"no feedback", b'{"ticket": 7}', b"\xff\xfe")
SELECT_TRIAGES = "SELECT * FROM ticket_triages ORDER BY project, ticket_id"
SELECT_FIELDS = "SELECT * FROM triage_fields ORDER BY project, ticket_id, field"
SELECT_LETTERS = "SELECT reason FROM dead_letters WHERE topic = $1 ORDER BY reason"
SELECT_TEAM = "SELECT value FROM triage_fields WHERE ticket_id = $1 AND field = 'team'"


@pytest.fixture
def stream(own_kafka: Kafka, database: str) -> TicketStream:
    """The topics, empty, on a broker of their own: their names are fixed."""
    stream = TicketStream(bootstrap=own_kafka.bootstrap, dsn=database)
    stream.create_topics()
    return stream


def said(stream: TicketStream) -> list[FeedbackEvent]:
    """Return the feedback that lies on the topic, in its order."""
    values = read_topic(stream.bootstrap, TRIAGE_FEEDBACK.name, 1)
    ordered = [value for _, value in sorted(values.items())]
    return [
        msgspec.json.decode(value, type=FeedbackEvent)
        for value in ordered
        if value is not None and value not in NO_FEEDBACK
    ]


@pytest.mark.parametrize("seed", [20_260_314])
async def test_a_worker_killed_between_tickets_and_feedback_loses_and_repeats_nothing(
    stream: TicketStream, seed: int
) -> None:
    chooser = random.Random(seed)
    payloads: list[Payload | bytes] = [*tickets(TICKETS), *GARBAGE]
    events: list[FeedbackEvent | bytes] = [*map(feedback_event, range(EVENTS)), *NO_FEEDBACK]
    chooser.shuffle(payloads)
    chooser.shuffle(events)
    places = sorted(chooser.sample(range(1, TICKETS // 2), KILLS))
    with running_worker("interactive", settings=stream.settings()) as worker:
        sending = asyncio.to_thread(stream.send_interleaved, payloads, events, seed=seed)
        sent = asyncio.create_task(sending)
        for place in places:
            await wait_for_tickets(stream, place)
            worker.kill()
            worker.start()
        await sent
        await stream.wait_until_stored()
        worker.terminate()
        assert worker.wait() == 0

    found = refold_elsewhere(stream.dsn, seed % 100)
    assert found.triages == TICKETS
    assert found.different == []
    assert found.state_hash == fold(said(stream)).state_hash()
    assert await stream.fetch("SELECT count(*) FROM feedback_events") == [(EVENTS,)]
    assert await stream.fetch("SELECT count(*) FROM triage_outcomes") == [(2 * EVENTS,)]
    assert await stream.fetch(SELECT_LETTERS, TICKETS_RAW.name) == [
        ("not_a_ticket",),
        ("not_an_object",),
        ("not_json",),
    ]
    assert await stream.fetch(SELECT_LETTERS, TRIAGE_FEEDBACK.name) == [("bad_feedback",)] * 3


async def wait_for_tickets(stream: TicketStream, count: int) -> None:
    await wait_until(lambda stored: sum(stored.values()) >= count, stream.dsn, TICKETS_RAW.name)


async def test_a_replay_keeps_triages_and_makes_them_again_when_told_to(
    stream: TicketStream,
) -> None:
    with running_worker("interactive", settings=stream.settings()):
        stream.send_tickets(tickets(60))
        await stream.wait_until_stored()
        stream.send_feedback([feedback_event(number) for number in range(30)])
        await stream.wait_until_stored()
        before = await stored_triages(stream)

        plain = await stream.replay_tickets()
        after_plain = await stored_triages(stream)
        tried = await stream.replay_tickets("--retriage", "--dry-run")
        after_trial = await stored_triages(stream)
        retriaged = await stream.replay_tickets("--retriage")
        after = await stored_triages(stream)
        again = await stream.replay_tickets("--retriage")

    assert (plain.changed_blocks, plain.retriaged) == (0, None)
    assert after_plain == before
    assert after_trial == before
    changed = [old for old, new in zip(before[0], after[0], strict=True) if old != new]
    assert tried.retriaged == retriaged.retriaged == len(changed) > 0
    assert again.retriaged == 0
    assert refold_elsewhere(stream.dsn, 5).different == []


async def stored_triages(stream: TicketStream) -> tuple[list[tuple[object, ...]], ...]:
    """Return all there is of triages, the time of writing too."""
    return await stream.fetch(SELECT_TRIAGES), await stream.fetch(SELECT_FIELDS)


async def test_a_correction_is_in_effect_for_the_next_ticket(stream: TicketStream) -> None:
    """Also a second one, that corrects the first."""
    title = "the lunch menu is not printed"
    ticket = TicketEvent(ticket_id="T-0", project=PROJECT, title=title)
    with running_worker("interactive", settings=stream.settings()):
        for number, team in enumerate(("kitchen", "printing"), start=1):
            stream.send_feedback([FeedbackEvent(ticket=ticket, labels={"team": team})])
            await wait_until(
                lambda stored, end=number: stored.get(0) == end,  # type: ignore[misc]
                stream.dsn,
                TRIAGE_FEEDBACK.name,
            )
            stream.send_tickets([ticket_payload(f"T-{number}", title)])
            assert await team_of(stream, f"T-{number}") == team


async def team_of(stream: TicketStream, ticket_id: str) -> object:
    """Return the team given to a ticket, once there is one."""
    deadline = time.monotonic() + EFFECT_TIMEOUT_S
    while time.monotonic() < deadline:
        rows = await stream.fetch(SELECT_TEAM, ticket_id)
        if rows:
            return rows[0][0]
        await asyncio.sleep(0.05)
    pytest.fail(f"{ticket_id} has no triage after {EFFECT_TIMEOUT_S:g} s")
