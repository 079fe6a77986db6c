"""Reads of changelogs and commits."""

from datetime import datetime
from typing import Final

import msgspec

from graphql_api.store.database import MAX_MISSED, Database
from schemas.documents import DocumentDecoder
from streams.domain.changelog.documents import ReleaseDocument

_DECODE: Final = DocumentDecoder(ReleaseDocument)
UNRELEASED: Final = ""


class StoredChangelog(msgspec.Struct, frozen=True):
    """A changelog with its bookkeeping."""

    repository: str
    document: ReleaseDocument
    revision: int
    updated_at: datetime


SELECT_CHANGELOG: Final = """
SELECT document, revision, updated_at FROM changelogs WHERE repository = $1 AND release = $2
"""


async def select_changelog(
    database: Database, repository: str, release: str
) -> StoredChangelog | None:
    """Return the changelog of a release, None when there is none; '' is what is unreleased."""
    row = await database.fetchrow(SELECT_CHANGELOG, repository, release)
    if row is None:
        return None
    document = _DECODE.decode(row["document"])
    return StoredChangelog(repository, document, row["revision"], row["updated_at"])


class StoredRelease(msgspec.Struct, frozen=True):
    """A release without its document."""

    repository: str
    release: str
    position: int
    version: str | None
    released_at: str | None
    revision: int
    content_hash: str
    updated_at: datetime


SELECT_RELEASES: Final = """
SELECT repository, release, position, version, released_at, revision, content_hash, updated_at
FROM changelogs
WHERE repository = $1 AND position < $2 AND release <> ''
ORDER BY position DESC LIMIT $3
"""


async def select_releases(
    database: Database, repository: str, before: int, limit: int
) -> list[StoredRelease]:
    """Return releases that lie before a position, newest first."""
    rows = await database.fetch(SELECT_RELEASES, repository, before, limit)
    return [StoredRelease(*row.values()) for row in rows]


class StoredCommit(msgspec.Struct, frozen=True):
    """A commit; `authored_s` is -1 when unknown, `release` '' when there is none."""

    repository: str
    sha: str
    release: str
    author: str
    authored_s: int
    message: str
    conflict: bool


SELECT_COMMITS: Final = """
SELECT repository, sha, release, author, authored_s, message, conflict FROM commits
WHERE repository = $1 AND (authored_s, sha) < ($2, $3)
ORDER BY authored_s DESC, sha DESC LIMIT $4
"""
SELECT_COMMITS_OF_RELEASE: Final = """
SELECT repository, sha, release, author, authored_s, message, conflict FROM commits
WHERE repository = $1 AND (authored_s, sha) < ($2, $3) AND release = $5
ORDER BY authored_s DESC, sha DESC LIMIT $4
"""


class CommitPage(msgspec.Struct, frozen=True, kw_only=True):
    """Commits of a repository below `after` (time, sha) in the list; of one release, or of all."""

    repository: str
    release: str | None
    after: tuple[int, str]
    limit: int


async def select_commits(database: Database, page: CommitPage) -> list[StoredCommit]:
    """Return commits, newest first, ties by sha."""
    arguments = (page.repository, *page.after, page.limit)
    if page.release is None:
        rows = await database.fetch(SELECT_COMMITS, *arguments)
    else:
        rows = await database.fetch(SELECT_COMMITS_OF_RELEASE, *arguments, page.release)
    return [StoredCommit(*row.values()) for row in rows]


SELECT_REPOSITORIES: Final = """
WITH RECURSIVE found AS (
    (SELECT repository FROM changelogs ORDER BY repository LIMIT 1)
    UNION ALL
    SELECT (SELECT c.repository FROM changelogs AS c
            WHERE c.repository > f.repository ORDER BY c.repository LIMIT 1)
    FROM found AS f WHERE f.repository IS NOT NULL
)
SELECT repository FROM found WHERE repository IS NOT NULL LIMIT $1
"""


async def select_repositories(database: Database, limit: int) -> list[str]:
    """Return the names of repositories with changelogs, sorted."""
    return [row["repository"] for row in await database.fetch(SELECT_REPOSITORIES, limit)]


SELECT_LATEST_RELEASE: Final = """
SELECT release FROM changelogs WHERE repository = $1 AND release <> ''
ORDER BY position DESC LIMIT 1
"""


async def select_latest_release(database: Database, repository: str) -> str | None:
    """Return the name of the release that lies last, None when there is none."""
    row = await database.fetchrow(SELECT_LATEST_RELEASE, repository)
    return row["release"] if row else None


SELECT_IS_DIRTY: Final = "SELECT EXISTS (SELECT FROM dirty_repositories WHERE repository = $1)"


async def select_is_dirty(database: Database, repository: str) -> bool:
    """Tell whether something was said that the repository's changelogs do not hold yet."""
    row = await database.fetchrow(SELECT_IS_DIRTY, repository)
    return row is not None and bool(row["exists"])


class Statement(msgspec.Struct, frozen=True):
    """What was said about a repository, in its stored form."""

    kind: str
    payload: bytes


SELECT_STATEMENTS: Final = """
SELECT kind, payload FROM commit_contents WHERE repository = $1 ORDER BY content_hash LIMIT $2
"""


async def select_statements(database: Database, repository: str, limit: int) -> list[Statement]:
    """Return what was said about a repository."""
    rows = await database.fetch(SELECT_STATEMENTS, repository, limit)
    return [Statement(row["kind"], row["payload"]) for row in rows]


class RevisedChangelog(msgspec.Struct, frozen=True):
    """That a changelog was written or revised; '' is what is unreleased."""

    repository: str
    release: str
    revision: int
    updated_at: datetime


SELECT_REVISED_SINCE: Final = """
SELECT repository, release, revision, updated_at FROM changelogs
WHERE updated_at >= $1::timestamptz - interval '5 seconds'
ORDER BY updated_at DESC LIMIT $2
"""


async def select_revised_since(database: Database, moment: datetime) -> list[RevisedChangelog]:
    """Return the changelogs revised since shortly before a moment, oldest first.

    Shortly before: a transaction's time is that of its start, and it may have committed later. Of
    more than MAX_MISSED the last ones.
    """
    rows = await database.fetch(SELECT_REVISED_SINCE, moment, MAX_MISSED)
    return [RevisedChangelog(*row.values()) for row in reversed(rows)]
