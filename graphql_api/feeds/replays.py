"""Replays as they go on."""

from datetime import datetime

from graphql_api.feeds.feed import RowFeed
from graphql_api.live import Listener, ReplayNote
from graphql_api.store.database import Database
from graphql_api.store.replays import StoredReplay, select_progressed_since, select_replays_at


class ReplayFeed(RowFeed[str, StoredReplay]):
    """Replays, each state of one once; what followed quickly is told as one."""

    def __init__(self, database: Database, listener: Listener) -> None:
        super().__init__(database, listener)
        listener.on_replay.append(self._note)

    def _note(self, note: ReplayNote) -> None:
        self._name(note.run_id)

    async def _changed_since(self, moment: datetime) -> list[str]:
        return await select_progressed_since(self._database, moment)

    async def _publish_rows(self, keys: list[str]) -> None:
        for replay in await select_replays_at(self._database, keys):
            if self._is_new(replay.run_id, replay.updated_at, replay.updated_at):
                self._publish(replay)
