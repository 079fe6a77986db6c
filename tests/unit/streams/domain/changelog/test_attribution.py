import random

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import CommitEvent, ReleaseEvent, TagEvent
from streams.domain.changelog.attribution import attribute_commits
from streams.domain.changelog.graph import build_graph
from streams.domain.changelog.tags import find_boundaries
from tests.unit.streams.domain.changelog.histories import REPOSITORY, commit, sha
from tests.unit.streams.domain.changelog.test_graph import graphs, reachable


def tag(name: str, target: str | None, at: int | None = 0) -> TagEvent:
    return TagEvent(
        repository=REPOSITORY,
        name=name,
        sha=None if target is None else sha(target),
        timestamp_s=at,
    )


def shares(
    commits: list[CommitEvent], tags: list[TagEvent], releases: list[ReleaseEvent] | None = None
) -> dict[str, set[str]]:
    graph = build_graph(commits)
    boundaries = find_boundaries(graph, tags, releases or [])
    found = attribute_commits(graph, boundaries)
    names = [boundary.name for boundary in boundaries] + ["unreleased"]
    members = found.members(len(boundaries))
    return {
        name: {graph.commits[number].sha for number in numbers}
        for name, numbers in zip(names, members, strict=True)
    }


@given(graphs(), st.data(), st.randoms(use_true_random=False))
def test_a_commit_is_in_the_first_release_that_contains_it(
    commits: list[CommitEvent], data: st.DataObject, shuffler: random.Random
) -> None:
    picked = data.draw(st.lists(st.integers(0, len(commits) - 1), unique=True))
    tags = [tag(f"v{number}.0.0", str(number)) for number in picked]
    shuffler.shuffle(commits)
    shuffler.shuffle(tags)
    graph = build_graph(commits)
    found = shares(commits, tags)
    claimed: set[str] = set()
    for boundary in [] if graph.detached else find_boundaries(graph, tags, []):
        contained = reachable(commits, graph.commits[boundary.head].sha)

        assert found[boundary.name] == contained - claimed
        claimed |= contained


def test_an_ancestor_is_released_first_even_when_its_clock_was_wrong() -> None:
    commits = [commit("a", "fix: a", at=900), commit("b", "fix: b", "a", at=10)]

    assert shares(commits, [tag("v1.0.1", "b"), tag("v1.0.0", "a")]) == {
        "v1.0.0": {sha("a")},
        "v1.0.1": {sha("b")},
        "unreleased": set(),
    }


def test_a_tag_that_moved_counts_where_it_was_seen_last() -> None:
    commits = [commit("a", "fix: a"), commit("b", "fix: b", "a"), commit("c", "fix: c", "b")]

    assert shares(commits, [tag("v1", "a", 5), tag("v1", "b", 9)])["v1"] == {sha("a"), sha("b")}
    assert list(shares(commits, [tag("v1", None, 9), tag("v1", "b", 5)])) == ["unreleased"]


def test_a_tag_whose_commit_has_not_come_waits() -> None:
    assert list(shares([commit("a", "fix: a")], [tag("v1", "later")])) == ["unreleased"]


def test_without_parents_the_date_decides_and_the_method_says_so() -> None:
    commits = [
        CommitEvent(repository="r", sha=sha(name), message="fix: x", author="", timestamp_s=at)
        for name, at in [("a", 10), ("b", 20), ("c", 30), ("d", 40)]
    ]
    graph = build_graph(commits)
    boundaries = find_boundaries(graph, [tag("v1", "b"), tag("v2", "c")], [])
    found = attribute_commits(graph, boundaries)

    assert shares(commits, [tag("v1", "b"), tag("v2", "c")]) == {
        "v1": {sha("a"), sha("b")},
        "v2": {sha("c")},
        "unreleased": {sha("d")},
    }
    assert found.method_of[graph.number_of[sha("a")]] == "date"


def test_below_a_gap_in_the_graph_the_date_decides() -> None:
    commits = [
        commit("old", "fix: old", at=1),
        commit("new", "fix: new", "missing", at=9),
        commit("draft", "fix: draft", "new", at=20),
    ]

    assert shares(commits, [tag("v1", "new")])["v1"] == {sha("old"), sha("new")}


def test_a_release_cut_by_hand_keeps_the_commits_it_names() -> None:
    commits = [commit("a", "fix: a"), commit("b", "fix: b", "a"), commit("c", "fix: c", "b")]
    cut = ReleaseEvent(repository=REPOSITORY, name="v2", sha=sha("c"), commits=(sha("a"),))

    assert shares(commits, [tag("v1", "b")], [cut]) == {
        "v1": {sha("b")},
        "v2": {sha("a"), sha("c")},
        "unreleased": set(),
    }


def test_a_commit_without_a_usable_date_still_has_its_place() -> None:
    commits = [
        commit("a", "fix: a"),
        CommitEvent(repository="r", sha=sha("b"), message="x", author="", parents=(sha("a"),)),
    ]

    assert shares(commits, [tag("v1", "b")])["v1"] == {sha("a"), sha("b")}
