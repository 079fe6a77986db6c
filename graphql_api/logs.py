"""Log entries: one event each, submitted, looked up, listed."""

from enum import Enum
from typing import Annotated, TypeAlias

import strawberry

from graphql_api.context import Info
from graphql_api.scalars import (
    Instant,
    Json,
    Long,
    instant_from_ms,
    instant_from_ns,
    instant_ms_ceil,
)
from graphql_api.store.lines import BEGINNING_MS, END_OF_TIME_MS
from graphql_api.store.pieces import LogLine
from schemas.headlines import default_headline
from schemas.ids import RecordId, encode_record_id
from schemas.severity import MAX_SEVERITY_NUMBER, severity_name, severity_range


@strawberry.enum(description="The six ranges of OpenTelemetry severities, and none.")
class LogSeverity(Enum):
    """The six ranges of OpenTelemetry severities, and none."""

    UNSPECIFIED = "UNSPECIFIED"
    TRACE = "TRACE"
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"
    FATAL = "FATAL"


@strawberry.enum(description="What has become of a record.")
class LogEntryStatus(Enum):
    """What has become of a record."""

    DONE = strawberry.enum_value("DONE", description="It is processed.")
    PENDING = strawberry.enum_value(
        "PENDING", description="It is written to the topic and not processed yet; ask again."
    )
    DROPPED = strawberry.enum_value("DROPPED", description="It holds no event.")
    DEAD_LETTER = strawberry.enum_value("DEAD_LETTER", description="It could not be decoded.")
    EXPIRED = strawberry.enum_value(
        "EXPIRED", description="Lines that old are past retention; whether it had one is not known."
    )


@strawberry.type(description="One log event.")
class LogEntry:
    """One log event."""

    id: strawberry.ID = strawberry.field(description="Opaque; stays the same for good.")
    summary: str | None = strawberry.field(
        description="The event in one sentence; null while it is pending."
    )
    created_at: Instant | None = strawberry.field(
        name="created_at", description="When Kafka got the record."
    )
    timestamp: Instant | None = strawberry.field(description="When it happened.")
    status: LogEntryStatus = strawberry.field(description="What has become of the record.")
    severity: LogSeverity = strawberry.field(description="The range of its severity.")
    severity_number: int = strawberry.field(description="0 (unspecified) to 24, as OpenTelemetry.")
    severity_text: str | None = strawberry.field(description="The severity as the sender put it.")
    service: str | None = strawberry.field(description="What wrote it.")
    host: str | None = strawberry.field(description="Where that ran.")
    body: str | None = strawberry.field(description="The message.")
    attributes: Json = strawberry.field(description="Everything else, flat, with dotted names.")
    trace_id: str | None = strawberry.field(description="32 hexadecimal digits.")
    span_id: str | None = strawberry.field(description="16 hexadecimal digits.")
    raw: str | None = strawberry.field(description="The record as it came.")
    raw_is_base64: bool = strawberry.field(
        description="Whether `raw` is base64, because the record is not valid UTF-8."
    )
    topic: str = strawberry.field(description="The topic of its record.")
    partition: int = strawberry.field(description="The partition of its record.")
    offset: Long = strawberry.field(description="The offset of its record.")
    index: int = strawberry.field(description="Its place among the events of its record.")
    shape_id: strawberry.Private[int | None] = None

    @strawberry.field(description="The template of its message; null while it is pending.")
    async def template_id(self, info: Info) -> strawberry.ID | None:
        """Return the template that the line's shape belongs to by now."""
        if self.shape_id is None:
            return None
        return strawberry.ID(str(await info.context.template_loader.load(self.shape_id)))

    @classmethod
    def from_line(cls, line: LogLine) -> "LogEntry":
        """Return the entry of a stored line."""
        event, record_id = line.stored.event, line.record_id
        number, text = event.severity_number, event.severity_text
        headline = line.stored.headline
        return cls(
            id=strawberry.ID(encode_record_id(record_id)),
            summary=default_headline(number, text, event.body) if headline is None else headline,
            created_at=instant_from_ms(line.stored.record_ms)
            if line.stored.record_ms >= 0
            else None,
            timestamp=instant_from_ns(event.timestamp_ns),
            status=LogEntryStatus.DONE,
            severity=LogSeverity(severity_range(number)),
            severity_number=number,
            severity_text=text or (severity_name(number) if number else None),
            service=event.service,
            host=event.host,
            body=event.body,
            attributes=Json(event.attributes),
            trace_id=event.trace_id,
            span_id=event.span_id,
            raw=line.raw.text if line.raw else None,
            raw_is_base64=line.raw is not None and line.raw.is_base64,
            topic=record_id.topic,
            partition=record_id.partition,
            offset=Long(record_id.offset),
            index=record_id.index,
            shape_id=line.stored.shape_id,
        )

    @classmethod
    def without_event(cls, record_id: RecordId, status: LogEntryStatus) -> "LogEntry":
        """Return the entry of a record that has no event, or none yet."""
        return cls(
            id=strawberry.ID(encode_record_id(record_id)),
            summary=None,
            created_at=None,
            timestamp=None,
            status=status,
            severity=LogSeverity.UNSPECIFIED,
            severity_number=0,
            severity_text=None,
            service=None,
            host=None,
            body=None,
            attributes=Json({}),
            trace_id=None,
            span_id=None,
            raw=None,
            raw_is_base64=False,
            topic=record_id.topic,
            partition=record_id.partition,
            offset=Long(record_id.offset),
            index=record_id.index,
        )


Service: TypeAlias = Annotated[
    str | None, strawberry.argument(description='Only this service; "" for lines without one.')
]
Severity: TypeAlias = Annotated[
    LogSeverity | None, strawberry.argument(description="Only this range of severities.")
]
Since: TypeAlias = Annotated[
    Instant | None, strawberry.argument(description="Only from this time on.")
]
Until: TypeAlias = Annotated[
    Instant | None, strawberry.argument(description="Only before this time.")
]


def severity_numbers(severity: LogSeverity | None) -> frozenset[int] | None:
    """Return the numbers of a range, None for all."""
    if severity is None:
        return None
    numbers = range(MAX_SEVERITY_NUMBER + 1)
    return frozenset(one for one in numbers if severity_range(one) == severity.value)


def since_ms(since: Instant | None) -> int:
    """Return the first millisecond of `since`, of all time for None."""
    return BEGINNING_MS if since is None else instant_ms_ceil(since)


def until_ms(until: Instant | None) -> int:
    """Return the millisecond after the last one before `until`."""
    return END_OF_TIME_MS if until is None else instant_ms_ceil(until)
