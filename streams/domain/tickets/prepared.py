"""Records of the ticket topics -> ticket revisions and feedback, in their stored form."""

from hashlib import blake2b
from typing import Final

import msgspec

from schemas.errors import MalformedEventError
from schemas.events import FeedbackEvent, TicketEvent
from schemas.records import Rejection, SourceRecord
from streams.domain.prepared import Prepared
from streams.domain.tickets.decoding import TOMBSTONE, check_name, decode_ticket

HASH_BYTES: Final = 16
BAD_FEEDBACK: Final = "bad_feedback"
MAX_LABELS: Final = 64
_LARGEST_NS: Final = 2**63 - 1
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
        _check_feedback(feedback)
    except MalformedEventError as exc:
        return PreparedFeedback(record=record, rejection=Rejection(exc.reason, exc.detail))
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        return PreparedFeedback(record=record, rejection=Rejection(BAD_FEEDBACK, str(exc)))
    return PreparedFeedback(record=record, feedback=feedback, payload=_CANONICAL.encode(feedback))


def _check_feedback(feedback: FeedbackEvent) -> None:
    """Raise unless the feedback can be stored and says something.

    Raises:
        MalformedEventError: it names no field, or a name or a time can't be stored.
    """
    if not 0 < len(feedback.labels) <= MAX_LABELS:
        raise MalformedEventError(BAD_FEEDBACK, f"{len(feedback.labels)} fields are named")
    names = [
        ("ticket_id", feedback.ticket.ticket_id),
        ("project", feedback.ticket.project),
        *(("field", field) for field in feedback.labels),
        *(("label", label) for label in feedback.labels.values()),
    ]
    if feedback.actor is not None:
        names.append(("actor", feedback.actor))
    for what, name in names:
        check_name(what, name)
    for time_ns in (feedback.timestamp_ns, feedback.ticket.revision, feedback.ticket.created_ns):
        if not 0 <= (time_ns or 0) <= _LARGEST_NS:
            raise MalformedEventError(BAD_FEEDBACK, f"{time_ns} is no time")


def read_ticket_payload(payload: bytes) -> TicketEvent:
    """Return the event that `make_revision` stored."""
    return msgspec.json.decode(payload, type=TicketEvent)


def read_feedback_payload(payload: bytes) -> FeedbackEvent:
    """Return the event that `prepare_feedback` stored."""
    return _FEEDBACK.decode(payload)
