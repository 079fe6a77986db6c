"""A repository's whole history, read once: releases, ranges, lineage, reverts, people."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from hashlib import sha256

from schemas.events import CommitEvent, OverrideEvent, ReleaseEvent, TagEvent
from streams.domain.changelog.attribution import attribute_commits
from streams.domain.changelog.bump import Evidence
from streams.domain.changelog.config import ChangelogConfig
from streams.domain.changelog.documents import Entry, ReleaseInfo, canonical_json
from streams.domain.changelog.duplicates import find_original, parallel_twins, possible_twins
from streams.domain.changelog.facts import Facts, read_facts
from streams.domain.changelog.graph import UNKNOWN_TIME, build_graph, walk_range
from streams.domain.changelog.kinds import merge_number
from streams.domain.changelog.lineage import Lineage
from streams.domain.changelog.people import Identities
from streams.domain.changelog.reverts import RevertIndex, RevertNote
from streams.domain.changelog.series import SeriesIndex
from streams.domain.changelog.tags import find_boundaries


class FactsCache:
    """Keeps what commits say between runs; a commit that changed is read again."""

    def __init__(self, config: ChangelogConfig) -> None:
        self.config = config
        self._kept: dict[str, tuple[CommitEvent, OverrideEvent | None, Facts]] = {}

    def read(self, commit: CommitEvent, override: OverrideEvent | None) -> Facts:
        """Return what a commit says, from memory when it is the same commit."""
        kept = self._kept.get(commit.sha)
        if kept is not None and kept[0] == commit and kept[1] == override:
            return kept[2]
        facts = read_facts(commit, self.config, override)
        self._kept[commit.sha] = (commit, override, facts)
        return facts


class History:
    """Everything that documents are made from; each part is worked out when it is first asked."""

    def __init__(
        self,
        commits: Iterable[CommitEvent],
        tags: Iterable[TagEvent],
        releases: Iterable[ReleaseEvent],
        overrides: Iterable[OverrideEvent],
        cache: FactsCache,
    ) -> None:
        self.config = cache.config
        self.graph = build_graph(commits)
        self.boundaries = find_boundaries(self.graph, tags, releases, self.config.tags)
        self.attribution = attribute_commits(self.graph, self.boundaries)
        self.members = self.attribution.members(len(self.boundaries))
        self.overrides = newest_overrides(overrides)
        # Entries are the same in every view but for collapsed chains; the key is (commit, place).
        self.entries: dict[tuple[int, int], Entry] = {}
        # What a release is called stands in its document and in the hash of what it is made from.
        self.infos: dict[int, ReleaseInfo] = {}
        self._bases: dict[int, int | None] = {}
        self._spans: dict[int, Sequence[int]] = {}
        self.facts: Sequence[Facts] = [
            cache.read(commit, self.overrides.get(commit.sha)) for commit in self.graph.commits
        ]

    @cached_property
    def _twin_groups(self) -> list[tuple[int, ...]]:
        picks = (
            (number, original)
            for number, facts in enumerate(self.facts)
            if facts.picked_from is not None
            and (original := self.graph.number_of.get(facts.picked_from)) is not None
        )
        keys = (
            (number, facts.twin_key)
            for number, facts in enumerate(self.facts)
            if facts.kind == "change" and number not in self.graph.detached
        )
        return possible_twins(keys, picks)

    @cached_property
    def twins(self) -> Mapping[int, tuple[int, ...]]:
        """For each commit its copies on other lines of history."""
        return parallel_twins(self._twin_groups, self.lineage)

    @cached_property
    def lineage(self) -> Lineage:
        """Ancestry among releases and possible copies."""
        heads = (boundary.head for boundary in self.boundaries)
        twins = (number for group in self._twin_groups for number in group)
        return Lineage(self.graph, [*heads, *twins])

    @cached_property
    def series(self) -> SeriesIndex:
        """Which release came before which."""
        return SeriesIndex(self.boundaries, self.lineage, self.graph.detached)

    @cached_property
    def reverts(self) -> Mapping[int, tuple[RevertNote, list[int]]]:
        """Each revert with the commits it takes back."""
        index = RevertIndex(self.graph.number_of, [facts.header for facts in self.facts])
        return {
            number: (facts.revert, index.targets(number, facts.revert))
            for number, facts in enumerate(self.facts)
            if facts.revert is not None
        }

    @cached_property
    def identities(self) -> Identities:
        """The people behind the spellings of authors and co-authors."""
        identities = Identities()
        for author in {commit.author for commit in self.graph.commits}:
            identities.add(author)
        for facts in self.facts:
            for name in facts.co_authors:
                identities.add(name)
        return identities

    @cached_property
    def person_of(self) -> list[str]:
        """The author of each commit as one person."""
        people = {
            author: self.identities.person(author)
            for author in {commit.author for commit in self.graph.commits}
        }
        return [people[commit.author] for commit in self.graph.commits]

    @cached_property
    def first_release(self) -> dict[str, int]:
        """The first release of each person."""
        first: dict[str, int] = {}
        for person, release in zip(self.person_of, self.attribution.release_of, strict=True):
            first[person] = min(release, first.get(person, release))
        return first

    @cached_property
    def pull_requests(self) -> Mapping[int, str]:
        """The pull request that brought each commit: of its own header, else of its merge."""
        numbers: dict[int, str] = {}
        for merge, facts in enumerate(self.facts):
            number = merge_number(facts.header) if facts.kind == "merge" else None
            if number is not None:
                for brought in self.brought_by(merge):
                    numbers.setdefault(brought, number)
        for own, facts in enumerate(self.facts):
            if facts.number is not None:
                numbers[own] = facts.number
        return numbers

    @cached_property
    def evidence(self) -> list[Evidence]:
        """What each commit calls for, were it chosen."""
        return [
            Evidence(commit.sha, facts.level, facts.changes[0].found.type, facts.release_as)
            for commit, facts in zip(self.graph.commits, self.facts, strict=True)
        ]

    @cached_property
    def digests(self) -> list[bytes]:
        """A hash for each commit of all that it says and that others say about it."""
        return [self._digest(number) for number in range(len(self.graph.commits))]

    def _digest(self, number: int) -> bytes:
        commit, facts = self.graph.commits[number], self.facts[number]
        targets = self.reverts[number][1] if facts.revert is not None else []
        parts = (
            commit,
            self.overrides.get(commit.sha),
            self.attribution.method_of[number],
            self.person_of[number],
            [self.identities.person(name) for name in facts.co_authors],
            self.pull_requests.get(number),
            [self.graph.commits[target].sha for target in targets],
        )
        return sha256(canonical_json(parts)).digest()

    def brought_by(self, merge: int) -> list[int]:
        """Return the commits that a merge brought in, none for any other commit."""
        parents = self.graph.parents[merge]
        return [
            number
            for parent in parents[1:]
            for number in walk_range(self.graph, parent, parents[:1])
        ]

    @cached_property
    def merged_copies(self) -> Mapping[int, int]:
        """For each merge the commit that it brought in under its own subject."""
        copies: dict[int, int] = {}
        for merge, facts in enumerate(self.facts):
            if facts.kind == "change" and len(self.graph.parents[merge]) > 1:
                for brought in self.brought_by(merge):
                    if self.facts[brought].twin_key[1] == facts.twin_key[1]:
                        copies[merge] = brought
        return copies

    @cached_property
    def may_be_copy(self) -> frozenset[int]:
        """The commits that some release may list another in place of."""
        return frozenset({*self.twins, *self.merged_copies})

    def original_of(self, number: int, release: int) -> int | None:
        """Return the commit that a release lists in place of one of its commits."""
        head = self.boundaries[release].head if release < len(self.boundaries) else None
        original = find_original(
            number,
            self.twins.get(number, ()),
            lambda twin: head is None or self.lineage.contains(head, twin),
            self.attribution.release_of,
        )
        return self.merged_copies.get(number) if original is None else original

    def stable_base(self, release: int) -> int | None:
        """Return the stable release that a release counts from."""
        if release not in self._bases:
            self._bases[release] = self._find_stable_base(release)
        return self._bases[release]

    def _find_stable_base(self, release: int) -> int | None:
        if release == len(self.boundaries):
            return self.series.latest(stable=True)
        if self.boundaries[release].version is None:
            return None
        return self.series.previous(release, stable=True)

    def span(self, release: int) -> Sequence[int]:
        """Return the commits since the stable base; the first stable release has them all."""
        if release not in self._spans:
            base = self.stable_base(release)
            version = self.boundaries[release].version if release < len(self.boundaries) else None
            is_stable = version is not None and version.is_stable
            self._spans[release] = (
                self.range_since(release, base)
                if is_stable or base is not None
                else self.members[release]
            )
        return self._spans[release]

    def range_since(self, release: int, base: int | None) -> list[int]:
        """Return the commits of a release and of those before it, back to the release `base`."""
        end = len(self.boundaries)
        bases = [] if base is None else [self.boundaries[base].head]
        if release < end:
            found = set(walk_range(self.graph, self.boundaries[release].head, bases))
        else:
            found = self._unreleased_since(bases)
        found.update(self.members[release])
        # Commits that went by their date hang on no head; their release says where they belong.
        floor = -1 if base is None else base
        found.update(
            number
            for number in self._placed_by_date
            if floor < self.attribution.release_of[number] <= release
        )
        return sorted(found)

    def _unreleased_since(self, bases: list[int]) -> set[int]:
        found: set[int] = set(self.members[-1])
        heads = {parent for number in found for parent in self.graph.parents[number]} - found
        base = set(bases)
        for head in sorted(heads):
            found.update(walk_range(self.graph, head, base))
        return found

    @cached_property
    def _placed_by_date(self) -> list[int]:
        methods = self.attribution.method_of
        return [number for number, method in enumerate(methods) if method == "date"]


def newest_overrides(overrides: Iterable[OverrideEvent]) -> dict[str, OverrideEvent]:
    """Return the override that counts for each sha, the same for any order of arrival."""
    newest: dict[str, OverrideEvent] = {}
    for override in sorted(overrides, key=_override_key):
        newest[override.sha] = override
    return newest


def _override_key(override: OverrideEvent) -> tuple[int, str]:
    time = UNKNOWN_TIME if override.timestamp_s is None else override.timestamp_s
    return time, repr(override)
