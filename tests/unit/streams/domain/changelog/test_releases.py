import random
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import CommitEvent, OverrideEvent, TagEvent
from streams.domain.changelog.config import ChangelogConfig
from streams.domain.changelog.documents import ReleaseDocument, canonical_json
from streams.domain.changelog.history import FactsCache, History
from streams.domain.changelog.releases import build_release, build_releases, input_hash
from tests.unit.streams.domain.changelog.histories import (
    REPOSITORY,
    commit,
    line,
    reasons,
    sha,
    subjects,
)

FORK = [
    commit("0", "feat: first", at=0, tags="v1.0.0"),
    commit("1", "feat: a new thing", "0", at=1),
    commit("2", "fix: the leak (#4)", "1", at=2),
    commit("p", "fix: the leak", "0", at=3, tags="v1.0.1"),
]

MESSAGES = st.sampled_from(
    [
        "feat: add a thing (#1)",
        "feat(api)!: drop a thing",
        "fix: mend a leak\n\nBREAKING CHANGE: it is gone",
        f'Revert "feat: add a thing (#1)"\n\nThis reverts commit {sha("1")}.',
        "chore(deps): bump x from 1.0 to 1.1",
        "fix(deps): bump x from 1.1 to 1.2",
        "fix: close CVE-2024-12345",
        "Merge branch 'a'",
        "chore: release v1.0.0",
        "mend a leak in the boiler",
        "",
    ]
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[CommitEvent], list[TagEvent]]:
    count = draw(st.integers(1, 10))
    commits = []
    for number in range(count):
        earlier = st.integers(0, number - 1)
        parents = draw(st.lists(earlier, max_size=2, unique=True)) if number else []
        commits.append(
            commit(
                str(number),
                draw(MESSAGES),
                " ".join(map(str, parents)),
                at=draw(st.integers(0, 4)),
                author=draw(st.sampled_from(["A <a@x.org>", "B <b@x.org>", "A <b@x.org>"])),
            )
        )
    tags = [
        TagEvent(repository=REPOSITORY, name=name, sha=sha(str(number)), timestamp_s=at)
        for name, number, at in draw(
            st.lists(
                st.tuples(
                    st.sampled_from(["v1.0.0", "v1.1.0-rc.1", "v1.1.0", "nightly"]),
                    st.integers(0, count - 1),
                    st.integers(0, 3),
                ),
                max_size=5,
            )
        )
    ]
    return commits, tags


@settings(deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_order_and_repetition_of_events_change_no_byte(
    history: tuple[list[CommitEvent], list[TagEvent]], shuffler: random.Random
) -> None:
    commits, tags = history
    more_commits = commits + shuffler.choices(commits, k=3)
    more_tags = tags + tags[:2]
    shuffler.shuffle(more_commits)
    shuffler.shuffle(more_tags)

    expected = [canonical_json(document) for document in build_releases(commits, tags)]
    assert [canonical_json(item) for item in build_releases(more_commits, more_tags)] == expected


@settings(deadline=None)
@given(histories())
def test_every_commit_is_in_one_release_and_there_an_entry_or_excluded(
    history: tuple[list[CommitEvent], list[TagEvent]],
) -> None:
    documents = build_releases(*history)
    shas = [name for document in documents for name in document.commits]

    assert sorted(shas) == sorted(item.sha for item in history[0])
    for document in documents:
        listed = {
            name
            for section in document.sections
            for entry in section.entries
            for name in entry.shas
        }
        assert listed | set(reasons(document)) == set(document.commits)
        assert not listed & set(reasons(document))


def test_a_breaking_change_of_any_type_is_shown_with_its_note() -> None:
    document = build_releases(line("chore!: drop it\n\nBREAKING CHANGE: it is gone"))[0]

    assert [note.text for note in document.breaking] == ["it is gone"]
    assert [section.key for section in document.sections] == ["internal"]


def test_what_nobody_outside_notices_is_excluded_by_its_type() -> None:
    document = build_releases(line("feat: a", "chore: b", "ci: c", "test: d"))[0]

    assert subjects(document) == ["a"]
    assert {item.reason for item in document.excluded} == {"hidden"}
    assert [item.category for item in document.excluded] == ["internal", "internal", "internal"]


def test_a_prefix_that_is_no_type_is_left_out_only_where_others_have_one() -> None:
    among_types = build_releases(line("feat: a", "fix: b", "net: add c"))[0]
    among_its_like = build_releases(line("net: add a", "parser: fix b", "feat: c"))[0]

    assert subjects(among_types) == ["a", "b"]
    assert [item.reason for item in among_types.excluded] == ["no_convention"]
    assert sorted(subjects(among_its_like)) == ["add a", "c", "fix b"]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Merge branch 'x'", "merge"),
        ("fixup! feat: a", "fixup"),
        ("", "empty"),
        ("chore(main): release 1.2.0 (#9)", "release"),
        ("chore(release): 1.2.0 [skip ci]", "release"),
        ("v1.2.0", "release"),
        ("Version 1.2.0 (#9)", "release"),
        ("feat: b [skip changelog]", "skipped"),
        ("feat: b\n\nChangelog: skip", "skipped"),
    ],
)
def test_what_is_no_change_is_excluded_with_its_reason(message: str, reason: str) -> None:
    assert reasons(build_releases(line("feat: a", message))[0]) == {sha("1"): reason}


def test_messages_without_a_convention_are_left_out_where_most_follow_one() -> None:
    mostly = build_releases(line("feat: a", "fix: b", "Add a thing"))[0]
    seldom = build_releases(line("feat: a", "Add b", "Fix c"))[0]

    assert reasons(mostly) == {sha("2"): "no_convention"}
    assert len(subjects(seldom)) == 3


def test_a_cherry_pick_is_listed_once_where_both_lines_meet() -> None:
    merged = [*FORK, commit("m", "Merge branch '1.0'", "2 p", at=4, tags="v1.1.0")]
    one_zero_one, one_one = build_releases(merged)[1:]

    assert subjects(one_zero_one) == ["the leak"]
    assert subjects(one_one) == ["a new thing"]
    assert reasons(one_one)[sha("2")] == "duplicate"


def test_on_separate_release_lines_both_copies_are_listed() -> None:
    apart = [*FORK, commit("3", "feat: more", "2", at=4, tags="v1.1.0")]
    by_name = {document.release.name: document for document in build_releases(apart)}

    assert "the leak (#4)" in subjects(by_name["v1.1.0"])
    assert subjects(by_name["v1.0.1"]) == ["the leak"]


def test_the_same_words_twice_on_one_line_are_two_changes() -> None:
    assert subjects(build_releases(line("fix: typo", "fix: typo"))[0]) == ["typo", "typo"]


def test_a_pick_that_names_its_original_is_its_copy_whatever_its_words() -> None:
    commits = [
        commit("0", "feat: first", at=0),
        commit("1", "fix: the leak", "0", at=1),
        commit(
            "p",
            f"fix: the leak, backported\n\n(cherry picked from commit {sha('1')})",
            "0",
            at=2,
            author="B <b@x.org>",
        ),
        commit("m", "Merge branch 'x'", "1 p", at=3),
    ]

    assert subjects(build_releases(commits)[0]) == ["first", "the leak"]


def test_steps_of_one_dependency_are_one_entry() -> None:
    document = build_releases(
        line(
            "fix(deps): bump boto from 1.0 to 1.1 (#1)",
            "feat: a",
            "fix(deps): bump boto from 1.1 to 2.0 (#2)",
            "chore(deps): bump mypy from 1 to 2",
        )
    )[0]
    chains = [(chain.name, chain.old, chain.new) for chain in document.dependencies]

    assert chains == [("boto", "1.0", "2.0"), ("mypy", "1", "2")]
    assert subjects(document) == ["a", "bump boto from 1.0 to 2.0 (#2)"]
    assert document.sections[1].entries[0].shas == (sha("0"), sha("2"))


def test_steps_that_do_not_tell_their_start_stay_entries_of_their_own() -> None:
    document = build_releases(
        line("fix(deps): update dependency x to v2", "fix(deps): update dependency x to v3")
    )[0]

    assert [(chain.old, chain.new) for chain in document.dependencies] == [(None, "v3")]
    assert subjects(document) == ["update dependency x to v2", "update dependency x to v3"]


def test_an_advisory_puts_a_change_of_any_type_into_security() -> None:
    document = build_releases(line("chore: update x\n\nMends cve-2024-12345"))[0]

    assert [section.key for section in document.sections] == ["security"]
    assert document.security[0].ids == ("CVE-2024-12345",)


def test_a_stable_release_also_shows_what_its_pre_releases_had() -> None:
    documents = build_releases(
        line(
            "feat: a", "feat: b", "fix: c", "fix: d",
            tags={0: "v1.0.0", 1: "v1.1.0-rc.1", 3: "v1.1.0"},
        )
    )  # fmt: skip
    folded = documents[-1].folded

    assert folded is not None
    assert folded.previous == "v1.0.0"
    assert [e.subject for s in folded.sections for e in s.entries] == ["b", "c", "d"]
    assert subjects(documents[-1]) == ["c", "d"]
    assert documents[1].folded is None


@pytest.mark.parametrize(
    ("tag", "messages", "expected"),
    [
        ("v1.2.3", ["fix: b"], "1.2.4"),
        ("v1.2.3", ["feat: b", "fix: c"], "1.3.0"),
        ("v1.2.3", ["fix!: b"], "2.0.0"),
        ("v0.2.3", ["fix!: b"], "0.3.0"),
        ("v1.2.3", ["chore: b"], "1.2.4"),
        ("v1.2.3", ["chore: b\n\nRelease-As: 5.0.0"], "5.0.0"),
        ("v1.2.3", ["feat: b", f'Revert "feat: b"\n\nThis reverts commit {sha("1")}.'], "1.2.4"),
        ("2023.1", ["feat: b"], "2023.2"),
    ],
)
def test_the_next_version_follows_from_the_commits(
    tag: str, messages: list[str], expected: str
) -> None:
    document = build_releases(line("feat: a", *messages, tags={0: tag}))[-1]

    assert document.bump.next == expected
    assert document.bump.reasons


def test_calendar_versions_are_left_alone() -> None:
    tags = {0: "2023.1", 1: "2023.2"}
    document = build_releases(line("feat: a", "feat: b", "feat: c", tags=tags))[-1]

    assert (document.bump.next, document.bump.level) == (None, "minor")


def test_an_author_is_new_once_whatever_name_or_address_they_use() -> None:
    authors = ["Ann Lee <a@x.org>", "Ann Lee <ann@y.org>", "bot[bot] <b@x.org>"]
    commits = [
        commit(str(n), f"feat: {n}", str(n - 1) if n else "", at=n, author=author, tags=f"v{n}.0.0")
        for n, author in enumerate(authors)
    ]

    assert [doc.contributors[0].first_time for doc in build_releases(commits)] == [
        True, False, False,
    ]  # fmt: skip


def test_nobody_is_no_newcomer() -> None:
    assert not build_releases([commit("0", "feat: a", author="")])[0].contributors[0].first_time


def test_an_override_repairs_an_entry_and_the_newest_counts() -> None:
    def override(at: int, **members: object) -> OverrideEvent:
        payload = {"repository": "r", "sha": sha("0"), "timestamp_s": at, **members}
        return msgspec.convert(payload, OverrideEvent)

    repairs = [override(9, category="fixed", subject="mend it"), override(3, is_hidden=True)]
    document = build_releases(line("chore: oops"), overrides=repairs)[0]
    hidden = build_releases(line("feat: a"), overrides=[override(1, is_hidden=True)])[0]

    assert subjects(document) == ["mend it"]
    assert document.sections[0].entries[0].decided_by == "OVERRIDE"
    assert reasons(hidden) == {sha("0"): "override"}


def test_two_payloads_of_one_sha_give_one_flagged_commit_in_any_order() -> None:
    one, other = commit("0", "feat: a"), commit("0", "feat: b")

    assert build_releases([one, other]) == build_releases([other, one])
    assert build_releases([one, other])[0].conflicts == (sha("0"),)


def test_a_squash_body_gives_its_entries_by_choice() -> None:
    squashed = line("feat: a (#1)\n\n* feat: b\n* fix: c\n\nfix: d\n\nwhy d")

    def listed(policy: str) -> list[str]:
        config = msgspec.convert({"squash": policy}, ChangelogConfig)
        return subjects(build_releases(squashed, config=config)[0])

    assert listed("header") == ["a (#1)"]
    assert listed("paragraphs") == ["a (#1)", "d"]
    assert listed("all") == ["a (#1)", "b", "d", "c"]


def changed(documents: list[ReleaseDocument], later: list[ReleaseDocument]) -> list[str | None]:
    before = {doc.release.name: doc.content_hash for doc in documents}
    return [doc.release.name for doc in later if before.get(doc.release.name) != doc.content_hash]


def test_a_late_commit_touches_the_release_it_belongs_to_and_no_other() -> None:
    tags = {1: "v1.0.0", 3: "v1.1.0", 5: "v1.2.0"}
    commits = line("feat: a", "fix: b", "feat: c", "fix: d", "feat: e", "fix: f", tags=tags)
    late = msgspec.structs.replace(commits[2], message="feat: c, said better")

    assert changed(build_releases(commits), build_releases([*commits[:2], late, *commits[3:]])) == [
        "v1.1.0"
    ]


@settings(deadline=None)
@given(histories(), st.data())
def test_equal_input_hashes_mean_equal_documents(
    history: tuple[list[CommitEvent], list[TagEvent]], data: st.DataObject
) -> None:
    commits, tags = history
    cache = FactsCache(ChangelogConfig())
    build: Callable[[list[CommitEvent]], History] = lambda some: History(some, tags, (), (), cache)  # noqa: E731
    some = data.draw(st.lists(st.sampled_from(commits), unique_by=lambda item: item.sha))
    known: dict[tuple[str | None, str], bytes] = {}
    for history_ in (build(commits), build(some)):
        for release in range(len(history_.boundaries) + 1):
            document = canonical_json(build_release(history_, release))
            name = (
                None if release == len(history_.boundaries) else history_.boundaries[release].name
            )
            key = (name, input_hash(history_, release))

            assert known.setdefault(key, document) == document
