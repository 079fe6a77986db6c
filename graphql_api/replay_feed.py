"""Replays as they go on, read once a process for all who follow them."""

from collections import OrderedDict
from datetime import datetime
from typing import Final

from graphql_api.errors import ApiError
from graphql_api.feeds import Feed
from graphql_api.live import Listener, ReplayNote
from graphql_api.store.database import Database
from graphql_api.store.replays import StoredReplay, select_progressed_since, select_replays_at

_REMEMBERED: Final = 1_000


class ReplayFeed(Feed[StoredReplay]):
    """Replays, each state of one once; what followed quickly is told as one."""

    def __init__(self, database: Database, listener: Listener) -> None:
        super().__init__(database)
        # In order of arrival, each once: a dict is the set that keeps it.
        self._ids: dict[str, None] = {}
        self._known: OrderedDict[str, datetime] = OrderedDict()
        self._newest: datetime | None = None
        listener.on_replay.append(self._note)
        listener.on_reconnect.append(self.resync)

    def _note(self, note: ReplayNote) -> None:
        if self._task is not None:
            self._ids[note.run_id] = None
            self._wake.set()

    async def _start(self) -> None:
        self._ids = {}
        newest = await self._database.fetchrow("SELECT now() AS now")
        self._newest = newest["now"] if newest else None
        self._must_resync = False

    async def _read(self) -> None:
        if self._must_resync and self._newest is not None:
            self._ids |= dict.fromkeys(await select_progressed_since(self._database, self._newest))
            self._must_resync = False
        ids, self._ids = self._ids, {}
        try:
            found = await select_replays_at(self._database, list(ids)) if ids else []
        except ApiError:
            self._ids |= ids
            raise
        for replay in found:
            self._publish_once(replay)

    def _publish_once(self, replay: StoredReplay) -> None:
        moment = replay.updated_at
        if self._known.get(replay.run_id) == moment:
            return
        self._known[replay.run_id] = moment
        self._known.move_to_end(replay.run_id)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        self._newest = max(self._newest or moment, moment)
        self._publish(replay)
