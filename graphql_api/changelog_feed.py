"""Revised changelogs, heard once a process for all who want them."""

from collections import OrderedDict
from datetime import datetime
from typing import Final

from graphql_api.feeds import Feed
from graphql_api.live import ChangelogNote, Listener
from graphql_api.store.commits import select_revised_since
from graphql_api.store.database import Database

_REMEMBERED: Final = 10_000


class ChangelogFeed(Feed[ChangelogNote]):
    """New and revised changelogs; a subscriber reads those that it wants."""

    def __init__(self, database: Database, listener: Listener) -> None:
        super().__init__(database)
        self._notes: list[ChangelogNote] = []
        self._revisions: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._newest: datetime | None = None
        listener.on_changelog.append(self._note)
        listener.on_reconnect.append(self.resync)

    def _note(self, note: ChangelogNote) -> None:
        if self._task is not None:
            self._notes.append(note)
            self._wake.set()

    async def _start(self) -> None:
        self._notes = []
        newest = await self._database.fetchrow("SELECT now() AS now")
        self._newest = newest["now"] if newest else None
        self._must_resync = False

    async def _read(self) -> None:
        if self._must_resync and self._newest is not None:
            for row in await select_revised_since(self._database, self._newest):
                self._newest = max(self._newest, row.updated_at)
                self._publish_once(ChangelogNote(row.repository, row.release, row.revision))
            self._must_resync = False
        notes, self._notes = self._notes, []
        for note in notes:
            self._publish_once(note)

    def _publish_once(self, note: ChangelogNote) -> None:
        place = (note.repository, note.release)
        # Not "a later one": a release that was gone and is back counts from 1 again.
        if self._revisions.get(place) == note.revision:
            return
        self._revisions[place] = note.revision
        self._revisions.move_to_end(place)
        if len(self._revisions) > _REMEMBERED:
            self._revisions.popitem(last=False)
        self._publish(note)
