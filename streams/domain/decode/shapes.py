"""Shapes of JSON objects: for one set of keys, where each field of an event is to be looked for."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec

from schemas.events import JsonValue
from streams.domain.decode import attributes, resources, severities, time_roles
from streams.domain.decode.attributes import CanonicalRule
from streams.domain.decode.levels import Attributes, Severity
from streams.domain.decode.resources import ResourceRule
from streams.domain.decode.tables import names as names_in
from streams.domain.decode.time_roles import TimeRule

ReadSeverity = Callable[[JsonValue], Severity | None]

BODY_KEYS: Final = names_in(
    "message msg @m body log MESSAGE short_message Message RenderedMessage record.message event"
    " _raw text line log.original event.original"
)
PROMOTED_KEYS: Final = frozenset(("message", "msg", "body", "log", "MESSAGE", "_raw"))

_SEVERITY_KEYS: Final = names_in(
    "level severity log.level log_level loglevel lvl levelname @l PRIORITY priority"
    " syslogseverity-text syslogseverity record.level.name Severity severity_text SeverityText"
    " severityText Level s SeverityValue logLevel log.syslog.severity.name"
    " log.syslog.severity.code log.syslog.priority syslog.priority levelno winlog.level"
)
_OTEL_NUMBER_KEYS: Final = ("severity_number", "severityNumber", "SeverityNumber")
_OTEL_TEXT_KEYS: Final = ("severity_text", "severityText", "SeverityText")
_TRACE_KEYS: Final = names_in(
    "trace_id traceId traceID trace.id TraceId traceid @tr otelTraceID contextMap.traceId"
    " contextMap.trace_id mdc.traceId mdc.trace_id logging.googleapis.com/trace X-B3-TraceId"
    " _traceId _trace_id xray_trace_id"
)
_SPAN_KEYS: Final = names_in(
    "span_id spanId spanID span.id SpanId spanid @sp otelSpanID contextMap.spanId"
    " contextMap.span_id mdc.spanId mdc.span_id logging.googleapis.com/spanId X-B3-SpanId"
    " _spanId _span_id"
)
TRACE_NAMES: Final = frozenset(_TRACE_KEYS)
SPAN_NAMES: Final = frozenset(_SPAN_KEYS)
_CLOUDTRAIL_KEYS: Final = ("eventVersion", "eventSource", "eventName", "eventTime")
_WINLOG_KEYS: Final = names_in(
    "winlog.channel winlog.computer_name winlog.event_id winlog.level winlog.provider_name"
    " winlog.record_id"
)
_MARKS: Final = names_in(
    "@mt @m c ctx short_message MessageTemplate errorCode errorMessage traceparent hostname"
    " stream input.type input log EventID Channel Computer exception.stacktrace"
)
_NAMED_KEYS: Final = frozenset(
    (
        *BODY_KEYS, *_SEVERITY_KEYS, *_OTEL_NUMBER_KEYS, *_TRACE_KEYS, *_SPAN_KEYS,
        *_CLOUDTRAIL_KEYS, *_WINLOG_KEYS, *_MARKS, *time_roles.KNOWN_KEYS,
        *(key for _, key, _ in (*resources.SERVICE_RULES, *resources.HOST_RULES)),
        *(key for _, keys, _ in (*attributes.CANONICAL, *attributes.CLOUDTRAIL) for key in keys),
    )
)  # fmt: skip
# GELF writes its additional fields with an underscore.
KNOWN_KEYS: Final = _NAMED_KEYS | {f"_{key}" for key in _NAMED_KEYS}
_SHAPES_KEPT: Final = 4096


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What one set of keys can yield; every field lists keys that are present, best first."""

    body: tuple[str, ...]
    severity: tuple[tuple[str, ReadSeverity], ...]
    otel_number: tuple[str, ...]
    severity_text: tuple[str, ...]
    times: tuple[TimeRule, ...]
    service: tuple[ResourceRule, ...]
    host: tuple[ResourceRule, ...]
    trace: tuple[str, ...]
    span: tuple[str, ...]
    canonical: tuple[CanonicalRule, ...]
    log_path: tuple[str, ...]
    template: str | None
    is_clef: bool
    is_mongodb: bool
    is_journal: bool
    is_windows: bool
    is_cloudtrail: bool
    has_trace: bool
    has_exception: bool


def shape_of(flat: Attributes) -> Shape:
    """Return the shape of a flat object; only the keys that some rule names make a difference."""
    return _shape_of(KNOWN_KEYS.intersection(flat))


@lru_cache(maxsize=_SHAPES_KEPT)
def _shape_of(keys: frozenset[str]) -> Shape:
    present = set(keys)
    names = _lookup_names(sorted(keys), present)
    is_windows = _is_windows(present)
    is_clef = "@t" in present and ("@mt" in present or "@m" in present)
    is_mongodb = {"t.$date", "c", "ctx"} <= present
    canonical = attributes.rules_for(names, attributes.CANONICAL)
    is_cloudtrail = present.issuperset(_CLOUDTRAIL_KEYS)
    if is_cloudtrail:
        canonical += attributes.rules_for(names, attributes.CLOUDTRAIL)
    return Shape(
        body=tuple(names[key] for key in BODY_KEYS if key in names),
        severity=_severity_readers(names, is_windows=is_windows, is_mongodb=is_mongodb),
        otel_number=tuple(names[key] for key in _OTEL_NUMBER_KEYS if key in names),
        severity_text=tuple(
            names[key] for key in (*_OTEL_TEXT_KEYS, *_SEVERITY_KEYS) if key in names
        ),
        times=time_roles.rules_for(names),
        service=resources.rules_for(names, resources.SERVICE_RULES),
        host=resources.rules_for(names, resources.HOST_RULES),
        trace=tuple(names[key] for key in _TRACE_KEYS if key in names),
        span=tuple(names[key] for key in _SPAN_KEYS if key in names),
        canonical=canonical,
        log_path=tuple(
            names[key] for key in ("log.file.path", "file", "filename", "path") if key in names
        ),
        template=_template_key(names, is_clef=is_clef),
        is_clef=is_clef,
        is_mongodb=is_mongodb,
        is_journal=time_roles.is_journal(present),
        is_windows=is_windows,
        is_cloudtrail=is_cloudtrail,
        has_trace=not names.keys().isdisjoint((*_TRACE_KEYS, *_SPAN_KEYS, "traceparent")),
        has_exception=any(rule[0] == "exception.stacktrace" for rule in canonical)
        or "exception.stacktrace" in present,
    )


def _lookup_names(keys: list[str], present: set[str]) -> dict[str, str]:
    """Map the names that rules use to keys; GELF's additional fields lose their underscore."""
    names = {key: key for key in keys}
    if "short_message" in present:
        for key in keys:
            if key.startswith("_"):
                names.setdefault(key[1:], key)
    return names


def _is_windows(present: set[str]) -> bool:
    if "EventID" in present and ("Channel" in present or "Computer" in present):
        return True
    return not present.isdisjoint(_WINLOG_KEYS)


def _template_key(names: dict[str, str], *, is_clef: bool) -> str | None:
    if is_clef:
        return None if "@m" in names else names["@mt"]
    return names.get("MessageTemplate")


def _severity_readers(
    names: dict[str, str], *, is_windows: bool, is_mongodb: bool
) -> tuple[tuple[str, ReadSeverity], ...]:
    own: dict[str, ReadSeverity] = {
        "SeverityValue": _windows_nxlog if is_windows else severities.from_nxlog,
        "levelno": severities.from_python,
        "winlog.level": severities.from_windows,
    }
    if "@t" in names:
        own["@l"] = _clef_level
    if "EventID" in names:
        own["Level"] = severities.from_windows
    general = _windows_level if is_windows else severities.parse_level
    return tuple(
        (names[key], own.get(key, general))
        for key in _SEVERITY_KEYS
        if key in names and (key != "s" or is_mongodb)
    )


def _windows_level(value: JsonValue) -> Severity | None:
    if severities.as_small_number(value) is None:
        return severities.from_windows(value)
    return severities.parse_level(value)


def _windows_nxlog(value: JsonValue) -> Severity | None:
    severity = severities.from_nxlog(value)
    return severities.from_windows(severity.text) if severity else None


def _clef_level(value: JsonValue) -> Severity | None:
    if isinstance(value, str) and value:
        return severities.parse_word_of(value, severities.CLEF_WORDS)
    return severities.parse_level(value)
