"""Revised changelogs."""

from datetime import datetime

from graphql_api.feeds.feed import Feed, LastTold
from graphql_api.live import ChangelogNote, Listener
from graphql_api.store.commits import select_revised_since
from graphql_api.store.database import Database


class ChangelogFeed(Feed[ChangelogNote]):
    """Every revision of the changelogs; a subscriber reads those that it wants."""

    def __init__(self, database: Database, listener: Listener) -> None:
        super().__init__(database, listener)
        self._notes: list[ChangelogNote] = []
        self._told = LastTold()
        self._newest: datetime | None = None
        listener.on_changelog.append(self._note)

    def _note(self, note: ChangelogNote) -> None:
        if self._is_hearing:
            self._notes.append(note)
            self._wake.set()

    async def _start(self) -> None:
        self._notes = []
        self._newest = await self._database.now()

    async def _read(self) -> None:
        notes, self._notes = self._notes, []
        for note in notes:
            self._publish_once(note)
        if self._take_resync() and self._newest is not None:
            for row in await select_revised_since(self._database, self._newest):
                self._newest = max(self._newest, row.updated_at)
                self._publish_once(ChangelogNote(row.repository, row.release, row.revision))

    def _publish_once(self, note: ChangelogNote) -> None:
        # Not "a later one": a release that was gone and is back counts from 1 again.
        if self._told.is_new((note.repository, note.release), note.revision):
            self._publish(note)
