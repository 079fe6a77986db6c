"""Tags and cut releases as boundaries: where each release of a repository ends."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from schemas.events import ReleaseEvent, TagEvent
from streams.domain.changelog.graph import UNKNOWN_TIME, CommitGraph
from streams.domain.changelog.versions import Version, parse_version


class TagClaim(NamedTuple):
    """One statement about where a tag is; of two the greater one counts."""

    time: int
    number: int
    sha: str


class Boundary(NamedTuple):
    """The last commit of a release, by its number in the graph, and what the release is called."""

    head: int
    name: str
    names: tuple[str, ...]
    version: Version | None
    timestamp_s: int | None
    commits: tuple[str, ...]
    is_cut: bool


def find_boundaries(
    graph: CommitGraph,
    tags: Iterable[TagEvent],
    releases: Iterable[ReleaseEvent],
    patterns: tuple[str, ...] = ("*",),
) -> tuple[Boundary, ...]:
    """Return one boundary per commit that a tag or a cut release names, oldest first.

    An ancestor comes before its descendants; boundaries side by side are ordered by time. Of
    several statements about one tag the newest counts; a tag whose commit has not arrived waits.
    """
    places = _newest_places(graph, tags)
    cuts = _newest_cuts(graph, releases)
    names: dict[int, dict[str, int | None]] = {}
    for name, (head, timestamp_s) in places.items():
        # A release cut by hand is where it was cut, whatever a tag of its name says.
        if name not in cuts and any(fnmatchcase(name, pattern) for pattern in patterns):
            names.setdefault(head, {})[name] = timestamp_s
    for cut in cuts.values():
        names.setdefault(graph.number_of[cut.sha], {})[cut.name] = cut.timestamp_s
    found = [_boundary(graph, head, names[head], cuts) for head in names]
    reached = _last_boundary_time(graph, set(names))
    return tuple(sorted(found, key=lambda boundary: (reached[boundary.head], boundary.head)))


def _newest_places(
    graph: CommitGraph, tags: Iterable[TagEvent]
) -> dict[str, tuple[int, int | None]]:
    """Return for each tag (the number of its commit, the time of the statement)."""
    claims: dict[str, TagClaim] = {}
    for number, commit in enumerate(graph.commits):
        for name in commit.tags:
            # Two payloads claim one tag: it moved, and the later commit has it now.
            claims[name] = TagClaim(UNKNOWN_TIME, number, commit.sha)
    for tag in tags:
        claim = TagClaim(
            UNKNOWN_TIME + 1 if tag.timestamp_s is None else tag.timestamp_s,
            graph.number_of.get(tag.sha or "", -1),
            tag.sha or "",
        )
        claims[tag.name] = max(claim, claims.get(tag.name, claim))
    return {
        name: (claim.number, claim.time if claim.time > UNKNOWN_TIME + 1 else None)
        for name, claim in claims.items()
        if claim.number >= 0
    }


def _newest_cuts(graph: CommitGraph, releases: Iterable[ReleaseEvent]) -> dict[str, ReleaseEvent]:
    newest: dict[str, ReleaseEvent] = {}
    for cut in sorted(releases, key=_cut_key):
        if cut.sha in graph.number_of:
            newest[cut.name] = cut
    return newest


def _cut_key(cut: ReleaseEvent) -> tuple[str, int, str, tuple[str, ...]]:
    time = UNKNOWN_TIME if cut.timestamp_s is None else cut.timestamp_s
    return cut.name, time, cut.sha, cut.commits


def _boundary(
    graph: CommitGraph, head: int, names: dict[str, int | None], cuts: dict[str, ReleaseEvent]
) -> Boundary:
    versions = {name: parse_version(name) for name in names}
    best = min(names, key=lambda name: (name not in cuts, *_name_rank(name, versions[name])))
    told = names[best]
    explicit = sorted({sha for name in names if name in cuts for sha in cuts[name].commits})
    return Boundary(
        head=head,
        name=best,
        names=tuple(sorted(names)),
        version=versions[best],
        timestamp_s=graph.commits[head].timestamp_s if told is None else told,
        commits=tuple(explicit),
        is_cut=best in cuts,
    )


def _name_rank(name: str, version: Version | None) -> tuple[bool, bool, int, int, str]:
    if version is None:
        return True, True, 0, 0, name
    return False, not version.is_stable, len(version.series), -len(version.numbers), name


def _last_boundary_time(graph: CommitGraph, heads: set[int]) -> list[int]:
    """Return for each commit the latest time of the boundaries it contains, itself included.

    It never falls along a line of descent, so ordering by it keeps ancestors first even when a
    clock was wrong.
    """
    reached: list[int] = []
    for number, parents in enumerate(graph.parents):
        latest = max((reached[parent] for parent in parents), default=UNKNOWN_TIME)
        if number in heads:
            latest = max(latest, graph.time_of(number))
        reached.append(latest)
    return reached
