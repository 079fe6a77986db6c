"""One document for everything between two points of a history, whatever was released when."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from schemas.errors import AiOpsError
from schemas.events import CommitEvent, OverrideEvent, ReleaseEvent, TagEvent
from streams.domain.changelog.config import ChangelogConfig
from streams.domain.changelog.documents import ReleaseDocument
from streams.domain.changelog.graph import CommitGraph, build_graph
from streams.domain.changelog.history import FactsCache, History
from streams.domain.changelog.merging import merge_commits
from streams.domain.changelog.releases import build_release
from streams.domain.changelog.tags import find_boundaries

_SHORTEST_SHA = 7


class RangeError(AiOpsError):
    """The two points make no range; `end` is the one that is wrong: `from` or `to`."""

    def __init__(self, end: str, problem: str) -> None:
        self.end = end
        super().__init__(problem)


class Events(NamedTuple):
    """What was said about a repository."""

    commits: tuple[CommitEvent, ...] = ()
    tags: tuple[TagEvent, ...] = ()
    releases: tuple[ReleaseEvent, ...] = ()
    overrides: tuple[OverrideEvent, ...] = ()


class _Point(NamedTuple):
    name: str
    sha: str
    timestamp_s: int | None


def build_range(
    events: Events, since: str | None, until: str | None, config: ChangelogConfig
) -> ReleaseDocument:
    """Return the document of the commits that `until` contains and `since` does not.

    Both are tags, cut releases or commit ids, shortened ones too; None means the beginning, and
    all there is. A function of the set of events: their order changes no byte.

    Raises:
        RangeError: there is no such commit, or `since` is not before `until`.
    """
    commits = list(merge_commits(events.commits).values())
    points = _known_points(build_graph(commits), events, config)
    ends = [
        points.find(name, end) for name, end in ((since, "from"), (until, "to")) if name is not None
    ]
    history = History(
        (msgspec.structs.replace(commit, tags=()) if commit.tags else commit for commit in commits),
        (),
        [_cut(end, commits[0].repository) for end in ends],
        events.overrides,
        FactsCache(config),
    )
    return build_release(history, _wanted(history, since, until, ends))


def _wanted(history: History, since: str | None, until: str | None, ends: list[_Point]) -> int:
    """Return the number of the range among the releases that its ends cut."""
    if until is None:
        return len(history.boundaries)
    heads = [history.graph.commits[boundary.head].sha for boundary in history.boundaries]
    wanted = heads.index(ends[-1].sha)
    if since is not None and heads.index(ends[0].sha) >= wanted:
        raise RangeError("from", f"{since} is not before {until}")
    return wanted


class _Points(NamedTuple):
    named: dict[str, _Point]
    graph: CommitGraph

    def find(self, name: str, end: str) -> _Point:
        found = self.named.get(name)
        if found is not None:
            return found
        number = self.graph.number_of.get(name.lower())
        if number is not None:
            return _Point(name.lower(), name.lower(), self.graph.commits[number].timestamp_s)
        return self._by_prefix(name.lower(), end)

    def _by_prefix(self, prefix: str, end: str) -> _Point:
        is_long_enough = len(prefix) >= _SHORTEST_SHA
        found = [one for one in self.graph.commits if one.sha.startswith(prefix)]
        if not is_long_enough or len(found) != 1:
            raise RangeError(end, f"no tag, release or single commit is called {prefix}")
        return _Point(found[0].sha, found[0].sha, found[0].timestamp_s)


def _known_points(graph: CommitGraph, events: Events, config: ChangelogConfig) -> _Points:
    named = {}
    for boundary in find_boundaries(graph, events.tags, events.releases, config.tags):
        sha = graph.commits[boundary.head].sha
        for name in boundary.names:
            named[name] = _Point(name, sha, boundary.timestamp_s)
    return _Points(named, graph)


def _cut(point: _Point, repository: str) -> ReleaseEvent:
    return ReleaseEvent(
        repository=repository, name=point.name, sha=point.sha, timestamp_s=point.timestamp_s
    )


def sort_events(
    found: Iterable[CommitEvent | TagEvent | ReleaseEvent | OverrideEvent],
) -> Events:
    """Return the events by their kind, in the order given."""
    everything = tuple(found)
    return Events(
        tuple(one for one in everything if isinstance(one, CommitEvent)),
        tuple(one for one in everything if isinstance(one, TagEvent)),
        tuple(one for one in everything if isinstance(one, ReleaseEvent)),
        tuple(one for one in everything if isinstance(one, OverrideEvent)),
    )
