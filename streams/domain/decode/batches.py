"""JSON objects that hold several events: OTLP, CloudWatch subscriptions, CloudTrail files."""

from typing import Final

from schemas.errors import MalformedEventError
from schemas.events import LogEvent
from streams.domain.decode.cleaning import clean
from streams.domain.decode.clock import Reference
from streams.domain.decode.envelopes import merge_levels, read_object_event
from streams.domain.decode.json_shapes import body_text
from streams.domain.decode.json_text import MAX_EVENTS, Document, JsonObject
from streams.domain.decode.levels import Attributes, Level
from streams.domain.decode.otlp import record_event
from streams.domain.decode.otlp_json import (
    LOGS_KEYS,
    OTHER_SIGNALS,
    is_other_signal,
    logs_of,
    read_json_logs,
)
from streams.domain.decode.resources import LOG_GROUP
from streams.domain.decode.times import parse_time

_BATCH_KEYS: Final = frozenset((*LOGS_KEYS, *OTHER_SIGNALS, "logEvents", "Records"))
_CLOUDWATCH: Final = ("DATA_MESSAGE", "CONTROL_MESSAGE")


def document_events(document: Document, reference: Reference) -> list[LogEvent]:
    """Return the events of one JSON object.

    Raises:
        MalformedEventError: `otlp_invalid`, `otlp_wrong_signal`, `too_many_events`.
    """
    members = document.members
    if _BATCH_KEYS.isdisjoint(members):
        return [read_object_event(members, document.text, reference)]
    logs = logs_of(members)
    if logs is not None:
        return [record_event(record, reference) for record in read_json_logs(logs)]
    if is_other_signal(members):
        raise MalformedEventError("otlp_wrong_signal", "spans or metrics")
    if members.get("messageType") in _CLOUDWATCH and isinstance(members.get("logEvents"), list):
        return _cloudwatch_events(members, reference)
    trail = _cloudtrail_records(members)
    if trail is not None:
        return [read_object_event(record, None, reference) for record in trail]
    return [read_object_event(members, document.text, reference)]


def refuse_too_many(count: int) -> None:
    """Refuse a record with more than 10,000 events.

    Raises:
        MalformedEventError: `too_many_events`.
    """
    if count > MAX_EVENTS:
        raise MalformedEventError("too_many_events", f"{count} events")


def _cloudtrail_records(members: JsonObject) -> list[JsonObject] | None:
    records = members.get("Records")
    if not isinstance(records, list) or not records:
        return None
    refuse_too_many(len(records))
    objects = [
        record
        for record in records
        if isinstance(record, dict) and "eventSource" in record and "eventName" in record
    ]
    return objects if len(objects) == len(records) else None


def _cloudwatch_events(members: JsonObject, reference: Reference) -> list[LogEvent]:
    log_events = members["logEvents"]
    if members["messageType"] == "CONTROL_MESSAGE" or not isinstance(log_events, list):
        return []
    refuse_too_many(len(log_events))
    shared = _cloudwatch_attributes(members)
    group = members.get("logGroup")
    segments = [part for part in group.split("/") if part] if isinstance(group, str) else []
    service = (LOG_GROUP, segments[-1]) if segments else None
    events = []
    for log_event in log_events:
        fields: JsonObject = log_event if isinstance(log_event, dict) else {"message": log_event}
        stamp = parse_time(fields.get("timestamp"))
        level = Level(
            body=body_text(fields.get("message")) or "",
            emitted=(stamp,) if stamp else (),
            service=service,
            attributes=shared | _event_attributes(fields),
        )
        events.append(merge_levels(level, reference))
    return events


def _cloudwatch_attributes(members: JsonObject) -> Attributes:
    names = (
        ("logGroup", "aws.log.group.names"),
        ("logStream", "aws.log.stream.names"),
        ("owner", "cloud.account.id"),
    )
    return {
        target: clean(value)
        for name, target in names
        if isinstance(value := members.get(name), str) and value
    }


def _event_attributes(fields: JsonObject) -> Attributes:
    identity = fields.get("id")
    return {"aws.log.event.id": identity} if isinstance(identity, str) and identity else {}
