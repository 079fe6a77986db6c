"""The ticket streams: revisions -> triages, and feedback -> what the model learns."""

from collections.abc import Iterable, Sequence
from typing import Final

from schemas.db.pool import Connection
from schemas.records import Rejection, SourceRecord
from streams.domain.tickets.prepared import (
    PreparedFeedback,
    PreparedTickets,
    prepare_feedback,
    prepare_tickets,
)
from streams.domain.triage.config import TriageConfig
from streams.offsets import OffsetSpan
from streams.store.feedback import (
    Outcome,
    StoredFeedback,
    forget_from,
    insert_feedback,
    insert_outcomes,
    insert_snapshot,
    replace_feedback,
    select_feedback,
)
from streams.store.tickets import (
    CurrentTicket,
    NewTriage,
    StoredTriage,
    TicketKey,
    delete_tickets,
    delete_triages,
    insert_revisions,
    replace_revisions,
    select_alert_groups,
    select_newest,
    select_triages,
    upsert_tickets,
    upsert_triage,
)
from streams.triage_keeper import TriageKeeper

SNAPSHOT_EVENTS: Final = 500
MAX_OFFSET: Final = 2**62


class TicketsHandler:
    """Prepares ticket records and writes them with a triage of each newest revision."""

    def __init__(self, config: TriageConfig) -> None:
        self._keeper = TriageKeeper(config)

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
        newest = await select_newest(connection, keys)
        groups = await select_alert_groups(connection, keys)
        await upsert_tickets(connection, newest.values())
        await delete_tickets(connection, keys - newest.keys())
        groups |= await select_alert_groups(connection, keys)
        followers = {key for key, is_leader in groups.items() if not is_leader}
        touched = keys | groups.keys()
        await delete_triages(connection, followers | (keys - newest.keys()))
        newest |= await select_newest(connection, touched - keys)
        await self._triage(connection, [newest[key] for key in newest.keys() - followers])

    async def _triage(self, connection: Connection, tickets: Iterable[CurrentTicket]) -> None:
        """Triage the tickets whose newest revision has no triage yet."""
        wanted = sorted(tickets, key=lambda one: one.key)
        stored = await select_triages(connection, [one.key for one in wanted])
        await self._keeper.catch_up(connection)
        for one in wanted:
            if not _is_current(one, stored.get(one.key)):
                await upsert_triage(connection, self._predict(one))

    def _predict(self, current: CurrentTicket) -> NewTriage:
        triage = self._keeper.model.predict(current.ticket)
        return NewTriage(current, triage, self._keeper.offset)


def _is_current(current: CurrentTicket, stored: StoredTriage | None) -> bool:
    return stored is not None and stored.content_hash == current.content_hash


class RetriageHandler(TicketsHandler):
    """Replays tickets and triages each again with today's model."""

    def __init__(self, config: TriageConfig) -> None:
        super().__init__(config)
        self.retriaged_count = 0

    async def replace(
        self, connection: Connection, span: OffsetSpan, records: Sequence[PreparedTickets]
    ) -> bool:
        """Write a block, triage its tickets again; tell whether anything differs."""
        has_changed = await super().replace(connection, span, records)
        keys = {
            TicketKey(one.ticket.project, one.ticket.ticket_id)
            for record in records
            for one in record.revisions
        }
        stored = await select_triages(connection, keys)
        newest = await select_newest(connection, stored.keys())
        await self._keeper.catch_up(connection)
        before = self.retriaged_count
        for key, triage in sorted(stored.items()):
            new = self._predict(newest[key])
            if new.document != triage.document:
                self.retriaged_count += 1
                await upsert_triage(connection, new)
        return has_changed or self.retriaged_count > before


class FeedbackHandler:
    """Prepares feedback records, writes them with what the model had said, and learns them."""

    def __init__(self, config: TriageConfig) -> None:
        self._keeper = TriageKeeper(config)

    def prepare(self, record: SourceRecord) -> PreparedFeedback:
        """Return the feedback of the record, or why there is none."""
        return prepare_feedback(record)

    def reject(self, record: SourceRecord, rejection: Rejection) -> PreparedFeedback:
        """Return the record as rejected."""
        return PreparedFeedback(record=record, rejection=rejection)

    def newest_event_ns(self, records: Sequence[PreparedFeedback]) -> int:
        """Return 0: feedback closes no window."""
        return 0

    async def append(
        self, connection: Connection, span: OffsetSpan, records: Sequence[PreparedFeedback]
    ) -> None:
        """Write the feedback of records never stored before, with its outcomes."""
        await insert_feedback(connection, records)
        await self._fold(connection, span.first, span.end)

    async def replace(
        self, connection: Connection, span: OffsetSpan, records: Sequence[PreparedFeedback]
    ) -> bool:
        """Write a block in place of what is stored; where it differs, fold anew from there."""
        if not await replace_feedback(connection, span, records):
            return False
        await forget_from(connection, span.first)
        await self._fold(connection, span.first, MAX_OFFSET)
        return True

    async def _fold(self, connection: Connection, first: int, end: int) -> None:
        """Learn the stored feedback of [first, end) and store what the model had said before.

        A model that has learned what was then not committed lies behind `first` next time, and is
        loaded anew.
        """
        await self._keeper.learn_up_to(connection, first)
        for event in await select_feedback(connection, first, end):
            await insert_outcomes(connection, self._outcomes(event))
            self._keeper.learn(event)
            if self._keeper.model.feedback_count % SNAPSHOT_EVENTS == 0:
                await self._snapshot(connection)

    def _outcomes(self, event: StoredFeedback) -> list[Outcome]:
        labels = {field: label for field, label in sorted(event.feedback.labels.items()) if label}
        said = self._keeper.model.predict(event.feedback.ticket, list(labels)).fields
        return [
            Outcome(
                offset=event.offset,
                field=field,
                project=event.feedback.ticket.project,
                predicted=said[field].value,
                confidence=said[field].confidence,
                actual=label,
                needs_human=said[field].needs_human,
            )
            for field, label in labels.items()
        ]

    async def _snapshot(self, connection: Connection) -> None:
        await insert_snapshot(
            connection,
            self._keeper.offset,
            state_hash=self._keeper.model.state_hash(),
            payload=self._keeper.model.snapshot(),
        )
