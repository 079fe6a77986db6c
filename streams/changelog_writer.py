"""Writes the changelogs of repositories that something new was said about."""

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import structlog

from schemas.db.pool import Connection
from streams.domain.changelog.config import ChangelogConfig
from streams.domain.changelog.documents import GENERATOR, ReleaseDocument, canonical_json
from streams.domain.changelog.history import FactsCache, History
from streams.domain.changelog.merging import merge_commits
from streams.domain.changelog.ranges import sort_events
from streams.domain.changelog.releases import build_release, input_hash, release_numbers
from streams.domain.changelog.word_model import MODEL_HASH
from streams.domain.commits.own_json import ChangelogEvent
from streams.domain.commits.prepared import read_statement
from streams.retrying import is_transient
from streams.store.commits import (
    ChangelogKey,
    ChangelogRow,
    CommitRow,
    DirtyRepository,
    clear_dirty,
    delete_changelogs,
    move_changelogs,
    select_changelog_keys,
    select_commits,
    select_content_hashes,
    select_contents,
    select_dirty,
    select_outdated,
    upsert_changelog,
    write_commits,
)

# Statements that are kept between two writes, about 3 KB each with what was read from them.
MAX_KEPT_STATEMENTS: Final = 200_000
UNKNOWN_TIME_S: Final = -1

log = structlog.get_logger()


class KeptRepository:
    """What was said about a repository, as far as read, and what its commits say.

    `commits` are the rows that are stored; None while nobody has looked.
    """

    def __init__(self, config: ChangelogConfig) -> None:
        self.events: dict[bytes, ChangelogEvent] = {}
        self.facts = FactsCache(config)
        self.commits: dict[str, CommitRow] | None = None


class Rebuilt(NamedTuple):
    """The changelogs that differ, where the others lie now, and all commits."""

    changed: list[ChangelogRow]
    moved: dict[str, int]
    gone: set[str]
    commits: dict[str, CommitRow]


class ChangelogWriter:
    """Brings the changelogs of dirty repositories up to date."""

    def __init__(self, connection: Connection, config: ChangelogConfig) -> None:
        self._connection = connection
        self._config = config
        self._rules_hash = hash_rules(config)
        self._is_started = False
        self._kept: dict[str, KeptRepository] = {}
        self._failed: dict[str, Sequence[DirtyRepository]] = {}

    async def run_cycle(self) -> bool:
        """Write what is dirty, one transaction a repository; tell that nothing is left.

        The first cycle also writes what was made under other choices or by other code.
        """
        marks = await select_dirty(self._connection)
        repositories = {mark.repository for mark in marks}
        if not self._is_started:
            repositories.update(await select_outdated(self._connection, self._rules_hash))
        for repository in sorted(repositories):
            own = [mark for mark in marks if mark.repository == repository]
            if self._failed.get(repository) != own:
                await self._try_repository(repository, own)
        self._is_started = True
        return False

    async def _try_repository(self, repository: str, marks: Sequence[DirtyRepository]) -> None:
        """Write a repository; a bug of ours about one must not hold up the others.

        It keeps its marks, and is tried again when something new is said or at the next start.
        """
        try:
            await self._write_repository(repository, marks)
        except Exception as exc:
            if is_transient(exc):
                raise
            log.exception("changelogs_failed", repository=repository)
            self._failed[repository] = marks
        else:
            # A mark that is cleared and made anew is the same mark.
            self._failed.pop(repository, None)

    async def _write_repository(self, repository: str, marks: Sequence[DirtyRepository]) -> None:
        kept = self._take(repository)
        await self._read(repository, kept)
        stored = await select_changelog_keys(self._connection, repository)
        # Seconds of computing for a long history: outside of a transaction, beside the event loop.
        rebuilt = await asyncio.to_thread(rebuild_changelogs, kept, stored, self._rules_hash)
        before, kept.commits = kept.commits, None
        async with self._connection.transaction():
            await delete_changelogs(self._connection, repository, rebuilt.gone)
            for row in rebuilt.changed:
                await upsert_changelog(self._connection, repository, row)
            await move_changelogs(self._connection, repository, rebuilt.moved)
            await self._write_commits(repository, before, rebuilt.commits)
            await clear_dirty(self._connection, marks)
        kept.commits = rebuilt.commits

    def _take(self, repository: str) -> KeptRepository:
        """Return what is kept of a repository; those not written for longest make room."""
        kept = self._kept.pop(repository, None) or KeptRepository(self._config)
        others = sum(len(one.events) for one in self._kept.values())
        while self._kept and others + len(kept.events) > MAX_KEPT_STATEMENTS:
            others -= len(self._kept.pop(next(iter(self._kept))).events)
        self._kept[repository] = kept
        return kept

    async def _read(self, repository: str, kept: KeptRepository) -> None:
        hashes = await select_content_hashes(self._connection, repository)
        for gone in kept.events.keys() - hashes:
            del kept.events[gone]
        missing = sorted(hashes - kept.events.keys())
        for content_hash, kind, payload in await select_contents(self._connection, missing):
            kept.events[content_hash] = read_statement(kind, payload)

    async def _write_commits(
        self, repository: str, before: dict[str, CommitRow] | None, commits: dict[str, CommitRow]
    ) -> None:
        stored = await select_commits(self._connection, repository) if before is None else before
        changed = [row for sha, row in commits.items() if stored.get(sha) != row]
        await write_commits(
            self._connection, repository, changed, sorted(stored.keys() - commits.keys())
        )


def hash_rules(config: ChangelogConfig) -> str:
    """Return a hash of all that decides about a document besides what was said."""
    return sha256(canonical_json([GENERATOR, MODEL_HASH, config])).hexdigest()


def rebuild_changelogs(
    kept: KeptRepository, stored: dict[str, ChangelogKey], rules_hash: str
) -> Rebuilt:
    """Build the changelogs whose inputs changed; pure but for the kept facts."""
    history = _history(kept)
    changed: list[ChangelogRow] = []
    moved: dict[str, int] = {}
    names: set[str] = set()
    commits: dict[str, CommitRow] = {}
    for position, release in enumerate(release_numbers(history)):
        name = _name(history, release)
        names.add(name)
        commits.update(_commit_rows(history, release, name))
        key = ChangelogKey(name, position, input_hash(history, release))
        before = stored.get(name)
        if before is None or before.input_hash != key.input_hash:
            changed.append(_row(build_release(history, release), key, rules_hash))
        elif before.position != position:
            moved[name] = position
    return Rebuilt(changed, moved, stored.keys() - names, commits)


def _history(kept: KeptRepository) -> History:
    # In order of the hash: nothing may depend on the order in which things were said.
    events = sort_events(kept.events[content_hash] for content_hash in sorted(kept.events))
    return History(
        merge_commits(events.commits).values(),
        events.tags,
        events.releases,
        events.overrides,
        kept.facts,
    )


def _name(history: History, release: int) -> str:
    is_released = release < len(history.boundaries)
    return history.boundaries[release].name if is_released else ""


def _commit_rows(history: History, release: int, name: str) -> dict[str, CommitRow]:
    members: Sequence[int] = history.members[release]
    rows = {}
    for number in members:
        commit = history.graph.commits[number]
        time_s = UNKNOWN_TIME_S if commit.timestamp_s is None else commit.timestamp_s
        author, message = _storable(commit.author), _storable(commit.message)
        rows[commit.sha] = CommitRow(commit.sha, name, author, time_s, message, commit.conflict)
    return rows


def _storable(text: str) -> str:
    # Postgres refuses NUL in a text.
    return text.replace("\0", "\ufffd")


def _row(document: ReleaseDocument, key: ChangelogKey, rules_hash: str) -> ChangelogRow:
    return ChangelogRow(
        release=key.release,
        position=key.position,
        version=document.release.version,
        released_at=document.release.date,
        document=canonical_json(document),
        input_hash=key.input_hash,
        rules_hash=rules_hash,
        content_hash=document.content_hash,
    )
