"""Our own ticket JSON; the least is a `message`."""

from collections.abc import Iterator
from typing import Final

from schemas.errors import MalformedEventError
from schemas.events import TicketEvent
from streams.domain.tickets.members import (
    MAX_NAME_CHARS,
    Payload,
    first_text,
    first_time,
    metadata_of,
    object_at,
    text_of,
)
from streams.domain.tickets.trackers import Context

_TITLE: Final = ("title", "subject", "summary", "short_description")
_BODY: Final = ("body", "description", "message", "text")
_KNOWN: Final = frozenset(
    {
        *_TITLE, *_BODY, "ticket_id", "id", "key", "number", "project", "status", "state",
        "reporter", "author", "user", "url", "created_at", "created", "updated_at", "updated",
        "timestamp", "labels", "meta", "metadata", "alert_key",
    }
)  # fmt: skip
MAX_DERIVED_TITLE: Final = 200


def read_own(payload: Payload, context: Context) -> Iterator[TicketEvent]:
    """Yield the ticket; what has no place of its own is metadata.

    Raises:
        MalformedEventError: there is neither a title nor a text.
    """
    title, body = first_text(payload, *_TITLE), first_text(payload, *_BODY)
    if not title and not body:
        raise MalformedEventError("not_a_ticket", "no title, body or message")
    labels = {
        text_of(field)[:MAX_NAME_CHARS]: text
        for field, value in sorted(object_at(payload, "labels").items())
        if (text := text_of(value))
    }
    metadata = {name: value for name, value in payload.items() if name not in _KNOWN}
    if isinstance(payload.get("labels"), list):
        metadata["labels"] = payload["labels"]
    metadata |= object_at(payload, "metadata") | object_at(payload, "meta")
    yield TicketEvent(
        ticket_id=first_text(payload, "ticket_id", "id", "key", "number") or context.ticket_id,
        project=first_text(payload, "project") or context.project,
        title=title or body.split("\n", 1)[0][:MAX_DERIVED_TITLE],
        body=body,
        status=first_text(payload, "status", "state") or None,
        reporter=first_text(payload, "reporter", "author", "user") or None,
        url=first_text(payload, "url") or None,
        created_ns=first_time(payload, "created_at", "created", "timestamp"),
        revision=first_time(payload, "updated_at", "updated", "created_at", "created", "timestamp")
        or context.revision,
        labels=labels,
        metadata=metadata_of(metadata),
        alert_key=first_text(payload, "alert_key") or None,
    )
