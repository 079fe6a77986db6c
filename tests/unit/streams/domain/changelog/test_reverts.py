import pytest

from streams.domain.changelog.documents import ReleaseDocument
from streams.domain.changelog.messages import parse_message
from streams.domain.changelog.releases import build_releases
from streams.domain.changelog.reverts import parse_revert, split_number, strip_numbers
from tests.unit.streams.domain.changelog.histories import commit, line, reasons, sha, subjects

FEATURE = "feat: add a thing (#7)"


def released(*messages: str, earlier: int | None = None) -> ReleaseDocument:
    tags = {len(messages) - 1: "v1.1.0"}
    if earlier is not None:
        tags[earlier] = "v1.0.0"
    return build_releases(line(*messages, tags=tags))[-1]


def this_reverts(name: str) -> str:
    return f"This reverts commit {sha(name)}."


@pytest.mark.parametrize(
    "revert",
    [
        f'Revert "{FEATURE}"\n\nThis reverts commit {sha("0")}.',
        f'Revert "{FEATURE}"\n\nThis reverts commit {sha("0")[:9]}.',
        f'Revert "{FEATURE}" (#9)',
        'Revert "feat: add a thing" (#9)\n\nReverts acme/rocket#7',
        "revert: feat: add a thing (#7)",
        'revert: "feat: add a thing"',
        f"revert: let us forget it\n\nRefs: {sha('0')[:7]}",
        f"revert(core): forget it\n\nThis reverts commit {sha('0')}.",
    ],
)
def test_a_revert_in_the_same_release_cancels_both(revert: str) -> None:
    document = released(FEATURE, revert, "fix: b")

    assert subjects(document) == ["b"]
    assert reasons(document) == {sha("0"): "reverted", sha("1"): "revert"}
    assert [(x.reverted, x.by, x.effect) for x in document.reverts] == [
        (sha("0"), sha("1"), "cancelled")
    ]


@pytest.mark.parametrize("header", ['revert: "add"', f'Revert "{FEATURE}"'])
def test_a_revert_of_an_earlier_release_is_listed(header: str) -> None:
    document = released(FEATURE, f"{header}\n\n{this_reverts('0')}", "fix: b", "fix: c", earlier=0)

    assert [section.key for section in document.sections] == ["fixed", "reverted"]
    assert document.reverts[0].effect == "listed"


@pytest.mark.parametrize("header", [f'Revert "Revert "{FEATURE}""', f'Reapply "{FEATURE}"'])
def test_the_revert_of_a_revert_gives_the_change_back(header: str) -> None:
    document = released(
        FEATURE,
        f'Revert "{FEATURE}"\n\n{this_reverts("0")}',
        f"{header}\n\n{this_reverts('1')}",
    )

    assert subjects(document) == ["add a thing (#7)"]


def test_a_change_that_was_made_again_after_its_revert_is_listed_once() -> None:
    document = released(FEATURE, f'Revert "{FEATURE}"\n\n{this_reverts("0")}', FEATURE)

    assert [entry.shas for section in document.sections for entry in section.entries] == [
        (sha("2"),)
    ]


def test_a_partial_revert_cancels_nothing() -> None:
    document = released(FEATURE, f'Partially revert "{FEATURE}"\n\n{this_reverts("0")}', "fix: b")

    assert "add a thing (#7)" in subjects(document)
    assert document.reverts[0].effect == "partial"


def test_a_revert_of_something_unknown_is_listed() -> None:
    document = released("feat: a", f"revert: forget it\n\nThis reverts commit {'f' * 40}.")

    assert subjects(document) == ["a", "forget it"]
    assert document.reverts[0].effect == "unresolved"


def test_a_fix_about_reverts_is_no_revert() -> None:
    assert subjects(released("fix: revert to the old default")) == ["revert to the old default"]
    assert parse_revert(parse_message("Revert wrongly changed text"), "") is None


def test_the_revert_of_a_merge_takes_back_what_it_brought() -> None:
    merge = "Merge pull request #5 from a/b"
    commits = [
        commit("root", "feat: root"),
        commit("x", "feat: x", "root", at=1),
        commit("y", "fix: y", "x", at=2),
        commit("m", merge, "root y", at=3),
        commit(
            "r",
            f'Revert "{merge}"\n\nThis reverts commit {sha("m")}, reversing\n'
            f"changes made to {sha('root')}.",
            "m",
            at=4,
            tags="v1.0.0",
        ),
    ]

    assert subjects(build_releases(commits)[0]) == ["root"]


def test_numbers_at_the_end_of_a_subject_are_told_from_its_words() -> None:
    assert split_number("a (b) (#12)") == ("a (b)", "12")
    assert split_number("a (b)") == ("a (b)", None)
    assert strip_numbers("a (#1) (o/r#2) ") == "a"
