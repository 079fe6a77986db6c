"""What resolvers are handed: the services of the process, and the request they answer."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import strawberry
from strawberry.dataloader import DataLoader

from graphql_api.auth.access import Access
from graphql_api.auth.passwords import Passwords
from graphql_api.auth.principal import Origin, Principal
from graphql_api.auth.sessions import Sessions
from graphql_api.auth.tokens import AccessTokens
from graphql_api.feeds.changelogs import ChangelogFeed
from graphql_api.feeds.lines import LineFeed
from graphql_api.feeds.replays import ReplayFeed
from graphql_api.feeds.summaries import SummaryFeed
from graphql_api.feeds.triages import TriageFeed
from graphql_api.live import Listener
from graphql_api.producer import EndOffsets, Producer
from graphql_api.similar_tickets import SimilarTickets
from graphql_api.store.database import Database
from graphql_api.store.lines import LineReader
from graphql_api.store.logs import select_templates_of_shapes
from graphql_api.ticket_loaders import TicketLoaders
from schemas.settings import Settings

if TYPE_CHECKING:
    from graphql_api.logs import LogEntry


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the process."""

    settings: Settings
    database: Database
    producer: Producer
    end_offsets: EndOffsets
    listener: Listener
    passwords: Passwords
    tokens: AccessTokens
    access: Access
    sessions: Sessions
    lines: "LineReader[LogEntry]"
    line_feed: "LineFeed[LogEntry]"
    summary_feed: SummaryFeed
    changelog_feed: ChangelogFeed
    generating: asyncio.Semaphore
    triage_feed: TriageFeed
    replay_feed: ReplayFeed
    similar_tickets: SimilarTickets


@dataclass(slots=True)
class RequestContext:
    """What lives as long as a request; `info.context` in resolvers."""

    services: Services
    principal: Principal
    origin: Origin
    idempotency_key: str | None = None
    # Loaders are made at their first use: most requests need none.
    _template_loader: DataLoader[int, int] | None = field(init=False, default=None)
    _ticket_loaders: TicketLoaders | None = field(init=False, default=None)

    @property
    def template_loader(self) -> DataLoader[int, int]:
        """Return the loader of templates: one statement for all entries; nothing is kept."""
        if self._template_loader is None:
            self._template_loader = DataLoader(self._load_templates, cache=False)
        return self._template_loader

    @property
    def ticket_loaders(self) -> TicketLoaders:
        """Return the loaders for tickets."""
        if self._ticket_loaders is None:
            self._ticket_loaders = TicketLoaders(self.services.database)
        return self._ticket_loaders

    async def _load_templates(self, shape_ids: list[int]) -> list[int]:
        found = await select_templates_of_shapes(self.services.database, shape_ids)
        return [found[shape_id] for shape_id in shape_ids]


Info: TypeAlias = strawberry.Info[RequestContext, None]
