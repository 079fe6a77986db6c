"""Triaged tickets, read once a process for all who follow them."""

from collections import OrderedDict
from datetime import datetime
from typing import Final

from graphql_api.errors import ApiError
from graphql_api.feeds import Feed
from graphql_api.live import Listener, TriageNote
from graphql_api.store.database import Database
from graphql_api.store.tickets import (
    TicketKey,
    TicketRow,
    select_tickets_at,
    select_triaged_since,
)

_REMEMBERED: Final = 10_000
_READ_AT_ONCE: Final = 200


class TriageFeed(Feed[list[TicketRow]]):
    """Tickets as they are triaged, each triage once; those of a batch come together."""

    def __init__(self, database: Database, listener: Listener) -> None:
        super().__init__(database)
        # In order of arrival, each once: a dict is the set that keeps it.
        self._keys: dict[TicketKey, None] = {}
        self._known: OrderedDict[TicketKey, datetime] = OrderedDict()
        self._newest: datetime | None = None
        listener.on_triage.append(self._note)
        listener.on_reconnect.append(self.resync)

    def _note(self, note: TriageNote) -> None:
        if self._task is not None:
            self._keys[note.project, note.ticket_id] = None
            self._wake.set()

    async def _start(self) -> None:
        self._keys = {}
        newest = await self._database.fetchrow("SELECT now() AS now")
        self._newest = newest["now"] if newest else None
        self._must_resync = False

    async def _read(self) -> None:
        if self._must_resync and self._newest is not None:
            for key in await select_triaged_since(self._database, self._newest):
                self._keys[key] = None
            self._must_resync = False
        while self._keys:
            await self._publish_some(list(self._keys)[:_READ_AT_ONCE])

    async def _publish_some(self, keys: list[TicketKey]) -> None:
        for key in keys:
            self._keys.pop(key)
        try:
            found = await select_tickets_at(self._database, keys)
        except ApiError:
            self._keys.update(dict.fromkeys(keys))
            raise
        by_key = {(row.project, row.ticket_id): row for row in found}
        new = [by_key[key] for key in keys if key in by_key and self._is_new(key, by_key[key])]
        if new:
            self._publish(new, len(new))

    def _is_new(self, key: TicketKey, row: TicketRow) -> bool:
        """Tell whether a triage was not published yet, and remember it."""
        if row.triage is None or self._known.get(key) == row.triage.triaged_at:
            return False
        moment = self._known[key] = row.triage.triaged_at
        self._known.move_to_end(key)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        self._newest = max(self._newest or moment, moment)
        return True
