"""The commits of a repository as a graph that any order of arrival builds the same."""

from collections.abc import Iterable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from schemas.events import CommitEvent

UNKNOWN_TIME: Final = -(2**63)


class CommitGraph(NamedTuple):
    """Commits in an order in which each comes after its parents; indexes point into it.

    `parents` holds known parents only. `gaps` are commits some of whose parents never arrived,
    `detached` those whose parents nobody told.
    """

    commits: tuple[CommitEvent, ...]
    number_of: Mapping[str, int]
    parents: tuple[tuple[int, ...], ...]
    gaps: frozenset[int]
    detached: frozenset[int]

    def time_of(self, number: int) -> int:
        """Return the commit time in seconds, the smallest number when it is unknown."""
        timestamp_s = self.commits[number].timestamp_s
        return UNKNOWN_TIME if timestamp_s is None else timestamp_s


def build_graph(commits: Iterable[CommitEvent]) -> CommitGraph:
    """Return the graph of commits with distinct shas.

    Ties are broken by time and sha. A cycle of parents, which only forged payloads have, is cut
    at its oldest commit. When no commit at all has a parent, their parents count as unknown.
    """
    by_sha = {commit.sha: commit for commit in commits}
    if len(by_sha) > 1 and not any(commit.parents for commit in by_sha.values()):
        detached = set(by_sha)
    else:
        detached = {sha for sha, commit in by_sha.items() if commit.parents is None}
    order = _topological(by_sha)
    index = {sha: number for number, sha in enumerate(order)}
    parents: list[tuple[int, ...]] = []
    gaps: set[int] = set()
    for number, sha in enumerate(order):
        named = by_sha[sha].parents or ()
        known = tuple(index[parent] for parent in named if parent in index)
        parents.append(
            tuple(sorted({parent for parent in known if parent < number}, key=known.index))
        )
        if len(known) < len(named):
            gaps.add(number)
    return CommitGraph(
        commits=tuple(by_sha[sha] for sha in order),
        number_of=index,
        parents=tuple(parents),
        gaps=frozenset(gaps),
        detached=frozenset(index[sha] for sha in detached),
    )


def walk_range(graph: CommitGraph, head: int, bases: Iterable[int]) -> Iterator[int]:
    """Yield the commits reachable from `head` and not from any base, newest first.

    A commit is taken before its parents, so whether it is excluded is settled when it is taken;
    the walk ends as soon as nothing but excluded commits is left.
    """
    is_excluded = dict.fromkeys(bases, True)
    is_excluded.setdefault(head, False)
    waiting = [-number for number in is_excluded]
    heapify(waiting)
    open_count = sum(not excluded for excluded in is_excluded.values())
    while open_count:
        number = -heappop(waiting)
        excluded = is_excluded[number]
        if not excluded:
            open_count -= 1
            yield number
        for parent in graph.parents[number]:
            if parent not in is_excluded:
                is_excluded[parent] = excluded
                open_count += not excluded
                heappush(waiting, -parent)
            elif excluded and not is_excluded[parent]:
                is_excluded[parent] = True
                open_count -= 1


def _topological(by_sha: Mapping[str, CommitEvent]) -> list[str]:
    children: dict[str, list[str]] = {}
    missing: dict[str, int] = {}
    for sha, commit in by_sha.items():
        known = {parent for parent in commit.parents or () if parent in by_sha and parent != sha}
        missing[sha] = len(known)
        for parent in known:
            children.setdefault(parent, []).append(sha)
    rank = {sha: (_time(commit), sha) for sha, commit in by_sha.items()}
    ready = [rank[sha] for sha, count in missing.items() if count == 0]
    heapify(ready)
    order: list[str] = []
    # Only a cycle leaves commits behind; sorted once, they are taken oldest first.
    stuck: Iterator[tuple[int, str]] | None = None
    done: set[str] = set()
    while len(order) < len(by_sha):
        if not ready:
            stuck = stuck or iter(sorted(rank[sha] for sha in by_sha if sha not in done))
            ready.append(next(key for key in stuck if key[1] not in done))
        sha = heappop(ready)[1]
        if sha in done:
            continue
        done.add(sha)
        order.append(sha)
        for child in children.get(sha, ()):
            missing[child] -= 1
            if missing[child] == 0 and child not in done:
                heappush(ready, rank[child])
    return order


def _time(commit: CommitEvent) -> int:
    return UNKNOWN_TIME if commit.timestamp_s is None else commit.timestamp_s
