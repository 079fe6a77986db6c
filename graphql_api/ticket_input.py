"""A ticket as it is submitted: checked, and written as our own JSON."""

from typing import Final

import msgspec
import strawberry

from graphql_api.errors import bad_input
from graphql_api.scalars import Instant, Json
from graphql_api.ticket_queries import FieldValueInput
from streams.domain.tickets.members import MAX_ENTRIES, MAX_NAME_CHARS, MAX_VALUE_CHARS
from streams.domain.triage.features import MAX_TITLE_CHARS

MAX_BODY_BYTES: Final = 256 * 1024
MAX_VALUES: Final = 20
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


@strawberry.input(description="A ticket, or a revision of one.")
class TicketInput:
    """A ticket, or a revision of one."""

    project: str = strawberry.field(description="Its project, at most 200 characters.")
    title: str | None = strawberry.field(
        default=None, description="Its title; without one, the first line of the body."
    )
    body: str | None = strawberry.field(default=None, description="Its text, at most 256 KiB.")
    ticket_id: str | None = strawberry.field(
        default=None, description="Its id in the project; without one it gets one."
    )
    status: str | None = strawberry.field(default=None, description="Its status.")
    reporter: str | None = strawberry.field(default=None, description="Who reports it.")
    url: str | None = strawberry.field(default=None, description="Where it can be seen.")
    created: Instant | None = strawberry.field(default=None, description="When it came to be.")
    updated: Instant | None = strawberry.field(
        default=None, description="When this revision came to be: the newest one counts."
    )
    alert_key: str | None = strawberry.field(
        default=None, description="What identical alerts have in common."
    )
    labels: list[FieldValueInput] | None = strawberry.field(
        default=None, description="What the source says of fields, at most 20."
    )
    metadata: Json | None = strawberry.field(
        default=None, description="An object of at most 64 further entries."
    )


def value_of(ticket: TicketInput) -> bytes:
    """Return a ticket as our own JSON.

    Raises:
        ApiError: a part is missing or too large.
    """
    if not ticket.project.strip():
        raise bad_input("project is empty", "project")
    if len((ticket.body or "").encode()) > MAX_BODY_BYTES:
        raise bad_input(f"body is larger than {MAX_BODY_BYTES} bytes", "body")
    short = (ticket.title, ticket.status, ticket.reporter, ticket.url, ticket.alert_key)
    if any(len(text or "") > MAX_TITLE_CHARS for text in short):
        raise bad_input(f"a text other than body has over {MAX_TITLE_CHARS} characters", "ticket")
    payload = {
        "project": ticket.project.strip(),
        "ticket_id": ticket.ticket_id,
        "title": ticket.title,
        "body": ticket.body,
        "status": ticket.status,
        "reporter": ticket.reporter,
        "url": ticket.url,
        "created_at": ticket.created,
        "updated_at": ticket.updated,
        "alert_key": ticket.alert_key,
        "labels": labels_of(ticket.labels) if ticket.labels else None,
        "metadata": None if ticket.metadata is None else _checked_metadata(ticket.metadata),
    }
    return _ENCODER.encode({name: one for name, one in payload.items() if one is not None})


def _checked_metadata(metadata: object) -> dict[str, object]:
    """Return metadata that the stream keeps whole.

    Raises:
        ApiError: it is no object, or larger than what is kept.
    """
    if not isinstance(metadata, dict) or len(metadata) > MAX_ENTRIES:
        raise bad_input(f"metadata must be an object of at most {MAX_ENTRIES} entries", "metadata")
    for name, value in metadata.items():
        if len(name) > MAX_NAME_CHARS or len(_ENCODER.encode(value)) > MAX_VALUE_CHARS:
            raise bad_input("an entry of metadata is too long", "metadata")
    return metadata


def labels_of(values: list[FieldValueInput]) -> dict[str, str]:
    """Return the values by field.

    Raises:
        ApiError: there is none, or too many, or one is empty or too long, or a field comes twice.
    """
    if not 1 <= len(values) <= MAX_VALUES:
        raise bad_input(f"there must be 1 to {MAX_VALUES} values", "values")
    labels = {one.field.strip(): one.value.strip() for one in values}
    if len(labels) < len(values):
        raise bad_input("a field is named twice", "values")
    if any(not 1 <= len(text) <= MAX_NAME_CHARS for pair in labels.items() for text in pair):
        raise bad_input(f"fields and values have 1 to {MAX_NAME_CHARS} characters", "values")
    return labels
