"""Triaged tickets."""

from datetime import datetime

from graphql_api.feeds.feed import RowFeed
from graphql_api.live import Listener, TriageNote
from graphql_api.store.database import Database
from graphql_api.store.tickets import (
    TicketKey,
    TicketRow,
    select_tickets_at,
    select_triaged_since,
)


class TriageFeed(RowFeed[TicketKey, list[TicketRow]]):
    """Tickets as they are triaged, each triage once; those of a batch come together."""

    def __init__(self, database: Database, listener: Listener) -> None:
        super().__init__(database, listener)
        listener.on_triage.append(self._note)

    def _note(self, note: TriageNote) -> None:
        self._name((note.project, note.ticket_id))

    async def _changed_since(self, moment: datetime) -> list[TicketKey]:
        return await select_triaged_since(self._database, moment)

    async def _publish_rows(self, keys: list[TicketKey]) -> None:
        found = await select_tickets_at(self._database, keys)
        by_key = {(row.project, row.ticket_id): row for row in found}
        new = [by_key[key] for key in keys if key in by_key and self._is_told_new(by_key[key])]
        if new:
            self._publish(new, len(new))

    def _is_told_new(self, row: TicketRow) -> bool:
        if row.triage is None:
            return False
        moment = row.triage.triaged_at
        return self._is_new((row.project, row.ticket_id), moment, moment)
