"""OTLP protobuf: the wire format, read into the records of every log in a value."""

import struct
from collections.abc import Iterator
from typing import Any, Final

from schemas.errors import MalformedEventError
from schemas.events import JsonValue
from streams.domain.decode.json_text import MAX_DEPTH, MAX_EVENTS
from streams.domain.decode.levels import Attributes
from streams.domain.decode.otlp import AnyBody, OtlpRecord

_VARINT, _FIXED64, _LEN, _FIXED32 = 0, 1, 2, 5
_TOP: Final = frozenset((1,))
_RESOURCE_LOGS: Final = frozenset((1, 2, 3, 1000))
_SCOPE_LOGS: Final = frozenset((1, 2, 3))
_MAX_VARINT_BYTES: Final = 10
_MAX_FIELDS: Final = 20_000
"""No sender writes more members into one message; a million tiny ones would take seconds."""
_ONE_BYTE: Final = 0x7F
_FIRST_TAG: Final = 1 << 3

Field = tuple[int, int, Any]
"""Number, wire type, value: an integer, or the bytes of a length-delimited or fixed field."""


class NotProtobufError(Exception):
    """The bytes are not the message they were read as."""


def read_protobuf(value: bytes) -> list[OtlpRecord] | None:
    """Return the log records of a value, None when it is not OTLP.

    Raises:
        MalformedEventError: `otlp_wrong_signal` for spans and metrics, `too_many_events`.
    """
    try:
        return _read_logs(value)
    except (NotProtobufError, RecursionError):
        return None


def _read_logs(value: bytes) -> list[OtlpRecord]:
    pending: list[tuple[Attributes, str | None, bytes]] = []
    is_foreign = False
    for resource_logs in _messages(value, _TOP, 1):
        resource = _attributes_in(_only(resource_logs, _RESOURCE_LOGS, 1), 1)
        for scope_logs in _messages(resource_logs, _RESOURCE_LOGS, 2):
            scope = _scope_name(_only(scope_logs, _SCOPE_LOGS, 1))
            for record in _messages(scope_logs, _SCOPE_LOGS, 2):
                is_foreign = is_foreign or _is_foreign(record)
                pending.append((resource, scope, record))
    if is_foreign:
        raise MalformedEventError("otlp_wrong_signal", "spans or metrics")
    if len(pending) > MAX_EVENTS:
        raise MalformedEventError("too_many_events", f"{len(pending)} log records")
    return [_read_record(*one) for one in pending]


def _fields(data: bytes) -> Iterator[Field]:
    """The fields of one message, lazily: what is no message ends at its first wrong byte."""
    position, end = 0, len(data)
    count = 0
    while position < end:
        tag = data[position]
        position += 1
        if tag > _ONE_BYTE:
            tag, position = _varint(data, position - 1)
        wire_type = tag & 7
        if tag < _FIRST_TAG:
            raise NotProtobufError
        if wire_type == _VARINT:
            value, position = _varint(data, position)
            yield tag >> 3, wire_type, value
        else:
            size, position = _size(data, position, wire_type)
            start, position = position, position + size
            if position > end:
                raise NotProtobufError
            yield tag >> 3, wire_type, data[start:position]
        count += 1
        if count > _MAX_FIELDS:
            raise MalformedEventError("otlp_invalid", f"over {_MAX_FIELDS} members in a message")


def _size(data: bytes, position: int, wire_type: int) -> tuple[int, int]:
    if wire_type == _LEN:
        return _varint(data, position)
    if wire_type == _FIXED64:
        return 8, position
    if wire_type == _FIXED32:
        return 4, position
    raise NotProtobufError


def _varint(data: bytes, position: int) -> tuple[int, int]:
    if data[position : position + 1] < b"\x80" and position < len(data):
        return data[position], position + 1
    result = 0
    for index, byte in enumerate(data[position : position + _MAX_VARINT_BYTES]):
        result |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return result & 0xFFFF_FFFF_FFFF_FFFF, position + index + 1
    raise NotProtobufError


def _messages(data: bytes, allowed: frozenset[int], wanted: int) -> Iterator[bytes]:
    """The length-delimited fields of one number; any field that is not allowed ends the reading."""
    for number, wire_type, value in _fields(data):
        if number not in allowed or wire_type != _LEN:
            raise NotProtobufError
        if number == wanted:
            yield value


def _only(data: bytes, allowed: frozenset[int], wanted: int) -> bytes:
    return b"".join(_messages(data, allowed, wanted))


def _is_foreign(record: bytes) -> bool:
    """Field 1 is a fixed64 in a log record, length-delimited in a span and in a metric."""
    for number, wire_type, _ in _fields(record):
        if number == 1:
            return wire_type == _LEN
    return False


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _scope_name(scope: bytes) -> str | None:
    name = None
    for number, wire_type, value in _fields(scope):
        if number == 1 and wire_type == _LEN:
            name = _text(value)
    return name


def _attributes_in(data: bytes, wanted: int) -> Attributes:
    """The key-value pairs in the fields of one number."""
    attributes: Attributes = {}
    for number, wire_type, value in _fields(data):
        if number == wanted and wire_type == _LEN:
            key, member = _key_value(value, 0)
            attributes[key] = member
    return attributes


def _key_value(data: bytes, depth: int) -> tuple[str, JsonValue]:
    key, member = "", None
    for number, wire_type, value in _fields(data):
        if number == 1 and wire_type == _LEN:
            key = _text(value)
        elif number == 2 and wire_type == _LEN:
            member = _as_json(_any_value(value, depth + 1))
    return key, member


def _as_json(value: AnyBody) -> JsonValue:
    return _text(value) if isinstance(value, bytes) else value


def _any_value(data: bytes, depth: int) -> AnyBody:
    if depth > MAX_DEPTH:
        raise MalformedEventError("json_too_deep", f"nesting deeper than {MAX_DEPTH}")
    result: AnyBody = None
    for number, wire_type, value in _fields(data):
        if wire_type == _VARINT:
            result = _integral(number, value, result)
        elif number == 4 and wire_type == _FIXED64:
            result = struct.unpack("<d", value)[0]
        elif wire_type == _LEN:
            result = _composite(number, value, depth, result)
    return result


def _integral(number: int, value: int, before: AnyBody) -> AnyBody:
    if number == 2:
        return value != 0
    if number == 3:
        return value - (1 << 64) if value >> 63 else value
    return before


def _composite(number: int, data: bytes, depth: int, before: AnyBody) -> AnyBody:
    if number == 1:
        return _text(data)
    if number == 5:
        return [
            _as_json(_any_value(value, depth + 1))
            for field, wire_type, value in _fields(data)
            if field == 1 and wire_type == _LEN
        ]
    if number == 6:
        return dict(
            _key_value(value, depth)
            for field, wire_type, value in _fields(data)
            if field == 1 and wire_type == _LEN
        )
    return data if number == 7 else before


def _read_record(resource: Attributes, scope: str | None, data: bytes) -> OtlpRecord:
    record: dict[str, Any] = {}
    attributes: Attributes = {}
    for number, wire_type, value in _fields(data):
        name = _RECORD_FIELDS.get((number, wire_type))
        if name == "attributes":
            key, member = _key_value(value, 0)
            attributes[key] = member
        elif name is not None:
            record[name] = _READERS[name](value)
    return OtlpRecord(resource=resource, scope=scope, attributes=attributes, **record)


_RECORD_FIELDS: Final = {
    (1, _FIXED64): "time_ns",
    (2, _VARINT): "severity_number",
    (3, _LEN): "severity_text",
    (5, _LEN): "body",
    (6, _LEN): "attributes",
    (9, _LEN): "trace_id",
    (10, _LEN): "span_id",
    (11, _FIXED64): "observed_ns",
    (12, _LEN): "event_name",
}


def _fixed64(value: bytes) -> int:
    return int.from_bytes(value, "little")


_READERS: Final[dict[str, Any]] = {
    "time_ns": _fixed64,
    "severity_number": int,
    "severity_text": _text,
    "body": lambda value: _any_value(value, 0),
    "trace_id": bytes.hex,
    "span_id": bytes.hex,
    "observed_ns": _fixed64,
    "event_name": _text,
}
