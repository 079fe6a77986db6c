"""OpenTelemetry log records, from either encoding, into events."""

import math
from functools import lru_cache
from typing import Final

import msgspec

from schemas.events import JsonValue, LogEvent
from streams.domain.decode import resources
from streams.domain.decode.attributes import (
    CANONICAL,
    CanonicalRule,
    flatten,
    plain_values,
    rules_for,
    set_canonical,
)
from streams.domain.decode.cleaning import clean
from streams.domain.decode.clock import Reference
from streams.domain.decode.envelopes import merge_levels
from streams.domain.decode.exceptions import set_exception_of
from streams.domain.decode.json_text import compact_json
from streams.domain.decode.levels import Attributes, Level, Moment, Ranked, Severity
from streams.domain.decode.resources import ResourceRule, first_named, path_parts
from streams.domain.decode.severities import from_otel, parse_word
from streams.domain.decode.shapes import KNOWN_KEYS
from streams.domain.decode.traces import parse_span_id, parse_trace_id

AnyBody = JsonValue | bytes
_SHAPES_KEPT: Final = 4096


class OtlpRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One LogRecord with its resource and scope; ids in hex, 0 and None where unset."""

    resource: Attributes
    scope: str | None
    attributes: Attributes
    time_ns: int = 0
    observed_ns: int = 0
    severity_number: int = 0
    severity_text: str = ""
    body: AnyBody = None
    trace_id: str = ""
    span_id: str = ""
    event_name: str = ""


class _Shape(msgspec.Struct, frozen=True):
    service: tuple[ResourceRule, ...]
    host: tuple[ResourceRule, ...]
    canonical: tuple[CanonicalRule, ...]


@lru_cache(maxsize=_SHAPES_KEPT)
def _shape_of(keys: frozenset[str]) -> _Shape:
    names = {key: key for key in keys}
    return _Shape(
        service=resources.rules_for(names, resources.SERVICE_RULES),
        host=resources.rules_for(names, resources.HOST_RULES),
        canonical=rules_for(names, CANONICAL),
    )


def record_event(record: OtlpRecord, reference: Reference) -> LogEvent:
    """Return the event of a log record."""
    severity = _severity_of(record)
    body, promoted = _body_of(record)
    flat, odd = flatten(record.resource | record.attributes)
    shape = _shape_of(KNOWN_KEYS.intersection(flat))
    service = _resource_name(record, resources.OTLP_SERVICE_RULES, "service.name")
    host = _resource_name(record, resources.OTLP_HOST_RULES, "host.name")
    level = Level(
        body=body,
        severity=severity,
        emitted=(_moment(record.time_ns),) if record.time_ns else (),
        collected=_moment(record.observed_ns) if record.observed_ns else None,
        service=service or first_named(_without_resource_name(flat, record), shape.service),
        host=host or first_named(flat, shape.host),
        has_container="container.id" in flat,
        trace_id=parse_trace_id(record.trace_id),
        span_id=parse_span_id(record.span_id),
        attributes=_complete(flat, odd, shape, record),
        promoted=promoted,
        # A record with a severity was parsed by its sender: the body is what it is.
        is_sealed=bool(record.severity_number or record.severity_text) and promoted is None,
    )
    return merge_levels(level, reference)


def _moment(ns: int) -> Moment:
    return Moment(ns, str(ns))


def _severity_of(record: OtlpRecord) -> Severity | None:
    text = record.severity_text or None
    severity = from_otel(record.severity_number, text)
    if severity is None and text is not None:
        return parse_word(text)
    return severity


def _body_of(record: OtlpRecord) -> tuple[str | None, dict[str, JsonValue] | None]:
    """The body as text, and the map that it was, if it was one."""
    body = record.body
    if isinstance(body, dict) and body:
        return clean(compact_json(body)), body
    if isinstance(body, bytes):
        return clean(body.decode(errors="replace")), None
    if isinstance(body, str):
        return clean(body), None
    if body is None or (isinstance(body, float) and not math.isfinite(body)):
        return clean(record.event_name), None
    return clean(compact_json(body)), None


def _resource_name(record: OtlpRecord, rules: tuple[ResourceRule, ...], key: str) -> Ranked | None:
    return first_named(record.resource, rules) if key in record.resource else None


def _without_resource_name(flat: Attributes, record: OtlpRecord) -> Attributes:
    """The SDK's `unknown_service` is no name at any rank."""
    name = flat.get("service.name")
    if isinstance(name, str) and name.startswith("unknown_service"):
        return flat | {"service.name": None}
    return flat


def _complete(flat: Attributes, odd: list[str], shape: _Shape, record: OtlpRecord) -> Attributes:
    plain_values(flat, odd)
    set_canonical(flat, shape.canonical)
    if "exception.stacktrace" in flat:
        set_exception_of(flat)
    for part, name in path_parts(flat.get("log.file.path")).items():
        flat.setdefault(f"k8s.{part}.name", name)
    if record.scope:
        flat["otel.scope.name"] = record.scope
    if record.event_name:
        flat["event.name"] = record.event_name
    for name in odd:
        value = flat[name]
        if isinstance(value, float) and not math.isfinite(value):
            del flat[name]
    return flat
