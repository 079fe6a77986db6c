"""Templates: the messages that log lines are instances of."""

from typing import Annotated

import strawberry

from graphql_api.connections import After, Connection, First, connection_of
from graphql_api.context import Info
from graphql_api.log_lines import parse_template_id
from graphql_api.logs import Service
from graphql_api.pagination import (
    checked_page_size,
    decode_cursor,
    encode_cursor,
    split_page,
)
from graphql_api.scalars import Instant, Long, instant_from_ns
from graphql_api.store.templates import (
    StoredTemplate,
    TemplateFilter,
    select_template,
    select_templates,
)


@strawberry.type(description="A message with its variable parts left open.")
class LogTemplate:
    """A message with its variable parts left open."""

    id: strawberry.ID = strawberry.field(description="Its id; former ids lead here too.")
    service: str | None = strawberry.field(description="The service that writes it.")
    text: str = strawberry.field(description="The text, <*> for each variable part.")
    lines: Long = strawberry.field(description="How many lines have it.")
    first_seen: Instant = strawberry.field(description="The first event's time.")
    last_seen: Instant = strawberry.field(description="The last event's time.")
    example_id: strawberry.ID = strawberry.field(description="The log entry of the example.")
    example: str = strawberry.field(description="One of its lines.")

    @classmethod
    def from_stored(cls, stored: StoredTemplate) -> "LogTemplate":
        """Return the template in a row."""
        return cls(
            id=strawberry.ID(str(stored.template_id)),
            service=stored.service or None,
            text=stored.text,
            lines=Long(stored.lines),
            first_seen=instant_from_ns(stored.first_event_ns),
            last_seen=instant_from_ns(stored.last_event_ns),
            example_id=strawberry.ID(stored.example_id),
            example=stored.example,
        )


@strawberry.type
class LogTemplateQuery:
    """Queries over templates."""

    @strawberry.field(description="A template by any id it ever had; null when there is none.")
    async def template(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The template's id.")],
    ) -> LogTemplate | None:
        """Return one template."""
        found = await select_template(info.context.services.database, parse_template_id(id))
        return LogTemplate.from_stored(found) if found else None

    @strawberry.field(description="Templates, the newest first: by the time of their first event.")
    async def templates(
        self,
        info: Info,
        service: Service = None,
        text: Annotated[
            str | None, strawberry.argument(description="Only templates with this text.")
        ] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[LogTemplate]:
        """Return a page of templates."""
        size = checked_page_size(first, "first")
        place = None if after is None else decode_cursor(after, tuple[int, int])
        wanted = TemplateFilter(service=service, text=text, after=place)
        found = await select_templates(info.context.services.database, wanted, size + 1)
        rows, has_next = split_page(found, size)
        return connection_of(
            [LogTemplate.from_stored(row) for row in rows],
            [encode_cursor([row.first_event_ns, row.template_id]) for row in rows],
            has_next=has_next,
            after=after,
        )
