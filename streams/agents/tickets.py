"""The ticket stream: revisions -> the newest of each ticket -> its triage."""

import asyncio
from collections.abc import Iterable, Sequence

from schemas.db.pool import Connection
from schemas.records import Rejection, SourceRecord
from streams.domain.tickets.prepared import PreparedTickets, prepare_tickets
from streams.domain.triage.config import TriageConfig
from streams.offsets import OffsetSpan
from streams.store.alert_groups import groups_of, select_groups, select_leaders
from streams.store.tickets import (
    CurrentTicket,
    TicketKey,
    delete_tickets,
    insert_revisions,
    lock_projects,
    replace_revisions,
    select_newest,
    upsert_tickets,
)
from streams.store.triages import (
    NewTriage,
    StoredTriage,
    delete_triages,
    select_triages,
    upsert_triages,
)
from streams.triage_keeper import TriageKeeper


class TicketsHandler:
    """Prepares ticket records and writes them with a triage of each newest revision."""

    def __init__(self, config: TriageConfig) -> None:
        self._keeper = TriageKeeper(config)

    async def warm_up(self, connection: Connection) -> None:
        """Learn the stored feedback, which may take long, before the first batch."""
        await self._keeper.warm_up(connection)

    def prepare(self, record: SourceRecord) -> PreparedTickets:
        """Return the revisions of the record, or why there are none."""
        return prepare_tickets(record)

    def reject(self, record: SourceRecord, rejection: Rejection) -> PreparedTickets:
        """Return the record as rejected."""
        return PreparedTickets(record=record, rejection=rejection)

    def newest_event_ns(self, records: Sequence[PreparedTickets]) -> int:
        """Return 0: tickets close no window."""
        return 0

    async def append(
        self, connection: Connection, span: OffsetSpan, records: Sequence[PreparedTickets]
    ) -> None:
        """Write the revisions of records never stored before, and what they change."""
        await self._refresh(connection, await insert_revisions(connection, span, records))

    async def replace(
        self, connection: Connection, span: OffsetSpan, records: Sequence[PreparedTickets]
    ) -> bool:
        """Write a block in place of what is stored for it; triages of unchanged tickets stay."""
        keys = await replace_revisions(connection, span, records)
        await self._refresh(connection, keys)
        return bool(keys)

    async def _refresh(self, connection: Connection, keys: set[TicketKey]) -> None:
        """Bring tickets, alert groups and triages in line with the revisions."""
        if not keys:
            return
        await lock_projects(connection, keys)
        newest = await select_newest(connection, keys)
        groups = await select_groups(connection, keys) | groups_of(newest.values())
        formerly = await select_leaders(connection, groups)
        await upsert_tickets(connection, newest.values())
        await delete_tickets(connection, keys - newest.keys())
        leaders = await select_leaders(connection, groups)
        alone = {key for key, one in newest.items() if one.ticket.alert_key is None}
        await delete_triages(connection, (keys | formerly) - alone - leaders)
        newest |= await select_newest(connection, leaders - newest.keys())
        await self._triage(connection, [newest[key] for key in alone | leaders])

    async def _triage(self, connection: Connection, tickets: Iterable[CurrentTicket]) -> None:
        """Triage the tickets whose newest revision has no triage yet."""
        wanted = sorted(tickets, key=lambda one: one.key)
        stored = await select_triages(connection, [one.key for one in wanted])
        untriaged = [one for one in wanted if not _is_current(one, stored.get(one.key))]
        await upsert_triages(connection, await self._predict(connection, untriaged))

    async def _predict(
        self, connection: Connection, tickets: Sequence[CurrentTicket]
    ) -> list[NewTriage]:
        """Return the triages by today's model; the event loop gets its turn after each."""
        await self._keeper.catch_up(connection)
        triages = []
        for one in tickets:
            triage = self._keeper.model.predict(one.ticket)
            triages.append(NewTriage(one, triage, self._keeper.offset))
            await asyncio.sleep(0)
        return triages


def _is_current(current: CurrentTicket, stored: StoredTriage | None) -> bool:
    return stored is not None and stored.content_hash == current.content_hash


class RetriageHandler(TicketsHandler):
    """Replays tickets and triages each again with today's model."""

    def __init__(self, config: TriageConfig) -> None:
        super().__init__(config)
        self._retriaged: set[TicketKey] = set()

    def take_retriaged(self) -> frozenset[TicketKey]:
        """Return which tickets have other answers since the last call."""
        retriaged, self._retriaged = frozenset(self._retriaged), set()
        return retriaged

    async def replace(
        self, connection: Connection, span: OffsetSpan, records: Sequence[PreparedTickets]
    ) -> bool:
        """Write a block, triage its tickets again; tell whether anything differs."""
        changed = await replace_revisions(connection, span, records)
        mentioned = {
            TicketKey(one.ticket.project, one.ticket.ticket_id)
            for record in records
            for one in record.revisions
        }
        await lock_projects(connection, changed | mentioned)
        await self._refresh(connection, changed)
        return await self._retriage(connection, mentioned) or bool(changed)

    async def _retriage(self, connection: Connection, keys: set[TicketKey]) -> bool:
        """Store the triages that say something else now; the others stay as they are."""
        stored = await select_triages(connection, keys)
        newest = await select_newest(connection, stored.keys())
        triages = await self._predict(connection, [newest[key] for key in sorted(stored)])
        other = [
            new for new in triages if new.triage.fields != stored[new.current.key].triage.fields
        ]
        await upsert_triages(connection, other)
        self._retriaged.update(new.current.key for new in other)
        return bool(other)
