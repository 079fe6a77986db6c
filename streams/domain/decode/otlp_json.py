"""OTLP in JSON, camelCase or snake_case: read into log records, checked member by member."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from schemas.errors import MalformedEventError
from schemas.events import JsonValue
from streams.domain.decode.json_text import MAX_EVENTS, JsonObject
from streams.domain.decode.levels import Attributes
from streams.domain.decode.numbers import Number
from streams.domain.decode.otlp import AnyBody, OtlpRecord

_INTEGER: Final = re.compile(r"-?\d{1,20}", re.ASCII)
_ENUM_NAME: Final = re.compile(r"(?:SEVERITY_NUMBER_)?(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)([234]?)")
_BASES: Final = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "ERROR": 17, "FATAL": 21}
LOGS_KEYS: Final = ("resourceLogs", "resource_logs")
OTHER_SIGNALS: Final = (
    "resourceSpans", "resource_spans", "resourceMetrics", "resource_metrics",
)  # fmt: skip


def is_other_signal(members: JsonObject) -> bool:
    """Tell whether an object is OTLP spans or metrics."""
    return any(isinstance(members.get(name), list) for name in OTHER_SIGNALS)


def logs_of(members: JsonObject) -> list[JsonValue] | None:
    """Return the resource logs of an object that is OTLP, else None."""
    for name in LOGS_KEYS:
        logs = members.get(name)
        if isinstance(logs, list):
            return logs
    return None


def read_json_logs(resource_logs: list[JsonValue]) -> list[OtlpRecord]:
    """Return the log records.

    Raises:
        MalformedEventError: `otlp_invalid` for a member of the wrong type, `too_many_events`.
    """
    records: list[OtlpRecord] = []
    for logs in map(_as_object, resource_logs):
        resource = _attributes(_object(logs, "resource"), "attributes")
        for scope_logs in _objects(logs, "scopeLogs", "instrumentationLibraryLogs"):
            scope = _text(_object(scope_logs, "scope"), "name") or None
            for record in _objects(scope_logs, "logRecords", "logs"):
                records.append(_record(record, resource, scope))
                if len(records) > MAX_EVENTS:
                    raise MalformedEventError("too_many_events", f"over {MAX_EVENTS} log records")
    return records


def _record(record: JsonObject, resource: Attributes, scope: str | None) -> OtlpRecord:
    return OtlpRecord(
        resource=resource,
        scope=scope,
        attributes=_attributes(record, "attributes"),
        time_ns=_integer(record, "timeUnixNano"),
        observed_ns=_integer(record, "observedTimeUnixNano"),
        severity_number=_severity_number(record),
        severity_text=_text(record, "severityText"),
        body=_any_value(_member(record, "body")),
        trace_id=_text(record, "traceId"),
        span_id=_text(record, "spanId"),
        event_name=_text(record, "eventName"),
    )


def _invalid(name: str, expected: str) -> MalformedEventError:
    return MalformedEventError("otlp_invalid", f"{name} is not {expected}")


def _snake(name: str) -> str:
    return re.sub("([A-Z])", lambda match: "_" + match[1].lower(), name)


def _member(members: JsonObject, name: str) -> JsonValue:
    value = members.get(name)
    return members.get(_snake(name)) if value is None else value


def _as_object(value: JsonValue) -> JsonObject:
    if not isinstance(value, dict):
        raise _invalid("an element", "an object")
    return value


def _object(members: JsonObject, name: str) -> JsonObject:
    value = _member(members, name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _invalid(name, "an object")
    return value


def _objects(members: JsonObject, *names: str) -> Iterator[JsonObject]:
    for name in names:
        value = _member(members, name)
        if value is None:
            continue
        if not isinstance(value, list):
            raise _invalid(name, "a list")
        yield from map(_as_object, value)


def _text(members: JsonObject, name: str) -> str:
    value = _member(members, name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _invalid(name, "text")
    return value


def _integer(members: JsonObject, name: str) -> int:
    value = _member(members, name)
    return 0 if value in (None, "") else _as_integer(value, name)


def _as_integer(value: JsonValue, name: str) -> int:
    """A 64-bit number, as JSON writes it or as text."""
    if type(value) is int:
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, float) and abs(value) < 2**63 and value.is_integer():
        return int(value)
    raise _invalid(name, "a number")


def _severity_number(record: JsonObject) -> int:
    value = _member(record, "severityNumber")
    if isinstance(value, str):
        name = _ENUM_NAME.fullmatch(value)
        if name:
            return _BASES[name[1]] + int(name[2] or 1) - 1
        if value in ("", "SEVERITY_NUMBER_UNSPECIFIED", "UNSPECIFIED"):
            return 0
    return 0 if value is None else _as_integer(value, "severityNumber")


def _attributes(members: JsonObject, name: str) -> Attributes:
    attributes: Attributes = {}
    for pair in _objects(members, name):
        value = _any_value(_member(pair, "value"))
        attributes[_text(pair, "key")] = _without_bytes(value)
    return attributes


def _without_bytes(value: AnyBody) -> JsonValue:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _any_value(value: JsonValue) -> AnyBody:
    if value is None:
        return None
    members = _as_object(value)
    for name, read in _KINDS:
        member = _member(members, name)
        if member is not None:
            return read(member)
    return None


def _string(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise _invalid("stringValue", "text")
    return value


def _boolean(value: JsonValue) -> bool:
    if not isinstance(value, bool):
        raise _invalid("boolValue", "true or false")
    return value


def _double(value: JsonValue) -> float | int | None:
    if isinstance(value, str):
        if value in ("NaN", "Infinity", "-Infinity"):
            return None
        try:
            return Number(value)
        except ValueError as exc:
            raise _invalid("doubleValue", "a number") from exc
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _invalid("doubleValue", "a number")
    return value


def _bytes(value: JsonValue) -> bytes:
    try:
        return base64.b64decode(_string(value), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise _invalid("bytesValue", "base64") from exc


def _array(value: JsonValue) -> list[JsonValue]:
    members = _as_object(value)
    return [_without_bytes(_any_value(element)) for element in _objects(members, "values")]


def _map(value: JsonValue) -> Attributes:
    return _attributes(_as_object(value), "values")


_KINDS: Final = (
    ("stringValue", _string),
    ("boolValue", _boolean),
    ("intValue", lambda value: _as_integer(value, "intValue")),
    ("doubleValue", _double),
    ("arrayValue", _array),
    ("kvlistValue", _map),
    ("bytesValue", _bytes),
)
