"""Queries over tickets: `ticket`, `tickets`, `triageQueue`, `similarTickets`."""

from typing import Annotated, Final

import strawberry

from graphql_api.connections import After, Connection, First, connection_of
from graphql_api.context import Info, RequestContext
from graphql_api.errors import ApiError, ErrorCode, bad_input
from graphql_api.pagination import (
    checked_page_size,
    decode_cursor,
    encode_cursor,
    split_page,
)
from graphql_api.similar_tickets import Similar
from graphql_api.store.ticket_texts import TicketText, bounded_text
from graphql_api.store.tickets import (
    TicketFilter,
    TicketKey,
    TicketRow,
    select_queue,
    select_ticket,
    select_tickets,
    select_tickets_at,
)
from graphql_api.tickets import Project, Ticket, decode_ticket_id
from streams.domain.tickets.own_json import MAX_DERIVED_TITLE

MAX_TEXT_CHARS: Final = 20_000
_MAX_SIMILAR: Final = 50
_MAX_VALUES: Final = 10


@strawberry.input(description="A field of tickets and a value of it.")
class FieldValueInput:
    """A field of tickets and a value of it."""

    field: str = strawberry.field(description="The field: category, priority, team ...")
    value: str = strawberry.field(description="The value.")


@strawberry.type(description="An earlier ticket that is alike.")
class SimilarTicket:
    """An earlier ticket that is alike."""

    ticket: Ticket = strawberry.field(description="The ticket.")
    score: float = strawberry.field(
        description="How alike the texts are, above 0 to 1; recent tickets have a small bonus."
    )
    is_likely_duplicate: bool = strawberry.field(
        description="Whether the texts are nearly the same, with the same numbers in the title."
    )


@strawberry.type(description="Tickets that are alike, best first.")
class SimilarTickets:
    """Tickets that are alike, best first."""

    matches: list[SimilarTicket] = strawberry.field(description="The tickets, best first.")
    indexed_tickets: int = strawberry.field(description="Among how many was searched.")
    is_complete: bool = strawberry.field(
        description="False while the project's index is still being loaded: ask again."
    )


async def require_ticket(context: RequestContext, key: TicketKey) -> TicketRow:
    """Return a ticket.

    Raises:
        ApiError: there is none.
    """
    found = await select_ticket(context.services.database, *key)
    if found is None:
        raise ApiError(ErrorCode.NOT_FOUND, "there is no such ticket")
    return found


def key_of(
    id: str | None,
    project: str | None,
    ticket_id: str | None,
) -> TicketKey:
    """Return the ticket that is named in one of the two ways.

    Raises:
        ApiError: it is named in both or in neither.
    """
    if id is not None and project is None and ticket_id is None:
        return decode_ticket_id(id)
    if id is None and project is not None and ticket_id is not None:
        return project, ticket_id
    raise bad_input("give either id, or project and ticketId", "id")


@strawberry.type
class TicketQuery:
    """Queries over tickets."""

    @strawberry.field(
        description="A ticket by its id, or by project and ticketId; null when there is none."
    )
    async def ticket(
        self,
        info: Info,
        id: Annotated[
            strawberry.ID | None, strawberry.argument(description="The ticket's opaque id.")
        ] = None,
        project: Annotated[
            str | None, strawberry.argument(description="Its project, with ticketId.")
        ] = None,
        ticket_id: Annotated[
            str | None, strawberry.argument(description="Its id in the project.")
        ] = None,
    ) -> Ticket | None:
        """Return one ticket."""
        key = key_of(id, project, ticket_id)
        found = await select_ticket(info.context.services.database, *key)
        return Ticket.from_row(found) if found else None

    @strawberry.field(description="Tickets, the newest revision first.")
    async def tickets(  # noqa: PLR0913 - one argument a filter
        self,
        info: Info,
        project: Project = None,
        status: Annotated[
            str | None, strawberry.argument(description="Only tickets of this status.")
        ] = None,
        values: Annotated[
            list[FieldValueInput] | None,
            strawberry.argument(description="Only tickets triaged into all of these, at most 10."),
        ] = None,
        needs_human: Annotated[
            bool | None, strawberry.argument(description="Only those that do, or do not.")
        ] = None,
        first: First = 20,
        after: After = None,
    ) -> Connection[Ticket]:
        """Return a page of tickets."""
        size = checked_page_size(first, "first")
        if values is not None and len(values) > _MAX_VALUES:
            raise bad_input(f"values must be at most {_MAX_VALUES}", "values")
        wanted = TicketFilter(
            project=project,
            status=status,
            needs_human=needs_human,
            values=tuple((one.field, one.value) for one in values or ()),
            after=None if after is None else decode_cursor(after, tuple[int, str, str]),
        )
        found = await select_tickets(info.context.services.database, wanted, size + 1)
        rows, has_next = split_page(found, size)
        return connection_of(
            [Ticket.from_row(row) for row in rows],
            [encode_cursor([row.revision, row.project, row.ticket_id]) for row in rows],
            has_next=has_next,
            after=after,
        )

    @strawberry.field(
        description="Tickets of which a person must say what an unsure field is, oldest first."
    )
    async def triage_queue(
        self, info: Info, project: Project = None, first: First = 20, after: After = None
    ) -> Connection[Ticket]:
        """Return a page of the queue."""
        size = checked_page_size(first, "first")
        place = None if after is None else decode_cursor(after, tuple[int, str, str])
        found = await select_queue(info.context.services.database, project, place, size + 1)
        rows, has_next = split_page(found, size)
        return connection_of(
            [Ticket.from_row(row) for row in rows],
            [encode_cursor([_created_ns(row), row.project, row.ticket_id]) for row in rows],
            has_next=has_next,
            after=after,
        )

    @strawberry.field(
        description="The tickets most like a text, or most like a ticket and earlier than it."
    )
    async def similar_tickets(
        self,
        info: Info,
        text: Annotated[
            str | None, strawberry.argument(description="A text; its first line is the title.")
        ] = None,
        id: Annotated[
            strawberry.ID | None, strawberry.argument(description="A ticket, instead of a text.")
        ] = None,
        project: Annotated[
            str | None, strawberry.argument(description="The project, with a text.")
        ] = None,
        limit: Annotated[int, strawberry.argument(description="How many at most: 1 to 50.")] = 10,
    ) -> SimilarTickets:
        """Return the tickets most alike."""
        if not 1 <= limit <= _MAX_SIMILAR:
            raise bad_input(f"limit must be within 1..{_MAX_SIMILAR}", "limit")
        context = info.context
        if id is not None and text is None and project is None:
            row = await require_ticket(context, decode_ticket_id(id))
            asked = bounded_text(row.ticket_id, _created_ns(row), row.title, row.body)
            return await _similar(context, row.project, asked, limit)
        if id is None and text is not None and project is not None:
            return await _similar(context, project, _asked(text), limit)
        raise bad_input("give either id, or text and project", "text")


def _created_ns(row: TicketRow) -> int:
    return row.revision if row.created_ns is None else row.created_ns


def _asked(text: str) -> TicketText:
    """Return a text as a ticket: that of our own JSON with this message.

    Raises:
        ApiError: the text is empty or too long.
    """
    if not text.strip() or len(text) > MAX_TEXT_CHARS:
        raise bad_input(f"text must have 1 to {MAX_TEXT_CHARS} characters", "text")
    body = text.strip()
    return bounded_text("", 0, body.split("\n", 1)[0][:MAX_DERIVED_TITLE], body)


async def _similar(
    context: RequestContext, project: str, asked: TicketText, limit: int
) -> SimilarTickets:
    services = context.services
    found = await services.similar_tickets.search(
        project, asked, limit, only_earlier=bool(asked.ticket_id)
    )
    return SimilarTickets(
        matches=await _matches(context, project, found),
        indexed_tickets=found.indexed,
        is_complete=found.is_complete,
    )


async def _matches(context: RequestContext, project: str, found: Similar) -> list[SimilarTicket]:
    """Return the matches with their tickets; one that has gone since is left out."""
    keys = [(project, one.ticket_id) for one in found.tickets]
    rows = await select_tickets_at(context.services.database, keys) if keys else []
    by_id = {row.ticket_id: Ticket.from_row(row) for row in rows}
    return [
        SimilarTicket(
            ticket=by_id[one.ticket_id],
            score=one.score,
            is_likely_duplicate=one.is_likely_duplicate,
        )
        for one in found.tickets
        if one.ticket_id in by_id
    ]
