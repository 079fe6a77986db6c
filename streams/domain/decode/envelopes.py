"""Envelopes: a body that is itself a record is opened, and the levels become one event."""

from typing import Final

from schemas.events import LogEvent
from streams.domain.decode.cleaning import cut_body
from streams.domain.decode.clock import Reference, choose_time
from streams.domain.decode.exceptions import set_exception
from streams.domain.decode.json_shapes import read_object_level
from streams.domain.decode.json_text import JsonObject, read_object
from streams.domain.decode.levels import MAX_UNWRAPPED, Attributes, Level, Ranked, Severity
from streams.domain.decode.resources import CONTAINER_HOST, PAYLOAD_HOST
from streams.domain.decode.tables import names
from streams.domain.decode.text_lines import read_line

_ENVELOPE_KEYS: Final = frozenset(
    names(
        "@timestamp @t timestamp time ts eventTime EventTime event_time datetime date message msg"
        " @m @mt log level severity log.level lvl levelname @l MESSAGE short_message event"
    )
)
_CLOUDTRAIL_KEYS: Final = frozenset(("eventVersion", "eventSource", "eventName", "eventTime"))
_UNCAUGHT: Final = Severity(17)


def read_text_event(text: str, reference: Reference) -> LogEvent:
    """Return the event of a cleaned text that is no JSON object."""
    level = read_line(text)
    return merge_levels(Level(body=text, is_sealed=True) if level is None else level, reference)


def read_object_event(members: JsonObject, text: str | None, reference: Reference) -> LogEvent:
    """Return the event of a JSON object."""
    return merge_levels(read_object_level(members, text), reference)


def merge_levels(outermost: Level, reference: Reference) -> LogEvent:
    """Open the body as far as it goes, and return the event that all levels together are."""
    levels = [outermost]
    while len(levels) <= MAX_UNWRAPPED:
        inner = _open(levels[-1])
        if inner is None:
            break
        levels.append(inner)
    if len(levels) == 1:
        return _event_of(outermost, levels, outermost.attributes, reference)
    attributes: Attributes = {}
    for level in levels:
        attributes |= level.attributes
    return _event_of(_flattened(levels), levels, attributes, reference)


def _open(level: Level) -> Level | None:
    if level.promoted is not None:
        return read_object_level(level.promoted, None)
    body = level.body
    if not body or level.is_sealed:
        return None
    if body[0] == "{" and body[-1] == "}":
        members = read_object(body)
        if members is not None:
            return read_object_level(members, body) if _is_envelope(members) else None
    inner = read_line(body)
    return None if inner is None or (inner.body == body and not inner.is_sealed) else inner


def _is_envelope(members: JsonObject) -> bool:
    return not _ENVELOPE_KEYS.isdisjoint(members) or members.keys() >= _CLOUDTRAIL_KEYS


def _flattened(levels: list[Level]) -> Level:
    """The fields of several levels in one: the innermost that has a field gives it."""
    trace_id = span_id = severity = weak = None
    for level in reversed(levels):
        trace_id = trace_id or level.trace_id
        span_id = span_id or level.span_id
        severity = severity or level.severity
        weak = weak or level.weak_severity
    return Level(
        body=next((level.body for level in reversed(levels) if level.body is not None), None),
        severity=severity,
        weak_severity=weak,
        service=_best([level.service for level in levels]),
        host=_best([_host_of(level, is_envelope=level is not levels[-1]) for level in levels]),
        trace_id=trace_id,
        span_id=span_id,
        is_exception=levels[-1].is_exception,
    )


def _host_of(level: Level, *, is_envelope: bool) -> Ranked | None:
    """Inside a container the hostname is the container: then the envelope's host is better."""
    host = level.host
    if is_envelope and level.has_container and host is not None and host[0] == PAYLOAD_HOST:
        return CONTAINER_HOST, host[1]
    return host


def _best(ranked: list[Ranked | None]) -> Ranked | None:
    """The name of the lowest rank; at equal rank the innermost."""
    found = [name for name in reversed(ranked) if name is not None]
    return min(found, key=lambda name: name[0], default=None)


def _event_of(
    fields: Level, levels: list[Level], attributes: Attributes, reference: Reference
) -> LogEvent:
    body, original_length = cut_body(fields.body or "")
    if "\n" in body and "exception.type" not in attributes:
        set_exception(attributes, fields.body or "")
    if original_length is not None:
        attributes["log.truncated"] = True
        attributes["log.original_length"] = original_length
    timestamp_ns, rejected = choose_time(levels, reference)
    if rejected is not None:
        attributes["time.rejected"] = rejected
    severity = fields.severity or fields.weak_severity
    if severity is None and fields.is_exception:
        severity = _UNCAUGHT
    trace_id, span_id = fields.trace_id, fields.span_id
    if trace_id is None and reference.trace_id is not None:
        trace_id, span_id = reference.trace_id, span_id or reference.span_id
    return LogEvent(
        timestamp_ns=timestamp_ns,
        body=body,
        severity_number=severity.number if severity else 0,
        severity_text=severity.text if severity else None,
        service=fields.service[1] if fields.service else reference.service,
        host=fields.host[1] if fields.host else reference.host,
        attributes=attributes,
        trace_id=trace_id,
        span_id=span_id,
    )
