"""The subscription over changelogs."""

from collections.abc import AsyncIterator
from typing import Annotated

import strawberry

from graphql_api.changelog_documents import Changelog
from graphql_api.commits import find_changelog
from graphql_api.context import Info
from graphql_api.live import ChangelogNote


@strawberry.type(description="That a changelog was written or revised.")
class ChangelogRevision:
    """That a changelog was written or revised."""

    repository: str = strawberry.field(description="The repository.")
    release: str | None = strawberry.field(
        description="The release's tag; null for what is unreleased."
    )
    revision: int = strawberry.field(
        description="Counts the changes of this changelog, from 1; 0: there is none any more."
    )

    @strawberry.field(description="The changelog as it is now; null when it is gone again.")
    async def changelog(self, info: Info) -> Changelog | None:
        """Return the changelog."""
        database = info.context.services.database
        return await find_changelog(database, self.repository, self.release or "")

    @classmethod
    def from_note(cls, note: ChangelogNote) -> "ChangelogRevision":
        """Return what a notification says."""
        return cls(repository=note.repository, release=note.release or None, revision=note.revision)


@strawberry.type
class ChangelogSubscription:
    """Subscriptions over changelogs."""

    @strawberry.subscription(description="Changelogs as they are written or revised.")
    async def changelog_revised(
        self,
        info: Info,
        repo: Annotated[
            str | None, strawberry.argument(description="Only this repository; null for all.")
        ] = None,
    ) -> AsyncIterator[ChangelogRevision]:
        """Yield revisions."""
        async with info.context.services.changelog_feed.subscribed() as subscriber:
            while True:
                note = await subscriber.get()
                if repo is None or note.repository == repo:
                    yield ChangelogRevision.from_note(note)
