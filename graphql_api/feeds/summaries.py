"""New and revised window summaries."""

from datetime import datetime

from graphql_api.feeds.feed import RowFeed
from graphql_api.live import Listener, SummaryNote
from graphql_api.store.database import Database
from graphql_api.store.summaries import (
    StoredSummary,
    WindowKey,
    select_summaries_at,
    select_windows_since,
)


class SummaryFeed(RowFeed[WindowKey, StoredSummary]):
    """New and revised window summaries, each revision once."""

    def __init__(self, database: Database, listener: Listener) -> None:
        super().__init__(database, listener)
        listener.on_summary.append(self._note)

    def _note(self, note: SummaryNote) -> None:
        self._name((note.service, note.start_ns))

    async def _changed_since(self, moment: datetime) -> list[WindowKey]:
        return await select_windows_since(self._database, moment)

    async def _publish_rows(self, keys: list[WindowKey]) -> None:
        for summary in await select_summaries_at(self._database, keys):
            window = (summary.service, summary.start_ns)
            if self._is_new(window, summary.revision, summary.updated_at):
                self._publish(summary)
