"""Which release each commit belongs to, and how that is known."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple

from streams.domain.changelog.graph import UNKNOWN_TIME, CommitGraph
from streams.domain.changelog.tags import Boundary

EXPLICIT: Final = "explicit"
ANCESTRY: Final = "ancestry"
DATE: Final = "date"
MIXED: Final = "mixed"


class Attribution(NamedTuple):
    """For each commit the number of its release, and how it was found.

    Releases are numbered as their boundaries are; the number after the last means unreleased.
    """

    release_of: tuple[int, ...]
    method_of: tuple[str, ...]

    def members(self, release_count: int) -> list[list[int]]:
        """Return the commits of each release, the unreleased last, in graph order."""
        members: list[list[int]] = [[] for _ in range(release_count + 1)]
        for number, release in enumerate(self.release_of):
            members[release].append(number)
        return members


def attribute_commits(graph: CommitGraph, boundaries: Sequence[Boundary]) -> Attribution:
    """Return the first release that contains each commit.

    A release cut by hand keeps the commits it names. Else the ancestry decides, as in
    `git rev-list TAG --not EARLIER_TAGS`. A commit whose place in the graph is not known goes by
    its date: into the first release that ends at or after it.
    """
    unreleased = len(boundaries)
    release_of = [-1] * len(graph.commits)
    method_of = [ANCESTRY] * len(graph.commits)
    for release, boundary in enumerate(boundaries):
        for sha in boundary.commits:
            number = graph.number_of.get(sha, -1)
            if number >= 0 and release_of[number] < 0:
                release_of[number], method_of[number] = release, EXPLICIT
    for release, boundary in enumerate(boundaries):
        _claim_ancestors(graph, boundary.head, release, (release_of, method_of))
    for number, release in enumerate(release_of):
        if release < 0:
            release_of[number] = unreleased
    _place_by_date(graph, boundaries, release_of, method_of)
    return Attribution(tuple(release_of), tuple(method_of))


def _claim_ancestors(
    graph: CommitGraph, head: int, release: int, claimed: tuple[list[int], list[str]]
) -> None:
    """Claim what nobody has claimed; the walk goes on below a commit that was picked by hand."""
    release_of, method_of = claimed
    waiting = [head]
    seen = {head}
    while waiting:
        number = waiting.pop()
        if release_of[number] < 0:
            release_of[number] = release
        for parent in graph.parents[number]:
            is_open = release_of[parent] < 0 or method_of[parent] == EXPLICIT
            if is_open and parent not in seen:
                seen.add(parent)
                waiting.append(parent)


def _place_by_date(
    graph: CommitGraph,
    boundaries: Sequence[Boundary],
    release_of: list[int],
    method_of: list[str],
) -> None:
    """Move the unclaimed commits that may hang below a gap in the graph to a release by date."""
    unreleased = len(boundaries)
    ends = sorted((graph.time_of(boundary.head), n) for n, boundary in enumerate(boundaries))
    newest_gap = max((graph.time_of(number) for number in graph.gaps), default=UNKNOWN_TIME)
    for number, release in enumerate(release_of):
        if release != unreleased:
            continue
        time = graph.time_of(number)
        is_detached = number in graph.detached
        if time == UNKNOWN_TIME or not (is_detached or time <= newest_gap):
            continue
        place = bisect_left(ends, (time, -1))
        release_of[number] = ends[place][1] if place < len(ends) else unreleased
        method_of[number] = DATE
