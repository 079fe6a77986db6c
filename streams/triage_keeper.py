"""Keeps a triage model in step with the feedback that is stored."""

from typing import Final

from schemas.db.pool import Connection
from schemas.topics import TRIAGE_FEEDBACK
from streams.domain.triage.config import TriageConfig
from streams.domain.triage.model import TriageModel
from streams.offsets import select_stored_range
from streams.store.feedback import StoredFeedback, select_feedback, select_snapshot

FEEDBACK_PARTITION: Final = 0
LEARN_EVENTS: Final = 500


class TriageKeeper:
    """A model that has learned all feedback below `offset`, in its order."""

    def __init__(self, config: TriageConfig) -> None:
        self._config = config
        self.model = TriageModel(config)
        self.offset = 0
        self._is_loaded = False

    async def catch_up(self, connection: Connection) -> None:
        """Learn what is stored and was not learned yet."""
        stored = await select_stored_range(connection, TRIAGE_FEEDBACK.name, FEEDBACK_PARTITION)
        await self.learn_up_to(connection, stored.next if stored else 0)

    async def learn_up_to(self, connection: Connection, offset: int) -> None:
        """Be the model of the feedback below `offset`, which may lie before what was learned."""
        if not self._is_loaded or offset < self.offset:
            await self._load(connection, offset)
        while self.offset < offset:
            events = await select_feedback(
                connection, self.offset, min(offset, self.offset + LEARN_EVENTS)
            )
            for event in events:
                self.model.learn(event.feedback)
            self.offset = min(offset, self.offset + LEARN_EVENTS)

    def learn(self, event: StoredFeedback) -> None:
        """Learn the next event."""
        self.model.learn(event.feedback)
        self.offset = event.offset + 1

    async def _load(self, connection: Connection, offset: int) -> None:
        snapshot = await select_snapshot(connection, offset)
        if snapshot is None:
            self.model, self.offset = TriageModel(self._config), 0
        else:
            self.model = TriageModel.restore(snapshot.payload, self._config)
            self.offset = snapshot.feedback_offset
        self._is_loaded = True
