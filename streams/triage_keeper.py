"""Keeps a triage model in step with the feedback that is stored."""

import asyncio
from hashlib import sha256
from importlib.resources import files
from typing import Final
from uuid import UUID

import msgspec
import structlog

from schemas.db.pool import Connection
from schemas.topics import TRIAGE_FEEDBACK
from streams.domain.triage.config import TriageConfig
from streams.domain.triage.model import SnapshotError, TriageModel, hash_of_snapshot
from streams.offsets import select_stored_range
from streams.store.feedback import (
    Snapshot,
    StoredFeedback,
    insert_snapshot,
    select_feedback,
    select_generation,
    select_snapshot,
)

log = structlog.get_logger()

FEEDBACK_PARTITION: Final = 0
LEARN_EVENTS: Final = 500
# Learning so many again takes seconds; writing a large model takes as long as hundreds of answers.
SNAPSHOT_EVENTS: Final = 2_000


class TriageKeeper:
    """A model that has learned all feedback below `offset`, in its order."""

    def __init__(self, config: TriageConfig) -> None:
        self._config = config
        self._rules_hash = hash_rules(config)
        self.model = TriageModel(config)
        self.offset = 0
        # Of the feedback that the model learned; None while it must not be trusted.
        self._generation: UUID | None = None

    async def warm_up(self, connection: Connection) -> None:
        """Learn what is stored and keep snapshots, so that a start cut short goes on from there.

        Comes before any transaction: after a change of the configuration or of the code all
        feedback is learned anew, which may take minutes.
        """
        end = await _select_end(connection)
        await self._begin(connection, end)
        while events := await select_feedback(connection, self.offset, end, limit=LEARN_EVENTS):
            for event in events:
                await self.learn_and_keep(connection, event)

    async def catch_up(self, connection: Connection) -> None:
        """Learn what is stored and was not learned yet."""
        await self.learn_up_to(connection, await _select_end(connection))

    async def learn_up_to(self, connection: Connection, offset: int) -> None:
        """Be the model of the feedback below `offset`, which may lie before what was learned."""
        await self._begin(connection, offset)
        while self.offset < offset:
            events = await select_feedback(connection, self.offset, offset, limit=LEARN_EVENTS)
            for event in events:
                self.learn(event)
                # Learning takes milliseconds; in between the event loop gets its turn.
                await asyncio.sleep(0)
            if len(events) < LEARN_EVENTS:
                self.offset = offset

    def learn(self, event: StoredFeedback) -> None:
        """Learn the next event; a model that fails midway is loaded anew next time."""
        generation, self._generation = self._generation, None
        self.model.learn(event.feedback)
        self.offset = event.offset + 1
        self._generation = generation

    def snapshot(self) -> Snapshot:
        """Return the model as it is stored."""
        payload = self.model.snapshot()
        return Snapshot(
            feedback_offset=self.offset,
            state_hash=hash_of_snapshot(payload),
            rules_hash=self._rules_hash,
            payload=payload,
        )

    async def learn_and_keep(self, connection: Connection, event: StoredFeedback) -> None:
        """Learn the next event and store the snapshot that is due."""
        self.learn(event)
        if self.model.feedback_count % SNAPSHOT_EVENTS == 0:
            await insert_snapshot(connection, self.snapshot())
        await asyncio.sleep(0)

    async def _begin(self, connection: Connection, offset: int) -> None:
        """Load a model unless this one has learned nothing from the offset on, nor what is gone."""
        generation = await select_generation(connection)
        if generation != self._generation or offset < self.offset:
            await self._load(connection, offset, generation)

    async def _load(self, connection: Connection, offset: int, generation: UUID) -> None:
        """Begin with the newest snapshot that can be read, else with nothing."""
        self._generation = None
        self.model, self.offset = TriageModel(self._config), 0
        stored = await select_snapshot(connection, offset, rules_hash=self._rules_hash)
        if stored is not None:
            try:
                self.model = TriageModel.restore(stored.payload, self._config)
                self.offset = stored.feedback_offset
            except SnapshotError as exc:
                log.warning("snapshot_refused", offset=stored.feedback_offset, error=str(exc))
        self._generation = generation


async def _select_end(connection: Connection) -> int:
    stored = await select_stored_range(connection, TRIAGE_FEEDBACK.name, FEEDBACK_PARTITION)
    return stored.next if stored else 0


def hash_rules(config: TriageConfig) -> str:
    """Return a hash of all that decides about a model besides the feedback."""
    folder = files("streams.domain.triage")
    modules = sorted(one.name for one in folder.iterdir() if one.name.endswith(".py"))
    code = [sha256((folder / name).read_bytes()).hexdigest() for name in modules]
    return sha256(msgspec.json.encode([code, config], order="sorted")).hexdigest()
