"""The feedback stream: what people said -> what the model had said, and what it learns."""

from collections.abc import Sequence
from typing import Final

from schemas.db.pool import Connection
from schemas.errors import ConfigError
from schemas.records import Rejection, SourceRecord
from streams.domain.tickets.prepared import PreparedFeedback, prepare_feedback
from streams.domain.triage.config import TriageConfig
from streams.offsets import OffsetSpan
from streams.store.feedback import (
    Outcome,
    StoredFeedback,
    forget_from,
    insert_feedback,
    insert_outcomes,
    replace_feedback,
    select_feedback,
    select_feedback_end,
)
from streams.triage_keeper import FEEDBACK_PARTITION, TriageKeeper

FOLD_EVENTS: Final = 500


class FeedbackHandler:
    """Prepares feedback records, writes them with what the model had said, and learns them."""

    def __init__(self, config: TriageConfig) -> None:
        self._keeper = TriageKeeper(config)

    async def warm_up(self, connection: Connection) -> None:
        """Learn the stored feedback, which may take long, before the first batch."""
        await self._keeper.warm_up(connection)

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
        """Write the feedback of records never stored before, with its outcomes.

        Raises:
            ConfigError: the topic has more than the one partition that orders all feedback.
        """
        if span.partition != FEEDBACK_PARTITION:
            raise ConfigError(f"topic {span.topic} must have one partition: it orders all feedback")
        await insert_feedback(connection, records)
        await self._fold(connection, span.first, span.end)

    async def replace(
        self, connection: Connection, span: OffsetSpan, records: Sequence[PreparedFeedback]
    ) -> bool:
        """Write a block in place of what is stored; where it differs, fold anew from there."""
        if not await replace_feedback(connection, span, records):
            return False
        await forget_from(connection, span.first)
        end = max(span.end, await select_feedback_end(connection))
        await self._fold(connection, span.first, end)
        return True

    async def _fold(self, connection: Connection, first: int, end: int) -> None:
        """Learn the stored feedback of [first, end) and store what the model had said before.

        A model that has learned what was then not committed lies behind `first` next time, and is
        loaded anew.
        """
        await self._keeper.learn_up_to(connection, first)
        while first < end:
            events = await select_feedback(connection, first, end, limit=FOLD_EVENTS)
            outcomes = []
            for event in events:
                outcomes += self._outcomes(event)
                await self._keeper.learn_and_keep(connection, event)
            await insert_outcomes(connection, outcomes)
            first = events[-1].offset + 1 if len(events) == FOLD_EVENTS else end

    def _outcomes(self, event: StoredFeedback) -> list[Outcome]:
        labels = dict(sorted(event.feedback.labels.items()))
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
