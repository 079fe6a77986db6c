"""Writes what commit records say, and reads it again for the changelogs made from it."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from schemas.db.locks import COMMIT_CONTENTS
from schemas.db.pool import Connection
from streams.domain.commits.prepared import PreparedCommits, Statement
from streams.offsets import OffsetSpan

CHANGELOGS_CHANNEL: Final = "aiops_changelogs"
# Told of a changelog that is gone.
NO_REVISION: Final = 0


# A replay removes contents that no record speaks of any more. It must not meanwhile remove what a
# writer of another partition has just found stored: writers share this lock, a replay has it alone.
KEEP_CONTENTS: Final = "SELECT pg_advisory_xact_lock_shared($1)"
REPLACE_CONTENTS: Final = "SELECT pg_advisory_xact_lock($1)"


async def append_statements(
    connection: Connection, span: OffsetSpan, records: Sequence[PreparedCommits]
) -> None:
    """Add the statements of records never stored before; their repositories become dirty."""
    statements = [one for record in records for one in record.statements]
    if not statements:
        return
    await connection.execute(KEEP_CONTENTS, COMMIT_CONTENTS)
    await _insert_contents(connection, statements)
    await _insert_events(connection, span, records)
    await mark_repositories(connection, span, {one.repository for one in statements})


INSERT_CONTENTS: Final = """
INSERT INTO commit_contents (content_hash, repository, kind, payload)
SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::bytea[])
ON CONFLICT (content_hash) DO NOTHING
"""


async def _insert_contents(connection: Connection, statements: Iterable[Statement]) -> None:
    # In order of the hash, so that writers of two partitions never wait for each other in a circle.
    distinct = {one.content_hash: one for one in statements}
    ordered = [distinct[key] for key in sorted(distinct)]
    await connection.execute(
        INSERT_CONTENTS,
        [one.content_hash for one in ordered],
        [one.repository for one in ordered],
        [one.kind for one in ordered],
        [one.payload for one in ordered],
    )


INSERT_EVENTS: Final = """
INSERT INTO commit_events (topic, partition, "offset", event_index, repository, content_hash)
SELECT $1, $2, * FROM unnest($3::bigint[], $4::integer[], $5::text[], $6::bytea[])
"""


async def _insert_events(
    connection: Connection, span: OffsetSpan, records: Sequence[PreparedCommits]
) -> None:
    rows = [
        (record.offset, index, one.repository, one.content_hash)
        for record in records
        for index, one in enumerate(record.statements)
    ]
    if rows:
        columns = zip(*rows, strict=True)
        await connection.execute(INSERT_EVENTS, span.topic, span.partition, *columns)


UPSERT_DIRTY: Final = """
INSERT INTO dirty_repositories AS stored (topic, partition, repository)
SELECT $1, $2, unnest($3::text[])
ON CONFLICT (topic, partition, repository) DO UPDATE SET generation = stored.generation + 1
"""


async def mark_repositories(
    connection: Connection, span: OffsetSpan, repositories: Iterable[str]
) -> None:
    """Have the changelogs of these repositories looked at again."""
    await connection.execute(UPSERT_DIRTY, span.topic, span.partition, sorted(repositories))


class StoredEvent(msgspec.Struct, frozen=True, order=True):
    """Which record said what."""

    offset: int
    event_index: int
    repository: str
    content_hash: bytes


SELECT_EVENTS: Final = """
SELECT "offset", event_index, repository, content_hash FROM commit_events
WHERE topic = $1 AND partition = $2 AND "offset" >= $3 AND "offset" < $4
"""
DELETE_EVENTS: Final = """
DELETE FROM commit_events
WHERE topic = $1 AND partition = $2 AND "offset" >= $3 AND "offset" < $4
"""
DELETE_UNSAID: Final = """
DELETE FROM commit_contents AS content
WHERE content_hash = ANY($1::bytea[])
  AND NOT EXISTS (SELECT FROM commit_events AS said WHERE said.content_hash = content.content_hash)
"""


async def replace_statements(
    connection: Connection, span: OffsetSpan, records: Sequence[PreparedCommits]
) -> bool:
    """Write what all records of a block say in place of what is stored; tell whether it differs."""
    place = (span.topic, span.partition, span.first, span.end)
    rows = await connection.fetch(SELECT_EVENTS, *place)
    before = {StoredEvent(*row.values()) for row in rows}
    after = {
        StoredEvent(record.offset, index, one.repository, one.content_hash)
        for record in records
        for index, one in enumerate(record.statements)
    }
    if before == after:
        return False
    await connection.execute(REPLACE_CONTENTS, COMMIT_CONTENTS)
    await connection.execute(DELETE_EVENTS, *place)
    await _insert_contents(connection, (one for record in records for one in record.statements))
    await _insert_events(connection, span, records)
    changed = before ^ after
    await connection.execute(DELETE_UNSAID, sorted({one.content_hash for one in before}))
    await mark_repositories(connection, span, {one.repository for one in changed})
    return True


class DirtyRepository(msgspec.Struct, frozen=True):
    """A mark that something new was said; gone once it is cleared at this generation."""

    topic: str
    partition: int
    repository: str
    generation: int


SELECT_DIRTY: Final = """
SELECT topic, partition, repository, generation FROM dirty_repositories ORDER BY repository
"""


async def select_dirty(connection: Connection) -> list[DirtyRepository]:
    """Return the marks."""
    return [DirtyRepository(*row.values()) for row in await connection.fetch(SELECT_DIRTY)]


DELETE_DIRTY: Final = """
DELETE FROM dirty_repositories AS dirty
USING unnest($1::text[], $2::integer[], $3::text[], $4::bigint[])
    AS seen (topic, partition, repository, generation)
WHERE dirty.topic = seen.topic AND dirty.partition = seen.partition
  AND dirty.repository = seen.repository AND dirty.generation = seen.generation
"""


async def clear_dirty(connection: Connection, marks: Sequence[DirtyRepository]) -> None:
    """Remove the marks, but not those that were renewed since they were read."""
    await connection.execute(
        DELETE_DIRTY,
        [mark.topic for mark in marks],
        [mark.partition for mark in marks],
        [mark.repository for mark in marks],
        [mark.generation for mark in marks],
    )


SELECT_HASHES: Final = "SELECT content_hash FROM commit_contents WHERE repository = $1"


async def select_content_hashes(connection: Connection, repository: str) -> set[bytes]:
    """Return the hashes of all that was said about a repository."""
    return {row["content_hash"] for row in await connection.fetch(SELECT_HASHES, repository)}


SELECT_CONTENTS: Final = """
SELECT content_hash, kind, payload FROM commit_contents WHERE content_hash = ANY($1::bytea[])
"""


async def select_contents(
    connection: Connection, content_hashes: Iterable[bytes]
) -> list[tuple[bytes, str, bytes]]:
    """Return (hash, kind, payload) of each content."""
    rows = await connection.fetch(SELECT_CONTENTS, list(content_hashes))
    return [(row["content_hash"], row["kind"], row["payload"]) for row in rows]


class CommitRow(msgspec.Struct, frozen=True):
    """A commit as all that was said about it adds up; `authored_s` is -1 when unknown."""

    sha: str
    release: str
    author: str
    authored_s: int
    message: str
    conflict: bool


UPSERT_COMMITS: Final = """
INSERT INTO commits AS stored
    (repository, sha, release, author, authored_s, message, conflict)
SELECT $1, * FROM unnest(
    $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::boolean[])
ON CONFLICT (repository, sha) DO UPDATE
SET release = EXCLUDED.release, author = EXCLUDED.author, authored_s = EXCLUDED.authored_s,
    message = EXCLUDED.message, conflict = EXCLUDED.conflict
"""
DELETE_COMMITS: Final = "DELETE FROM commits WHERE repository = $1 AND sha = ANY($2::text[])"


async def write_commits(
    connection: Connection, repository: str, changed: Sequence[CommitRow], gone: Sequence[str]
) -> None:
    """Store commits that differ from what is stored, and remove those nobody speaks of any more."""
    if gone:
        await connection.execute(DELETE_COMMITS, repository, gone)
    if changed:
        columns = zip(*(msgspec.structs.astuple(row) for row in changed), strict=True)
        await connection.execute(UPSERT_COMMITS, repository, *columns)


SELECT_COMMITS: Final = """
SELECT sha, release, author, authored_s, message, conflict FROM commits WHERE repository = $1
"""


async def select_commits(connection: Connection, repository: str) -> dict[str, CommitRow]:
    """Return the stored commits of a repository by sha."""
    rows = await connection.fetch(SELECT_COMMITS, repository)
    return {row["sha"]: CommitRow(*row.values()) for row in rows}


class ChangelogKey(msgspec.Struct, frozen=True):
    """What is stored of a changelog, short of its text."""

    release: str
    position: int
    input_hash: str


SELECT_CHANGELOGS: Final = """
SELECT release, position, input_hash FROM changelogs WHERE repository = $1
"""


async def select_changelog_keys(connection: Connection, repository: str) -> dict[str, ChangelogKey]:
    """Return the stored changelogs of a repository by release."""
    rows = await connection.fetch(SELECT_CHANGELOGS, repository)
    return {row["release"]: ChangelogKey(*row.values()) for row in rows}


SELECT_OUTDATED: Final = """
SELECT DISTINCT repository FROM changelogs WHERE rules_hash <> $1 ORDER BY repository
"""


async def select_outdated(connection: Connection, rules_hash: str) -> list[str]:
    """Return the repositories with changelogs that were made under other rules."""
    rows = await connection.fetch(SELECT_OUTDATED, rules_hash)
    return [row["repository"] for row in rows]


class ChangelogRow(msgspec.Struct, frozen=True, kw_only=True):
    """A changelog as it is stored; `release` is '' for what is not released."""

    release: str
    position: int
    version: str | None
    released_at: str | None
    document: bytes
    input_hash: str
    rules_hash: str
    content_hash: str


UPSERT_CHANGELOG: Final = """
INSERT INTO changelogs AS stored
    (repository, release, position, version, released_at, document, input_hash, rules_hash,
     content_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (repository, release) DO UPDATE
SET position = EXCLUDED.position, version = EXCLUDED.version,
    released_at = EXCLUDED.released_at, document = EXCLUDED.document,
    input_hash = EXCLUDED.input_hash, rules_hash = EXCLUDED.rules_hash,
    content_hash = EXCLUDED.content_hash,
    revision = stored.revision + (stored.content_hash <> EXCLUDED.content_hash)::integer,
    updated_at = now()
RETURNING revision
"""
NOTIFY_CHANGELOG: Final = "SELECT pg_notify($1, $2)"


async def upsert_changelog(connection: Connection, repository: str, row: ChangelogRow) -> None:
    """Store a changelog; another content is another revision."""
    revision = await connection.fetchval(
        UPSERT_CHANGELOG, repository, *msgspec.structs.astuple(row)
    )
    await _notify(connection, repository, row.release, revision)


async def _notify(connection: Connection, repository: str, release: str, revision: int) -> None:
    payload = {"repository": repository, "release": release, "revision": revision}
    await connection.execute(
        NOTIFY_CHANGELOG, CHANGELOGS_CHANNEL, msgspec.json.encode(payload).decode()
    )


MOVE_CHANGELOGS: Final = """
UPDATE changelogs SET position = given.position
FROM unnest($2::text[], $3::integer[]) AS given (release, position)
WHERE repository = $1 AND changelogs.release = given.release
"""


async def move_changelogs(
    connection: Connection, repository: str, positions: dict[str, int]
) -> None:
    """Store where releases lie that moved and are otherwise the same."""
    if positions:
        await connection.execute(
            MOVE_CHANGELOGS, repository, list(positions), list(positions.values())
        )


DELETE_CHANGELOGS: Final = """
DELETE FROM changelogs WHERE repository = $1 AND release = ANY($2::text[])
"""


async def delete_changelogs(
    connection: Connection, repository: str, releases: Iterable[str]
) -> None:
    """Remove changelogs of releases that are none any more (a tag was moved or deleted)."""
    gone = sorted(releases)
    if gone:
        await connection.execute(DELETE_CHANGELOGS, repository, gone)
    for release in gone:
        await _notify(connection, repository, release, NO_REVISION)
