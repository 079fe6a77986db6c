"""One Kafka record into its events, a reason to drop it, or a reason to reject it."""

from typing import Final

import msgspec

from schemas.errors import MalformedEventError
from schemas.events import LogEvent
from schemas.records import Headers, Rejection, SourceRecord
from streams.domain.decode import messagepack, otlp_protobuf, payloads
from streams.domain.decode.batches import document_events, refuse_too_many
from streams.domain.decode.cleaning import clean
from streams.domain.decode.clock import MS_NS, Reference
from streams.domain.decode.envelopes import read_object_event, read_text_event
from streams.domain.decode.json_text import read_documents, read_object, read_string
from streams.domain.decode.otlp import record_event
from streams.domain.decode.plain_lines import read_plain_line
from streams.domain.decode.resources import name_of
from streams.domain.decode.splitting import split_events
from streams.domain.decode.traces import parse_traceparent

TOMBSTONE: Final = "tombstone"
EMPTY: Final = "empty"
NO_EVENTS: Final = "no_events"
MAX_TIMESTAMP_MS: Final = 9_223_200_000_000
"""The last record timestamp that is believed (year 2262): a day later still fits 64 bits of ns."""


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """What a record became: events, or a reason why it was dropped, or a rejection."""

    events: tuple[LogEvent, ...] = ()
    dropped: str | None = None
    rejection: Rejection | None = None


def decode_record(record: SourceRecord, *, fallback_ms: int) -> Decoded:
    """Return what the record says; a function of the record, and of the clock if it has no time.

    Any bytes are answered: this raises nothing.
    """
    plain = read_plain_record(record, fallback_ms=fallback_ms)
    if plain is not None:
        return Decoded((plain,))
    return decode_by_formats(record, fallback_ms=fallback_ms)


def read_plain_record(record: SourceRecord, *, fallback_ms: int) -> LogEvent | None:
    """Return the one event of a record where the fast path knows it."""
    if record.headers or record.value is None:
        return None
    return read_plain_line(record.value, record_time_ms(record, fallback_ms) * MS_NS)


def decode_by_formats(record: SourceRecord, *, fallback_ms: int) -> Decoded:
    """Return what `decode_record` does, for a record that the fast path knows nothing of."""
    value = record.value
    if value is None:
        return Decoded(dropped=TOMBSTONE)
    timestamp_ms = record_time_ms(record, fallback_ms)
    try:
        if len(value) > payloads.MAX_VALUE_BYTES:
            raise MalformedEventError("too_large", f"{len(value)} bytes")  # noqa: TRY301 (one exit)
        return _decode_value(value, _reference_of(timestamp_ms, record.headers))
    except MalformedEventError as exc:
        return Decoded(rejection=Rejection(exc.reason, exc.detail))


def record_time_ms(record: SourceRecord, fallback_ms: int) -> int:
    """Return Kafka's time of the record; the fallback where there is none that can be believed."""
    has_time = 0 < record.timestamp_ms <= MAX_TIMESTAMP_MS
    return record.timestamp_ms if has_time else fallback_ms


def _reference_of(timestamp_ms: int, headers: Headers) -> Reference:
    if not headers:
        return Reference(ns=timestamp_ms * MS_NS)
    texts = {name: (value or b"").decode(errors="replace") for name, value in headers}
    trace_id, span_id = parse_traceparent(texts.get("traceparent"))
    return Reference(
        ns=timestamp_ms * MS_NS,
        service=name_of(texts.get("service.name")) or name_of(texts.get("service")),
        host=name_of(texts.get("host.name")) or name_of(texts.get("host")),
        trace_id=trace_id,
        span_id=span_id,
    )


def _decode_value(value: bytes, reference: Reference) -> Decoded:
    clean_text = payloads.decode_clean(value)
    if clean_text is not None:
        return _decode_text(clean_text, reference)
    if value.startswith(payloads.GZIP_MAGIC):
        value = payloads.gunzip(value)
    if not b" " <= value[:1] < b"\x80":
        decoded = _decode_encoded(value, reference)
        if decoded is not None:
            return decoded
    text = payloads.decode_text(value)
    content = text.content.lstrip()
    if not content:
        return Decoded(dropped=EMPTY)
    if text.foreign_count:
        payloads.refuse_binary(text, value)
        content = content.replace("\0", "")
    return _decode_text(content, reference)


def _decode_encoded(value: bytes, reference: Reference) -> Decoded | None:
    """A value in one of the binary encodings, None when it is text."""
    first = value[:1]
    if first == b"\n":
        records = otlp_protobuf.read_protobuf(value)
        if records is not None:
            return _decoded([record_event(record, reference) for record in records])
    elif first == b"\0":
        unframed = payloads.unframe(value)
        if unframed is not value:
            return _decode_framed(unframed, reference)
    elif first and messagepack.is_map(value):
        members = messagepack.read_map(value)
        if members is not None:
            return _decoded([read_object_event(members, None, reference)])
    return None


def _decode_framed(payload: bytes, reference: Reference) -> Decoded:
    """JSON behind a schema id; anything else needs the schema."""
    text = payload.decode(errors="replace")
    documents = read_documents(text)
    if documents is None:
        raise MalformedEventError("schema_registry", "the payload is not JSON")
    return _decode_text(text, reference)


def _decode_text(content: str, reference: Reference) -> Decoded:
    while content[:1] == '"':
        unquoted = read_string(content)
        if unquoted is None:
            break
        content = unquoted.lstrip()
    if content[:1] in ("{", "["):
        documents = read_documents(content)
        if documents is not None:
            events: list[LogEvent] = []
            for document in documents:
                events += document_events(document, reference)
            return _decoded(events)
    return _decode_lines(content, reference)


def _decode_lines(content: str, reference: Reference) -> Decoded:
    cleaned = clean(content)
    if not cleaned:
        return Decoded(dropped=EMPTY)
    parts = split_events(cleaned)
    if len(parts) == 1 and len(cleaned) == len(content.strip()):
        # Nothing was removed: what was no JSON as a whole is none now.
        return _decoded([read_text_event(cleaned, reference)])
    return _decoded([_part_event(part, reference) for part in parts])


def _part_event(part: str, reference: Reference) -> LogEvent:
    if part[0] == "{":
        members = read_object(part)
        if members is not None:
            return read_object_event(members, part, reference)
    return read_text_event(part, reference)


def _decoded(events: list[LogEvent]) -> Decoded:
    if not events:
        return Decoded(dropped=NO_EVENTS)
    refuse_too_many(len(events))
    return Decoded(tuple(events))
