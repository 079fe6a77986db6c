import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import FeedbackEvent, TicketEvent
from schemas.records import SourceRecord
from streams.domain.tickets.prepared import (
    make_revision,
    prepare_feedback,
    prepare_tickets,
    read_feedback_payload,
    read_ticket_payload,
)
from tests.ticket_records import Payload, feedback_event, feedback_record, ticket_record

TEXTS = st.text(max_size=30)
TICKETS = st.builds(
    TicketEvent,
    ticket_id=TEXTS,
    project=TEXTS,
    title=TEXTS,
    body=TEXTS,
    labels=st.dictionaries(TEXTS, TEXTS, max_size=4),
    metadata=st.dictionaries(TEXTS, TEXTS, max_size=4),
    revision=st.integers(0, 2**62),
)
MINIMUM: dict[str, Any] = {
    "ticket": {"ticket_id": "T-1", "project": "shop", "title": "login crashes"},
    "labels": {"team": "web"},
}


def record_of(value: bytes | None) -> SourceRecord:
    return SourceRecord(topic="t", partition=0, offset=0, value=value, timestamp_ms=0)


def changed(**members: Any) -> bytes:
    return msgspec.json.encode(MINIMUM | members)


def with_ticket(**members: Any) -> bytes:
    return changed(ticket=MINIMUM["ticket"] | members)


@given(TICKETS)
def test_a_stored_revision_is_read_as_it_was(ticket: TicketEvent) -> None:
    assert read_ticket_payload(make_revision(ticket).payload) == ticket


@given(TICKETS)
def test_the_order_of_members_makes_no_other_revision(ticket: TicketEvent) -> None:
    turned = msgspec.structs.replace(
        ticket,
        labels=dict(reversed(ticket.labels.items())),
        metadata=dict(reversed(ticket.metadata.items())),
    )

    assert make_revision(turned).content_hash == make_revision(ticket).content_hash


@given(st.binary(max_size=200))
def test_any_bytes_are_tickets_or_dropped_or_rejected(value: bytes) -> None:
    prepared = prepare_tickets(record_of(value))

    assert bool(prepared.revisions) + prepared.is_rejected + bool(prepared.dropped) == 1


@given(st.binary(max_size=200) | st.builds(changed, labels=st.dictionaries(TEXTS, TEXTS)))
def test_any_bytes_are_feedback_or_rejected(value: bytes) -> None:
    prepared = prepare_feedback(record_of(value))

    assert (prepared.feedback is not None) + prepared.is_rejected == 1


def test_feedback_is_stored_as_it_was_said() -> None:
    event = feedback_event(1)
    prepared = prepare_feedback(feedback_record(event))

    assert prepared.feedback == event
    assert read_feedback_payload(prepared.payload) == event
    assert not prepared.is_rejected


def test_the_least_feedback_is_a_ticket_and_a_label() -> None:
    prepared = prepare_feedback(record_of(changed()))

    assert prepared.feedback == FeedbackEvent(
        ticket=TicketEvent(**MINIMUM["ticket"]), labels={"team": "web"}
    )


def test_a_tombstone_is_dropped() -> None:
    assert prepare_feedback(record_of(None)).dropped == "tombstone"
    assert prepare_tickets(record_of(None)).dropped == "tombstone"


@pytest.mark.parametrize(
    ("value", "reason", "said"),
    [
        (b"", "bad_feedback", "truncated"),
        (b"\xff", "bad_feedback", "malformed"),
        (b"[" * 100_000, "bad_feedback", ""),
        (b"[]", "bad_feedback", "Expected `object`"),
        (changed(ticket=7), "bad_feedback", r"\$.ticket"),
        (changed(labels=["web"]), "bad_feedback", r"\$.labels"),
        (changed(labels={"team": 7}), "bad_feedback", r"\$.labels"),
        (changed(labels={}), "bad_feedback", "0 fields"),
        (changed(labels={str(number): "a" for number in range(65)}), "bad_feedback", "65 fields"),
        (changed(labels={"": "a"}), "bad_name", "`field`"),
        (changed(labels={"team": ""}), "bad_name", "`label`"),
        (changed(labels={"te\0am": "a"}), "bad_name", "`field`"),
        (changed(labels={"team": "a\0"}), "bad_name", "`label`"),
        (changed(labels={"team": "a" * 201}), "bad_name", "`label`"),
        (changed(labels={"team": "😀" * 200}), "bad_name", "`label`"),
        (changed(actor="a\0"), "bad_name", "`actor`"),
        (with_ticket(ticket_id=""), "bad_name", "`ticket_id`"),
        (with_ticket(project="a\0"), "bad_name", "`project`"),
        (with_ticket(title=None), "bad_feedback", "title"),
        (changed(timestamp_ns=2**63), "bad_feedback", "no time"),
        (changed(timestamp_ns=-1), "bad_feedback", "no time"),
        (with_ticket(revision=10**30), "bad_feedback", "no time"),
        (with_ticket(created_ns=2**63), "bad_feedback", "no time"),
        (changed(labels={"team": "@"}).replace(b"@", b"\\ud800"), "bad_feedback", ""),
        (changed(labels={"team": "@"}).replace(b"@", b"\xff"), "bad_feedback", ""),
    ],
)
def test_what_is_no_feedback_is_rejected_with_its_reason(
    value: bytes, reason: str, said: str
) -> None:
    prepared = prepare_feedback(record_of(value))

    assert prepared.rejection is not None
    assert prepared.rejection.reason == reason
    assert prepared.feedback is None
    assert re.search(said, prepared.rejection.detail)


def test_a_ticket_with_a_name_that_no_index_holds_is_rejected() -> None:
    payload: Payload = {"title": "a", "ticket_id": "T", "project": "x" * 201}
    prepared = prepare_tickets(ticket_record(payload))

    assert prepared.rejection is not None
    assert prepared.rejection.reason == "bad_name"


def test_long_keys_of_alerts_are_told_apart_by_their_digest() -> None:
    keys = [
        prepare_tickets(ticket_record({"title": "a", "alert_key": "k" * 5_000 + end})).revisions[0]
        for end in ("1", "1", "2")
    ]
    first, second, third = (one.ticket.alert_key for one in keys)

    assert first is not None
    assert len(first) < 100
    assert first == second != third


def test_a_clock_far_ahead_gives_a_revision_that_can_be_stored() -> None:
    record = msgspec.structs.replace(ticket_record({"title": "a"}), timestamp_ms=2**62)

    assert prepare_tickets(record).revisions[0].ticket.revision < 2**63
