"""Queries over changelogs, releases and commits of repositories."""

from typing import Annotated, Final, TypeAlias

import strawberry

from graphql_api.changelog_documents import Changelog
from graphql_api.changelogs import BumpLevel, ReleaseKind, VersionBump, instant_of
from graphql_api.connections import After, Connection, First, connection_of
from graphql_api.context import Info
from graphql_api.errors import bad_input
from graphql_api.pagination import (
    checked_page_size,
    decode_cursor,
    encode_cursor,
    split_page,
)
from graphql_api.scalars import Instant, instant_from_datetime, instant_from_ns
from graphql_api.store.commits import (
    UNRELEASED,
    CommitPage,
    StoredCommit,
    StoredRelease,
    select_changelog,
    select_commits,
    select_latest_release,
    select_releases,
    select_repositories,
)
from graphql_api.store.database import Database
from streams.domain.changelog.people import display_name

_MAX_REPOSITORIES: Final = 1_000
_LAST_POSITION: Final = 2**31 - 1
_LAST_SECOND: Final = 2**63 - 1
_NS: Final = 1_000_000_000

Repo: TypeAlias = Annotated[str, strawberry.argument(description="The repository's name.")]
ReleaseName: TypeAlias = Annotated[
    str | None, strawberry.argument(description="The release's tag; null for what is unreleased.")
]


@strawberry.type(description="A release of a repository.")
class Release:
    """A release of a repository."""

    repository: str = strawberry.field(description="The repository.")
    name: str = strawberry.field(description="Its tag.")
    version: str | None = strawberry.field(description="Its version, if its name is one.")
    released_at: Instant | None = strawberry.field(description="When it was tagged or cut.")
    revision: int = strawberry.field(description="Counts the changes of its changelog, from 1.")
    content_hash: str = strawberry.field(description="A hash of its changelog's content.")
    updated_at: Instant = strawberry.field(description="When this revision was written.")

    @strawberry.field(description="Its changelog.")
    async def changelog(self, info: Info) -> Changelog | None:
        """Return the changelog; None when the release is gone by now."""
        return await find_changelog(info.context.services.database, self.repository, self.name)

    @classmethod
    def from_stored(cls, stored: StoredRelease) -> "Release":
        """Return the release in a row."""
        return cls(
            repository=stored.repository,
            name=stored.release,
            version=stored.version,
            released_at=instant_of(stored.released_at),
            revision=stored.revision,
            content_hash=stored.content_hash,
            updated_at=instant_from_datetime(stored.updated_at),
        )


@strawberry.type(description="A commit, as all that was said about it adds up.")
class Commit:
    """A commit, as all that was said about it adds up."""

    repository: str = strawberry.field(description="The repository.")
    sha: str = strawberry.field(description="Its id.")
    release: str | None = strawberry.field(
        description="The release it belongs to; null while it is unreleased."
    )
    author: str = strawberry.field(description="Who wrote it, without an address.")
    authored_at: Instant | None = strawberry.field(description="When, if the source tells.")
    message: str = strawberry.field(description="Its message.")
    conflict: bool = strawberry.field(description="Whether payloads disagree about it.")

    @classmethod
    def from_stored(cls, stored: StoredCommit) -> "Commit":
        """Return the commit in a row."""
        time_s = stored.authored_s
        return cls(
            repository=stored.repository,
            sha=stored.sha,
            release=stored.release or None,
            author=display_name(stored.author),
            authored_at=None if time_s == -1 else instant_from_ns(time_s * _NS),
            message=stored.message,
            conflict=stored.conflict,
        )


@strawberry.type(description="The version that the commits of no release yet call for.")
class NextVersion:
    """The version that the commits of no release yet call for."""

    repository: str = strawberry.field(description="The repository.")
    current: str | None = strawberry.field(description="The tag of the newest stable release.")
    commit_count: int = strawberry.field(description="How many commits are unreleased.")
    bump: VersionBump | None = strawberry.field(
        description="What they call for and why; null when there are none."
    )

    @strawberry.field(description="How much of the version they raise.")
    def level(self) -> BumpLevel:
        """Return the level."""
        return BumpLevel.NONE if self.bump is None else self.bump.level

    @strawberry.field(description="The version; null where none can be derived.")
    def version(self) -> str | None:
        """Return the version."""
        return None if self.bump is None else self.bump.next


@strawberry.type
class CommitQuery:
    """Queries over changelogs, releases and commits."""

    @strawberry.field(description="The names of repositories with changelogs, sorted.")
    async def repositories(self, info: Info) -> list[str]:
        """Return the repositories' names."""
        return await select_repositories(info.context.services.database, _MAX_REPOSITORIES)

    @strawberry.field(description="The changelog of a release; null when there is none.")
    async def changelog(
        self, info: Info, repo: Repo, release: ReleaseName = None
    ) -> Changelog | None:
        """Return one changelog."""
        database = info.context.services.database
        return await find_changelog(database, repo, _checked_release(release))

    @strawberry.field(description="Releases, newest first.")
    async def releases(
        self, info: Info, repo: Repo, first: First = 50, after: After = None
    ) -> Connection[Release]:
        """Return a page of releases."""
        size = checked_page_size(first, "first")
        (before,) = (_LAST_POSITION,) if after is None else decode_cursor(after, tuple[int])
        database = info.context.services.database
        found = await select_releases(database, repo, before, size + 1)
        rows, has_next = split_page(found, size)
        return connection_of(
            [Release.from_stored(row) for row in rows],
            [encode_cursor([row.position]) for row in rows],
            has_next=has_next,
            after=after,
        )

    @strawberry.field(description="Commits, newest first, ties by id.")
    async def commits(
        self,
        info: Info,
        repo: Repo,
        release: Annotated[
            str | None,
            strawberry.argument(
                description='Only those of this release; "" for those of none, null for all.'
            ),
        ] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[Commit]:
        """Return a page of commits."""
        size = checked_page_size(first, "first")
        place = (_LAST_SECOND, "") if after is None else decode_cursor(after, tuple[int, str])
        page = CommitPage(repository=repo, release=release, after=place, limit=size + 1)
        found = await select_commits(info.context.services.database, page)
        rows, has_next = split_page(found, size)
        return connection_of(
            [Commit.from_stored(row) for row in rows],
            [encode_cursor([row.authored_s, row.sha]) for row in rows],
            has_next=has_next,
            after=after,
        )

    @strawberry.field(
        description="The version that the unreleased commits call for; null for no repository."
    )
    async def next_version(self, info: Info, repo: Repo) -> NextVersion | None:
        """Return what comes next."""
        database = info.context.services.database
        draft = await find_changelog(database, repo, UNRELEASED)
        if draft is not None:
            return NextVersion(
                repository=repo,
                current=draft.bump.base,
                commit_count=draft.commit_count,
                bump=draft.bump,
            )
        latest = await select_latest_release(database, repo)
        last = None if latest is None else await find_changelog(database, repo, latest)
        if last is None:
            return None
        return NextVersion(repository=repo, current=_newest_stable(last), commit_count=0, bump=None)


async def find_changelog(database: Database, repository: str, release: str) -> Changelog | None:
    """Return a stored changelog; '' stands for what is unreleased."""
    stored = await select_changelog(database, repository, release)
    return None if stored is None else Changelog.from_stored(stored)


def _checked_release(release: str | None) -> str:
    if release == UNRELEASED:
        raise bad_input("release must not be empty; leave it out for what is unreleased", "release")
    return UNRELEASED if release is None else release


def _newest_stable(last: Changelog) -> str | None:
    is_stable = last.release.kind is ReleaseKind.STABLE
    return last.release.name if is_stable else last.release.previous_stable
