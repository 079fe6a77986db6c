"""Records of the tickets topic into events: any bytes are answered, nothing is raised."""

from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import structs

from schemas.errors import MalformedEventError
from schemas.events import TicketEvent
from schemas.ids import RecordId, encode_record_id
from schemas.records import Rejection, SourceRecord
from streams.domain.commits.lenient_json import decode_json
from streams.domain.tickets.alertmanager import is_alertmanager, read_alertmanager
from streams.domain.tickets.members import LATEST_NS, Payload
from streams.domain.tickets.own_json import read_own
from streams.domain.tickets.trackers import TRACKERS, Context, Reader

MAX_VALUE_BYTES: Final = 8 * 1024 * 1024
TOMBSTONE: Final = "tombstone"
NOT_A_TICKET_EVENT: Final = "not_a_ticket_event"
DEFAULT_PROJECT: Final = "default"
_MAX_NAME_CHARS: Final = 200
# Four names make a key of an index, which may have 2,704 bytes.
_MAX_NAME_BYTES: Final = 600
_MS_NS: Final = 1_000_000
# Deliveries that trackers send besides tickets: a test of the hook, or another kind of thing.
_OTHER_DELIVERIES: Final = ("zen", "hook_id", "object_kind", "pull_request", "webhookEvent")


class DecodedTickets(msgspec.Struct, frozen=True, kw_only=True):
    """What a record became: tickets, or a reason why it was dropped, or a rejection."""

    events: tuple[TicketEvent, ...] = ()
    dropped: str | None = None
    rejection: Rejection | None = None


def decode_ticket(record: SourceRecord) -> DecodedTickets:
    """Return what the record says; a function of the record alone.

    The project is the one the payload names, else the record's key. A payload without an id gets
    the record's own coordinates.
    """
    if record.value is None:
        return DecodedTickets(dropped=TOMBSTONE)
    try:
        payload = _payload(record.value)
        reader = _reader_of(payload)
        if reader is None:
            return DecodedTickets(dropped=NOT_A_TICKET_EVENT)
        events = tuple(_checked(event) for event in reader(payload, _context(record)))
    except MalformedEventError as exc:
        return DecodedTickets(rejection=Rejection(exc.reason, exc.detail))
    return DecodedTickets(events=events) if events else DecodedTickets(dropped=NOT_A_TICKET_EVENT)


def _payload(value: bytes) -> Payload:
    if len(value) > MAX_VALUE_BYTES:
        raise MalformedEventError("too_large", f"{len(value)} bytes")
    try:
        payload = decode_json(value)
    except ValueError as exc:
        raise MalformedEventError("not_json", str(exc)) from exc
    if not isinstance(payload, dict):
        raise MalformedEventError("not_an_object", "the value is JSON, but no object")
    return payload


def _reader_of(payload: Payload) -> Reader | None:
    if is_alertmanager(payload):
        return read_alertmanager
    for is_shape, reader in TRACKERS:
        if is_shape(payload):
            return reader
    is_other = any(name in payload for name in _OTHER_DELIVERIES)
    return None if is_other else read_own


def _context(record: SourceRecord) -> Context:
    key = (record.key or b"").decode(errors="replace").replace("\0", "").strip()
    coordinates = RecordId(record.topic, record.partition, record.offset)
    return Context(
        project=key or DEFAULT_PROJECT,
        ticket_id=encode_record_id(coordinates),
        revision=min(max(0, record.timestamp_ms) * _MS_NS, LATEST_NS),
    )


def _checked(event: TicketEvent) -> TicketEvent:
    """Return the event with names that can be stored.

    Raises:
        MalformedEventError: a name is too long, or there is nothing to triage.
    """
    if not event.title and not event.body:
        raise MalformedEventError("not_a_ticket", f"a {event.source} payload without any text")
    check_name("ticket_id", event.ticket_id)
    check_name("project", event.project)
    if event.alert_key is not None and len(event.alert_key.encode()) > _MAX_NAME_BYTES:
        digest = blake2b(event.alert_key.encode(), digest_size=16).hexdigest()
        return structs.replace(event, alert_key=digest)
    return event


def check_name(what: str, name: str) -> None:
    """Raise unless the name can be stored and found by an index.

    Raises:
        MalformedEventError: it is empty, too long or holds a NUL.
    """
    if not name or len(name) > _MAX_NAME_CHARS or len(name.encode()) > _MAX_NAME_BYTES:
        raise MalformedEventError("bad_name", f"`{what}` is empty or too long")
    if "\0" in name:
        raise MalformedEventError("bad_name", f"`{what}` holds a NUL")
