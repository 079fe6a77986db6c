"""`aiops try decode`: what the decoder makes of Kafka records."""

import sys
import time
from typing import Any

import click
import msgspec

from aiops.workbench.input_records import InputError, error_line, parse_record
from schemas.events import LogEvent
from schemas.records import SourceRecord
from streams.domain.decode import decode_record, record_time_ms
from streams.domain.decode.times import format_ns
from streams.domain.log_lines import raw_text


@click.command()
def command() -> None:
    """Read records as JSON Lines from stdin, write their events as JSON Lines to stdout."""
    encode = msgspec.json.Encoder().encode
    for position, line in enumerate(sys.stdin.buffer):
        sys.stdout.buffer.write(encode(answer(line, position)) + b"\n")
        sys.stdout.buffer.flush()


def answer(line: bytes, position: int) -> dict[str, Any]:
    """Return the output object of one input line."""
    try:
        record = parse_record(line, position=position)
    except InputError as exc:
        return error_line(exc)
    decoded = decode_record(record, fallback_ms=time.time_ns() // 1_000_000)
    output: dict[str, Any] = {"events": [event_fields(event, record) for event in decoded.events]}
    if decoded.dropped is not None:
        output["dropped"] = decoded.dropped
    if decoded.rejection is not None:
        output["dead_letter"] = decoded.rejection.reason
        output["detail"] = decoded.rejection.detail
    return output


def event_fields(event: LogEvent, record: SourceRecord) -> dict[str, Any]:
    """Return an event under the names of the wire rules, with the record's original value."""
    return {
        "timestamp": format_ns(event.timestamp_ns),
        "observed_timestamp": observed_timestamp(record),
        "severity_text": event.severity_text,
        "severity_number": event.severity_number,
        "service": event.service,
        "host": event.host,
        "body": event.body,
        "attributes": event.attributes,
        "trace_id": event.trace_id,
        "span_id": event.span_id,
        "raw": raw_text(record.value or b"").text,
    }


def observed_timestamp(record: SourceRecord) -> str | None:
    """Return the Kafka timestamp as RFC 3339, None when the record has none."""
    time_ms = record_time_ms(record, fallback_ms=0)
    return format_ns(time_ms * 1_000_000) if time_ms else None
