"""Alertmanager's webhook: one ticket for each alert in it."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

import msgspec

from schemas.events import TicketEvent
from streams.domain.tickets.members import (
    Payload,
    first_text,
    first_time,
    labels_of,
    metadata_of,
    object_at,
)
from streams.domain.tickets.trackers import Context

_PROJECT_LABELS: Final = ("namespace", "cluster", "project", "job")
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


def is_alertmanager(payload: Payload) -> bool:
    """Tell whether a payload is a notification with alerts."""
    alerts = payload.get("alerts")
    return isinstance(alerts, list) and any(
        isinstance(alert, dict) and "labels" in alert for alert in alerts
    )


def read_alertmanager(payload: Payload, context: Context) -> Iterator[TicketEvent]:
    """Yield a ticket for each alert; equal labels are the same alert."""
    alerts = payload.get("alerts")
    for alert in alerts if isinstance(alerts, list) else ():
        if isinstance(alert, dict):
            yield _alert(alert, context)


def _alert(alert: Payload, context: Context) -> TicketEvent:
    labels, annotations = object_at(alert, "labels"), object_at(alert, "annotations")
    started = first_time(alert, "startsAt")
    is_resolved = alert.get("status") == "resolved"
    ended = first_time(alert, "endsAt") if is_resolved else None
    name = first_text(labels, "alertname")
    key = first_text(alert, "fingerprint") or _fingerprint(labels)
    return TicketEvent(
        # An alert that fires again later is another ticket.
        ticket_id=f"{key}-{started}" if started is not None else key,
        project=first_text(labels, *_PROJECT_LABELS) or context.project,
        title=first_text(annotations, "summary", "title", "message") or name,
        body=first_text(annotations, "description", "message", "runbook_url"),
        status=first_text(alert, "status") or None,
        url=first_text(alert, "generatorURL") or None,
        created_ns=started,
        revision=ended or started or context.revision,
        labels=labels_of(priority=first_text(labels, "severity"), team=first_text(labels, "team")),
        metadata=metadata_of(labels),
        source="alertmanager",
        alert_key=key,
    )


def _fingerprint(labels: Payload) -> str:
    return blake2b(_ENCODER.encode(labels), digest_size=8).hexdigest()
