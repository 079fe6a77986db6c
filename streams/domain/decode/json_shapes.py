"""One JSON object into a level: the general key tables, and the shapes with rules of their own."""

import re
from typing import Final, NamedTuple

import msgspec

from schemas.events import JsonValue
from streams.domain.decode import severities
from streams.domain.decode.attributes import (
    flatten,
    plain_values,
    set_canonical,
)
from streams.domain.decode.cleaning import MAX_BODY_BYTES, clean
from streams.domain.decode.exceptions import set_exception_of
from streams.domain.decode.json_text import JsonObject, compact_json
from streams.domain.decode.levels import Attributes, Level, Moment, Ranked, Severity
from streams.domain.decode.numbers import Number
from streams.domain.decode.resources import PAYLOAD_SERVICE, PRODUCT, first_named, path_parts
from streams.domain.decode.shapes import BODY_KEYS, PROMOTED_KEYS, Shape, shape_of
from streams.domain.decode.time_roles import APPLIED, COLLECTED, EMITTED, RUNTIME
from streams.domain.decode.traces import parse_span_id, parse_trace_id, parse_traceparent

_PLACEHOLDER: Final = re.compile(r"\{\{|\}\}|\{[@$]?([^{}:,\s]{1,200})(?:,[^{}:]*)?(?::[^{}]*)?\}")
# Elastic's own fields below `log`: an object of these describes the line and is not the body.
_ECS_LOG_FIELDS: Final = frozenset(
    ("level", "logger", "file", "offset", "origin", "syslog", "flags", "source", "iostream",
     "original")
)  # fmt: skip
_CLEF_DEFAULT: Final = Severity(severities.parse_word("info").number, None)
_CLOUDTRAIL_ERROR: Final = Severity(severities.parse_word("error").number, None)


def read_object_level(members: JsonObject, text: str | None) -> Level:
    """Return what a JSON object says; `text` is the object as it was written, if known."""
    flat, odd = flatten(members)
    shape = shape_of(flat)
    # The names of a flat object stay the same.
    is_flat = flat.keys() == members.keys()
    if not is_flat and any(type(members.get(key)) is dict for key in PROMOTED_KEYS):
        key = _promoted_key(members)
        promoted = None if key is None else members[key]
        if isinstance(promoted, dict):
            outer = {name: member for name, member in members.items() if name != key}
            flat, odd = flatten(outer)
            level = read_flat(flat, odd, shape_of(flat))
            body = level.body if level.body is not None else clean(compact_json(promoted))
            return msgspec.structs.replace(level, promoted=promoted, body=body)
    level = read_flat(flat, odd, shape)
    if level.body is not None:
        return level
    # The body is the object itself: there is nothing in it that was not read here.
    whole = compact_json(members) if text is None else text
    return msgspec.structs.replace(level, body=clean(whole), is_sealed=True)


def _promoted_key(members: JsonObject) -> str | None:
    """The key of an object that stands where the body is looked for first, else None."""
    for key in BODY_KEYS:
        value = members.get(key)
        if type(value) is dict and value and key in PROMOTED_KEYS:
            if key != "log" or not _ECS_LOG_FIELDS.issuperset(value):
                return key
        elif isinstance(value, (str, float)) or type(value) is int:
            return None
    return None


def read_flat(flat: Attributes, odd: list[str], shape: Shape) -> Level:
    """Return what a flat object says; `odd` are its members that are lists or floats."""
    body, body_key = _find_body(shape, flat)
    times = _find_times(shape, flat)
    trace_id, span_id = _find_trace(shape, flat) if shape.has_trace else (None, None)
    severity = _find_severity(shape, flat)
    service = _find_service(shape, flat)
    host = first_named(flat, shape.host) if shape.host else None
    plain_values(flat, odd)
    _complete_attributes(shape, flat, body_key)
    return Level(
        body=body,
        severity=severity,
        applied=times.applied,
        runtime_stamp=times.runtime,
        emitted=times.emitted,
        collected=times.collected,
        service=service,
        host=host,
        has_container="container.id" in flat,
        trace_id=trace_id,
        span_id=span_id,
        attributes=flat,
    )


def _complete_attributes(shape: Shape, flat: Attributes, body_key: str | None) -> None:
    if shape.canonical:
        set_canonical(flat, shape.canonical)
    if shape.has_exception:
        set_exception_of(flat)
    for key in shape.log_path:
        for part, name in path_parts(flat[key]).items():
            flat.setdefault(f"k8s.{part}.name", name)
    if body_key is not None:
        del flat[body_key]


def _find_body(shape: Shape, flat: Attributes) -> tuple[str | None, str | None]:
    """The body, and the key it was taken from when nothing else is to be learned from that."""
    if shape.is_cloudtrail or (shape.template is not None and (shape.is_clef or not shape.body)):
        body = _find_special_body(shape, flat)
        if body is not None:
            return body, None
    for key in shape.body:
        value = flat[key]
        if key == "event" and type(value) is not str:
            continue
        body = body_text(value)
        if body is None and key == "MESSAGE" and shape.is_journal and type(value) is list:
            body = _text_of_bytes(value)
        if body is not None:
            return body, key
    return None, None


def _find_special_body(shape: Shape, flat: Attributes) -> str | None:
    """CloudTrail's error or event, or a message template filled in."""
    if shape.is_cloudtrail:
        error = body_text(flat.get("errorMessage"))
        return body_text(flat.get("eventName")) if error is None else error
    template = flat[shape.template or ""]
    if not isinstance(template, str):
        return None
    return clean(render(template, flat, "" if shape.is_clef else "Properties."))


def body_text(value: JsonValue) -> str | None:
    """Return text cleaned, a number as its digits, None for anything else."""
    kind = type(value)
    if kind is str:
        return clean(value)  # type: ignore[arg-type] # narrowed by kind, for speed
    if kind is int:
        return str(value)
    if isinstance(value, float):
        return value.digits if isinstance(value, Number) else compact_json(value)
    return None


def _text_of_bytes(values: list[JsonValue]) -> str | None:
    """The text of a journal field that was not valid UTF-8: a list of bytes."""
    octets = [value for value in values if type(value) is int and 0 <= value <= 255]
    if len(octets) != len(values):
        return None
    return clean(bytes(octets).decode(errors="replace"))


def render(template: str, flat: Attributes, prefix: str) -> str:
    """Return a message template with its properties filled in; unknown names stay as they are."""

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return match[0][0]
        if prefix + name not in flat:
            return match[0]
        value = flat[prefix + name]
        text = value if isinstance(value, str) else body_text(value)
        return compact_json(value) if text is None else text

    # The body is cut there anyway.
    seen, rest = template[:MAX_BODY_BYTES], template[MAX_BODY_BYTES:]
    return _PLACEHOLDER.sub(fill, seen) + rest


class _Times(NamedTuple):
    applied: Moment | None
    runtime: Moment | None
    emitted: tuple[Moment, ...]
    collected: Moment | None


_NO_TIMES: Final = _Times(None, None, (), None)


def _find_times(shape: Shape, flat: Attributes) -> _Times:
    """The times of one object; of the application's the first with a zone, else the first."""
    if not shape.times:
        return _NO_TIMES
    applied: Moment | None = None
    found: dict[int, list[Moment]] = {}
    for read, judge in shape.times:
        if judge is None and applied is not None and applied.is_zoned:
            continue
        moment = read(flat)
        if moment is None:
            continue
        role = APPLIED if judge is None else judge(flat)
        if role != APPLIED:
            found.setdefault(role, []).append(moment)
        elif applied is None or (moment.is_zoned and not applied.is_zoned):
            applied = moment
    if not found:
        return _Times(applied, None, (), None)
    return _Times(
        applied,
        next(iter(found.get(RUNTIME, ())), None),
        tuple(found.get(EMITTED, ())),
        next(iter(found.get(COLLECTED, ())), None),
    )


def _find_severity(shape: Shape, flat: Attributes) -> Severity | None:
    if shape.otel_number:
        severity = _find_otel_severity(shape, flat)
        if severity is not None:
            return severity
    for key, read in shape.severity:
        severity = read(flat[key])
        if severity is not None:
            return severity
    if shape.is_cloudtrail and "errorCode" in flat:
        return _CLOUDTRAIL_ERROR
    return _CLEF_DEFAULT if shape.is_clef and "@l" not in flat else None


def _find_otel_severity(shape: Shape, flat: Attributes) -> Severity | None:
    texts = (flat[key] for key in shape.severity_text)
    text = next((text for text in texts if isinstance(text, str) and text), None)
    found = (severities.from_otel(flat[key], text) for key in shape.otel_number)
    return next((severity for severity in found if severity is not None), None)


def _find_service(shape: Shape, flat: Attributes) -> Ranked | None:
    if shape.is_cloudtrail:
        source = flat["eventSource"]
        if isinstance(source, str) and source:
            return PAYLOAD_SERVICE, source.removesuffix(".amazonaws.com")
    service = first_named(flat, shape.service)
    if service is None and shape.is_mongodb:
        return PRODUCT, "mongodb"
    return service


def _find_trace(shape: Shape, flat: Attributes) -> tuple[str | None, str | None]:
    trace_id = span_id = None
    for key in shape.trace:
        trace_id = trace_id or parse_trace_id(flat[key])
    for key in shape.span:
        span_id = span_id or parse_span_id(flat[key])
    if trace_id is None and "traceparent" in flat:
        trace_id, parent_id = parse_traceparent(flat["traceparent"])
        span_id = span_id or parent_id
    return trace_id, span_id
