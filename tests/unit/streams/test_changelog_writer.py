from collections.abc import Iterable, Sequence
from typing import cast

import msgspec
import pytest

from schemas.db.pool import Connection
from schemas.events import TagEvent
from streams import changelog_writer
from streams.changelog_writer import (
    ChangelogWriter,
    KeptRepository,
    Rebuilt,
    hash_rules,
    rebuild_changelogs,
)
from streams.domain.changelog.config import ChangelogConfig
from streams.domain.commits.own_json import ChangelogEvent
from streams.domain.commits.prepared import make_statement
from streams.store.commits import ChangelogKey, DirtyRepository
from tests.unit.streams.domain.changelog.histories import REPOSITORY, commit, line, sha

HISTORY = line(
    "feat: start",
    "fix: one",
    "feat: two",
    "docs: three",
    "fix: four",
    tags={1: "v1.0.0", 3: "v1.1.0"},
)


def kept(events: Iterable[ChangelogEvent], config: ChangelogConfig | None = None) -> KeptRepository:
    repository = KeptRepository(config or ChangelogConfig())
    say(repository, events)
    return repository


def say(repository: KeptRepository, events: Iterable[ChangelogEvent]) -> None:
    repository.events.update({make_statement(one).content_hash: one for one in events})


def keys(rebuilt: Rebuilt) -> dict[str, ChangelogKey]:
    return {
        row.release: ChangelogKey(row.release, row.position, row.input_hash)
        for row in rebuilt.changed
    }


def rebuild(repository: KeptRepository, stored: dict[str, ChangelogKey]) -> Rebuilt:
    return rebuild_changelogs(repository, stored, "rules")


def tag(name: str, place: str, at: int = 0) -> TagEvent:
    return TagEvent(repository=REPOSITORY, name=name, sha=sha(place), timestamp_s=at)


def test_each_release_gets_a_changelog_and_each_commit_its_release() -> None:
    rebuilt = rebuild(kept(HISTORY), {})

    assert [(row.release, row.position, row.version) for row in rebuilt.changed] == [
        ("v1.0.0", 0, "1.0.0"),
        ("v1.1.0", 1, "1.1.0"),
        ("", 2, None),
    ]
    assert [rebuilt.commits[sha(str(number))].release for number in range(5)] == [
        "v1.0.0", "v1.0.0", "v1.1.0", "v1.1.0", "",
    ]  # fmt: skip


def test_what_is_stored_already_is_not_made_again() -> None:
    repository = kept(HISTORY)
    stored = keys(rebuild(repository, {}))

    again = rebuild(repository, stored)

    assert (again.changed, again.moved, again.gone) == ([], {}, set())


def test_a_new_commit_changes_the_draft_alone() -> None:
    repository = kept(HISTORY)
    stored = keys(rebuild(repository, {}))
    say(repository, [commit("5", "feat: five", "4", at=5)])

    assert [row.release for row in rebuild(repository, stored).changed] == [""]


def test_a_release_that_a_moved_tag_leaves_is_gone() -> None:
    repository = kept([*line("feat: a", "fix: b", "fix: c"), tag("v1", "1", at=10)])
    stored = keys(rebuild(repository, {}))
    say(repository, [msgspec.structs.replace(tag("v1", "1", at=20), sha=None)])

    rebuilt = rebuild(repository, stored)

    assert rebuilt.gone == {"v1"}
    assert [row.release for row in rebuilt.changed] == [""]


def test_a_release_that_only_lies_elsewhere_is_moved() -> None:
    repository = kept([*line("feat: a", "fix: b"), tag("v1", "1")])
    stored = keys(rebuild(repository, {}))
    say(
        repository,
        [commit("old", "an import", at=-9, author="Bea Ode <bea@example.org>"), tag("v0", "old")],
    )

    rebuilt = rebuild(repository, stored)

    assert rebuilt.moved == {"v1": 1}
    assert [row.release for row in rebuilt.changed] == ["v0"]


def test_a_nul_is_stored_as_a_replacement_character() -> None:
    rebuilt = rebuild(kept([commit("a", "fix: a\0b", author="A\0nn")]), {})

    row = rebuilt.commits[sha("a")]
    assert (row.message, row.author) == ("fix: a\ufffdb", "A\ufffdnn")


def test_other_choices_are_other_rules() -> None:
    assert hash_rules(ChangelogConfig()) == hash_rules(ChangelogConfig())
    assert hash_rules(ChangelogConfig()) != hash_rules(ChangelogConfig(squash="all"))


async def test_what_is_said_after_a_failure_and_a_success_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A mark that was cleared and made anew looks like the one that failed."""
    generations = iter([1, 1, 2, 1])
    tried: list[int] = []

    async def select_dirty(_: Connection) -> list[DirtyRepository]:
        return [DirtyRepository("commits.raw", 0, REPOSITORY, next(generations))]

    async def select_outdated(_: Connection, __: str) -> list[str]:
        return []

    async def write(_: ChangelogWriter, __: str, marks: Sequence[DirtyRepository]) -> None:
        tried.append(marks[0].generation)
        if len(tried) == 1:
            raise ValueError("a bug")

    monkeypatch.setattr(changelog_writer, "select_dirty", select_dirty)
    monkeypatch.setattr(changelog_writer, "select_outdated", select_outdated)
    monkeypatch.setattr(ChangelogWriter, "_write_repository", write)
    writer = ChangelogWriter(cast("Connection", object()), ChangelogConfig())
    for _ in range(4):
        await writer.run_cycle()

    assert tried == [1, 2, 1]
