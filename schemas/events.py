"""Decoded payloads: what a Kafka record says, in our own words."""

from typing import TypeAlias

import msgspec

JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None


class LogEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One log line or structured log record, in the words of OpenTelemetry.

    `timestamp_ns` counts nanoseconds since 1970-01-01 UTC; `severity_number` is 0 (unspecified)
    to 24; `attributes` is flat with dotted names; `trace_id` and `span_id` are 32 and 16 lower-case
    hexadecimal digits.
    """

    timestamp_ns: int
    body: str
    severity_number: int = 0
    severity_text: str | None = None
    service: str | None = None
    host: str | None = None
    attributes: dict[str, JsonValue] = msgspec.field(default_factory=dict)
    trace_id: str | None = None
    span_id: str | None = None
