"""Records of the ticket topics -> ticket revisions and feedback, in their stored form."""

from hashlib import blake2b
from typing import Final

import msgspec

from schemas.events import FeedbackEvent, TicketEvent
from schemas.records import Rejection, SourceRecord
from streams.domain.prepared import Prepared
from streams.domain.tickets.decoding import TOMBSTONE, decode_ticket

HASH_BYTES: Final = 16
_CANONICAL: Final = msgspec.json.Encoder(order="sorted")
_FEEDBACK: Final = msgspec.json.Decoder(FeedbackEvent)


class TicketRevision(msgspec.Struct, frozen=True):
    """A ticket event with its stored form; equal events have equal hashes."""

    ticket: TicketEvent
    payload: bytes
    content_hash: bytes


class PreparedTickets(Prepared, frozen=True, kw_only=True):
    """What became of one record of the tickets topic."""

    revisions: tuple[TicketRevision, ...] = ()


class PreparedFeedback(Prepared, frozen=True, kw_only=True):
    """What became of one record of the feedback topic."""

    feedback: FeedbackEvent | None = None
    payload: bytes = b""


def prepare_tickets(record: SourceRecord) -> PreparedTickets:
    """Return the revisions of the record, or why there are none; never raises for any bytes."""
    decoded = decode_ticket(record)
    return PreparedTickets(
        record=record,
        dropped=decoded.dropped,
        rejection=decoded.rejection,
        revisions=tuple(make_revision(event) for event in decoded.events),
    )


def make_revision(ticket: TicketEvent) -> TicketRevision:
    """Return the event in its stored form."""
    payload = _CANONICAL.encode(ticket)
    return TicketRevision(ticket, payload, blake2b(payload, digest_size=HASH_BYTES).digest())


def prepare_feedback(record: SourceRecord) -> PreparedFeedback:
    """Return the feedback of the record, or why there is none; never raises for any bytes."""
    if record.value is None:
        return PreparedFeedback(record=record, dropped=TOMBSTONE)
    try:
        feedback = _FEEDBACK.decode(record.value)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        return PreparedFeedback(record=record, rejection=Rejection("bad_feedback", str(exc)))
    return PreparedFeedback(record=record, feedback=feedback, payload=_CANONICAL.encode(feedback))


def read_ticket_payload(payload: bytes) -> TicketEvent:
    """Return the event that `make_revision` stored."""
    return msgspec.json.decode(payload, type=TicketEvent)


def read_feedback_payload(payload: bytes) -> FeedbackEvent:
    """Return the event that `prepare_feedback` stored."""
    return _FEEDBACK.decode(payload)
