"""The subscription over tickets."""

from collections.abc import AsyncIterator

import strawberry

from graphql_api.context import Info
from graphql_api.tickets import Project, Ticket


@strawberry.type
class TicketSubscription:
    """Subscriptions over tickets."""

    @strawberry.subscription(description="Tickets as they are triaged, from now on.")
    async def ticket_triaged(self, info: Info, project: Project = None) -> AsyncIterator[Ticket]:
        """Yield tickets with their new triage."""
        async with info.context.services.triage_feed.subscribed() as subscriber:
            while True:
                for row in await subscriber.get():
                    if project is None or row.project == project:
                        yield Ticket.from_row(row)
