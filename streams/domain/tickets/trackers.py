"""Webhook payloads of the usual trackers, each told by members that no other has."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from schemas.events import JsonValue, TicketEvent
from streams.domain.tickets.members import (
    Payload,
    first_text,
    first_time,
    labels_of,
    metadata_of,
    names_in,
    object_at,
    text_of,
)


class Context(NamedTuple):
    """What the record says where the payload says nothing."""

    project: str
    ticket_id: str
    revision: int


Reader = Callable[[Payload, Context], Iterator[TicketEvent]]


def read_github(payload: Payload, context: Context) -> Iterator[TicketEvent]:
    """Yield the issue of a GitHub `issues` or `issue_comment` delivery."""
    issue = object_at(payload, "issue")
    yield TicketEvent(
        ticket_id=first_text(issue, "number", "id") or context.ticket_id,
        project=first_text(object_at(payload, "repository"), "full_name", "name")
        or context.project,
        title=first_text(issue, "title"),
        body=first_text(issue, "body"),
        status=first_text(issue, "state") or None,
        reporter=first_text(issue, "user") or None,
        url=first_text(issue, "html_url", "url") or None,
        created_ns=first_time(issue, "created_at"),
        revision=first_time(issue, "updated_at", "created_at") or context.revision,
        metadata=metadata_of(
            {
                "labels": names_in(issue.get("labels")),
                "milestone": first_text(object_at(issue, "milestone"), "title"),
                "author_association": issue.get("author_association"),
                "assignee": issue.get("assignee"),
            }
        ),
        source="github",
    )


def read_gitlab(payload: Payload, context: Context) -> Iterator[TicketEvent]:
    """Yield the issue of a GitLab issue event."""
    issue = object_at(payload, "object_attributes")
    project = object_at(payload, "project")
    yield TicketEvent(
        ticket_id=first_text(issue, "iid", "id") or context.ticket_id,
        project=first_text(project, "path_with_namespace", "name") or context.project,
        title=first_text(issue, "title"),
        body=first_text(issue, "description"),
        status=first_text(issue, "state") or None,
        reporter=first_text(object_at(payload, "user"), "username", "name") or None,
        url=first_text(issue, "url") or None,
        created_ns=first_time(issue, "created_at"),
        revision=first_time(issue, "updated_at", "created_at") or context.revision,
        labels=labels_of(priority=first_text(issue, "severity").replace("unknown", "")),
        metadata=metadata_of(
            {
                "labels": names_in(payload.get("labels") or issue.get("labels")),
                "type": issue.get("type"),
                "confidential": issue.get("confidential"),
            }
        ),
        source="gitlab",
    )


def read_jira(payload: Payload, context: Context) -> Iterator[TicketEvent]:
    """Yield the issue of a Jira `jira:issue_...` event."""
    issue = object_at(payload, "issue")
    fields = object_at(issue, "fields")
    yield TicketEvent(
        ticket_id=first_text(issue, "key", "id") or context.ticket_id,
        project=first_text(object_at(fields, "project"), "key", "name") or context.project,
        title=first_text(fields, "summary"),
        body=_document_text(fields.get("description")),
        status=first_text(fields, "status") or None,
        reporter=first_text(fields, "reporter", "creator") or None,
        url=first_text(issue, "self") or None,
        created_ns=first_time(fields, "created"),
        revision=first_time(fields, "updated")
        or first_time(payload, "timestamp")
        or context.revision,
        labels=labels_of(
            category=first_text(fields, "issuetype"), priority=first_text(fields, "priority")
        ),
        metadata=metadata_of(
            {
                "components": names_in(fields.get("components")),
                "labels": names_in(fields.get("labels")),
                "environment": fields.get("environment"),
                "versions": names_in(fields.get("versions")),
            }
        ),
        source="jira",
    )


def read_zendesk(payload: Payload, context: Context) -> Iterator[TicketEvent]:
    """Yield the ticket of a Zendesk event, or of a trigger's own JSON with a `ticket` member."""
    ticket = object_at(payload, "detail") or object_at(payload, "ticket")
    yield TicketEvent(
        ticket_id=first_text(ticket, "id") or context.ticket_id,
        project=first_text(ticket, "brand_name", "brand_id") or context.project,
        title=first_text(ticket, "subject", "title"),
        body=first_text(ticket, "description"),
        status=first_text(ticket, "status") or None,
        reporter=first_text(ticket, "requester", "requester_id", "submitter_id") or None,
        url=first_text(ticket, "url", "link") or None,
        created_ns=first_time(ticket, "created_at"),
        revision=first_time(ticket, "updated_at")
        or first_time(payload, "time")
        or context.revision,
        labels=labels_of(
            category=first_text(ticket, "type", "ticket_type").lower(),
            priority=first_text(ticket, "priority").lower(),
            team=first_text(ticket, "group", "group_id"),
        ),
        metadata=metadata_of(
            {
                "tags": names_in(ticket.get("tags")),
                "channel": first_text(object_at(ticket, "via"), "channel"),
                "organization": ticket.get("organization_id"),
            }
        ),
        source="zendesk",
    )


def read_servicenow(payload: Payload, context: Context) -> Iterator[TicketEvent]:
    """Yield the records of a ServiceNow table: one, or a list under `result`."""
    result = payload.get("result")
    rows = result if isinstance(result, list) else [result if "result" in payload else payload]
    for row in rows:
        if isinstance(row, dict):
            yield _servicenow_row(row, context)


def read_pagerduty(payload: Payload, context: Context) -> Iterator[TicketEvent]:
    """Yield the incidents of a PagerDuty webhook, version 3 or 2."""
    messages = payload.get("messages")
    events = messages if isinstance(messages, list) else [payload.get("event")]
    for event in events:
        if isinstance(event, dict):
            incident = object_at(event, "data") or object_at(event, "incident")
            occurred = first_time(event, "occurred_at", "created_on") or context.revision
            yield _pagerduty_incident(incident, context._replace(revision=occurred))


def _servicenow_row(row: Payload, context: Context) -> TicketEvent:
    return TicketEvent(
        ticket_id=first_text(row, "number", "sys_id") or context.ticket_id,
        project=first_text(row, "sys_class_name") or context.project,
        title=first_text(row, "short_description"),
        body=first_text(row, "description"),
        status=first_text(row, "state", "incident_state") or None,
        reporter=first_text(row, "caller_id", "opened_by", "sys_created_by") or None,
        created_ns=first_time(row, "sys_created_on", "opened_at"),
        revision=first_time(row, "sys_updated_on", "sys_created_on") or context.revision,
        labels=labels_of(
            category=first_text(row, "category"),
            priority=first_text(row, "priority"),
            team=first_text(row, "assignment_group"),
        ),
        metadata=metadata_of(
            {
                name: text_of(row.get(name))
                for name in ("cmdb_ci", "contact_type", "impact", "location", "subcategory")
            }
            | {"urgency": text_of(row.get("urgency"))}
        ),
        source="servicenow",
    )


def _pagerduty_incident(incident: Payload, context: Context) -> TicketEvent:
    return TicketEvent(
        ticket_id=first_text(incident, "id", "incident_number") or context.ticket_id,
        project=first_text(incident, "service") or context.project,
        title=first_text(incident, "title", "summary"),
        body=first_text(object_at(incident, "body"), "details")
        or first_text(incident, "description"),
        status=first_text(incident, "status") or None,
        url=first_text(incident, "html_url") or None,
        created_ns=first_time(incident, "created_at"),
        revision=context.revision,
        labels=labels_of(
            priority=first_text(incident, "priority", "urgency"),
            team=first_text(incident, "escalation_policy"),
        ),
        metadata=metadata_of(
            {
                "urgency": incident.get("urgency"),
                "service": incident.get("service"),
                "teams": names_in(incident.get("teams")),
            }
        ),
        alert_key=first_text(incident, "incident_key") or None,
        source="pagerduty",
    )


def _document_text(value: JsonValue) -> str:
    """Return a text, or the texts of an Atlassian document, one block to a line."""
    if not isinstance(value, dict):
        return text_of(value)
    lines: list[str] = []
    pending: list[JsonValue] = [value]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if isinstance(text := node.get("text"), str):
                lines.append(text)
            children = node.get("content")
            pending.extend(reversed(children) if isinstance(children, list) else ())
    return "\n".join(lines)


def _is_jira(payload: Payload) -> bool:
    return "fields" in object_at(payload, "issue")


def _is_zendesk(payload: Payload) -> bool:
    kind = text_of(payload.get("type"))
    return kind.startswith("zen:event-type:ticket") or bool(object_at(payload, "ticket"))


def _is_servicenow(payload: Payload) -> bool:
    result = payload.get("result")
    rows = result if isinstance(result, list) else [result, payload]
    return any(isinstance(row, dict) and "short_description" in row for row in rows)


def _is_pagerduty(payload: Payload) -> bool:
    if text_of(object_at(payload, "event").get("event_type")).startswith("incident."):
        return True
    messages = payload.get("messages")
    return isinstance(messages, list) and any(
        isinstance(message, dict) and object_at(message, "incident") for message in messages
    )


TRACKERS: Final[tuple[tuple[Callable[[Payload], bool], Reader], ...]] = (
    (_is_jira, read_jira),
    (lambda p: bool(object_at(p, "issue")) and bool(object_at(p, "repository")), read_github),
    (lambda p: p.get("object_kind") in ("issue", "work_item", "incident"), read_gitlab),
    (_is_pagerduty, read_pagerduty),
    (_is_zendesk, read_zendesk),
    (_is_servicenow, read_servicenow),
)
