"""Writes the changelogs of repositories that something new was said about."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeVar

from schemas.db.pool import Connection
from schemas.events import CommitEvent, OverrideEvent, ReleaseEvent, TagEvent
from streams.domain.changelog.config import ChangelogConfig
from streams.domain.changelog.documents import ReleaseDocument, canonical_json
from streams.domain.changelog.history import FactsCache, History
from streams.domain.changelog.merging import merge_commits
from streams.domain.changelog.releases import build_release, input_hash, release_numbers
from streams.domain.commits.own_json import ChangelogEvent
from streams.domain.commits.prepared import read_statement
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
    upsert_changelog,
    write_commits,
)

# Repositories whose events are kept between two writes.
MAX_KEPT: Final = 8
UNKNOWN_TIME_S: Final = -1

_T = TypeVar("_T")


class KeptRepository:
    """What was said about a repository, as far as read, and what its commits say."""

    def __init__(self, config: ChangelogConfig) -> None:
        self.events: dict[bytes, ChangelogEvent] = {}
        self.facts = FactsCache(config)


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
        self._kept: dict[str, KeptRepository] = {}

    async def run_cycle(self) -> bool:
        """Write what is dirty, one transaction a repository; tell that nothing is left."""
        marks = await select_dirty(self._connection)
        for repository in sorted({mark.repository for mark in marks}):
            own = [mark for mark in marks if mark.repository == repository]
            await self._write_repository(repository, own)
        return False

    async def _write_repository(self, repository: str, marks: Sequence[DirtyRepository]) -> None:
        kept = await self._read(repository)
        stored = await select_changelog_keys(self._connection, repository)
        # Seconds of computing for a long history: outside of a transaction, beside the event loop.
        rebuilt = await asyncio.to_thread(_rebuild, kept, stored)
        async with self._connection.transaction():
            await delete_changelogs(self._connection, repository, rebuilt.gone)
            for row in rebuilt.changed:
                await upsert_changelog(self._connection, repository, row)
            await move_changelogs(self._connection, repository, rebuilt.moved)
            await self._write_commits(repository, rebuilt.commits)
            await clear_dirty(self._connection, marks)

    async def _read(self, repository: str) -> KeptRepository:
        kept = self._kept.pop(repository, None) or KeptRepository(self._config)
        self._kept[repository] = kept
        while len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        hashes = await select_content_hashes(self._connection, repository)
        for gone in kept.events.keys() - hashes:
            del kept.events[gone]
        missing = sorted(hashes - kept.events.keys())
        for content_hash, kind, payload in await select_contents(self._connection, missing):
            kept.events[content_hash] = read_statement(kind, payload)
        return kept

    async def _write_commits(self, repository: str, commits: dict[str, CommitRow]) -> None:
        stored = await select_commits(self._connection, repository)
        changed = [row for sha, row in commits.items() if stored.get(sha) != row]
        await write_commits(
            self._connection, repository, changed, sorted(stored.keys() - commits.keys())
        )


def _rebuild(kept: KeptRepository, stored: dict[str, ChangelogKey]) -> Rebuilt:
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
            changed.append(_row(build_release(history, release), key))
        elif before.position != position:
            moved[name] = position
    return Rebuilt(changed, moved, stored.keys() - names, commits)


def _history(kept: KeptRepository) -> History:
    # In order of the hash: nothing may depend on the order in which things were said.
    events = [kept.events[content_hash] for content_hash in sorted(kept.events)]
    return History(
        merge_commits(_of_type(events, CommitEvent)).values(),
        _of_type(events, TagEvent),
        _of_type(events, ReleaseEvent),
        _of_type(events, OverrideEvent),
        kept.facts,
    )


def _of_type(events: Iterable[ChangelogEvent], wanted: type[_T]) -> list[_T]:
    return [event for event in events if isinstance(event, wanted)]


def _name(history: History, release: int) -> str:
    is_released = release < len(history.boundaries)
    return history.boundaries[release].name if is_released else ""


def _commit_rows(history: History, release: int, name: str) -> dict[str, CommitRow]:
    members: Sequence[int] = history.members[release]
    rows = {}
    for number in members:
        commit = history.graph.commits[number]
        time_s = UNKNOWN_TIME_S if commit.timestamp_s is None else commit.timestamp_s
        rows[commit.sha] = CommitRow(
            commit.sha, name, commit.author, time_s, commit.message, commit.conflict
        )
    return rows


def _row(document: ReleaseDocument, key: ChangelogKey) -> ChangelogRow:
    return ChangelogRow(
        release=key.release,
        position=key.position,
        version=document.release.version,
        released_at=document.release.date,
        document=canonical_json(document),
        input_hash=key.input_hash,
        content_hash=document.content_hash,
    )
