import random

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import CommitEvent
from streams.domain.changelog.graph import build_graph, walk_range
from tests.unit.streams.domain.changelog.histories import commit, sha


@st.composite
def graphs(draw: st.DrawFn) -> list[CommitEvent]:
    count = draw(st.integers(1, 12))
    return [
        commit(
            str(number),
            f"fix: {number}",
            " ".join(
                str(parent)
                for parent in draw(st.lists(st.integers(0, number - 1), max_size=3, unique=True))
            )
            if number
            else "",
            at=draw(st.integers(0, 5)),
        )
        for number in range(count)
    ]


def reachable(commits: list[CommitEvent], start: str) -> set[str]:
    by_sha = {item.sha: item for item in commits}
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen and name in by_sha:
            seen.add(name)
            waiting.extend(by_sha[name].parents or ())
    return seen


@given(graphs(), st.randoms(use_true_random=False))
def test_any_order_of_arrival_builds_the_same_graph(
    commits: list[CommitEvent], shuffler: random.Random
) -> None:
    shuffled = commits[:]
    shuffler.shuffle(shuffled)

    assert build_graph(shuffled) == build_graph(commits)


@given(graphs())
def test_each_commit_comes_after_its_parents(commits: list[CommitEvent]) -> None:
    graph = build_graph(commits)

    assert all(parent < number for number, own in enumerate(graph.parents) for parent in own)


@given(graphs(), st.data())
def test_a_range_holds_what_the_head_reaches_and_no_base_does(
    commits: list[CommitEvent], data: st.DataObject
) -> None:
    graph = build_graph(commits)
    numbers = st.integers(0, len(commits) - 1)
    head, bases = data.draw(numbers), data.draw(st.lists(numbers, max_size=3))
    found = [graph.commits[number].sha for number in walk_range(graph, head, bases)]
    excluded = set().union(*(reachable(commits, graph.commits[base].sha) for base in bases))

    assert set(found) == reachable(commits, graph.commits[head].sha) - excluded
    assert len(found) == len(set(found))


def test_a_cycle_of_parents_is_cut_and_loses_no_commit() -> None:
    cycle = [commit("a", "fix: a", "c"), commit("b", "fix: b", "a"), commit("c", "fix: c", "b")]
    graph = build_graph([*cycle, commit("d", "fix: d", "d")])

    assert {item.sha for item in graph.commits} == {sha(name) for name in "abcd"}
    assert all(parent < number for number, own in enumerate(graph.parents) for parent in own)


def test_a_parent_that_never_came_is_a_gap() -> None:
    graph = build_graph([commit("a", "fix: a", "missing"), commit("b", "fix: b", "a")])

    assert graph.gaps == {graph.number_of[sha("a")]}


def test_commits_of_which_none_has_a_parent_have_unknown_parents() -> None:
    assert len(build_graph([commit("a", "fix: a"), commit("b", "fix: b")]).detached) == 2
    assert not build_graph([commit("a", "fix: a")]).detached
