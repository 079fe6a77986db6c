"""Release documents: the whole of a repository's changelog, or one release of it."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple
from urllib.parse import quote

import msgspec

from schemas.events import CommitEvent, OverrideEvent, ReleaseEvent, TagEvent
from streams.domain.changelog.attribution import ANCESTRY, MIXED
from streams.domain.changelog.bump import Evidence, suggest_bump
from streams.domain.changelog.config import ChangelogConfig
from streams.domain.changelog.documents import (
    GENERATOR,
    Bump,
    Excluded,
    Folded,
    ReleaseDocument,
    ReleaseInfo,
    SecurityNote,
    canonical_json,
    seal,
)
from streams.domain.changelog.entries import (
    Chain,
    as_dependencies,
    breaking_notes,
    build_sections,
    find_chains,
)
from streams.domain.changelog.facts import Change
from streams.domain.changelog.history import FactsCache, History
from streams.domain.changelog.markdown import render_markdown
from streams.domain.changelog.merging import merge_commits
from streams.domain.changelog.people import co_authors, list_contributors
from streams.domain.changelog.reverts import RevertOutcome
from streams.domain.changelog.selection import Selection, select_changes
from streams.domain.changelog.times import format_time
from streams.domain.changelog.versions import Level
from streams.domain.changelog.word_model import MODEL_HASH

MINOR_SECTIONS: Final = frozenset({"added", "deprecated"})
LEVELS: Final[tuple[Level, ...]] = ("none", "patch", "minor", "major")


class View(NamedTuple):
    """A range of commits with what became of each."""

    members: Sequence[int]
    selection: Selection
    chains: list[Chain]


def build_releases(
    commits: Iterable[CommitEvent],
    tags: Iterable[TagEvent] = (),
    releases: Iterable[ReleaseEvent] = (),
    overrides: Iterable[OverrideEvent] = (),
    config: ChangelogConfig | None = None,
) -> list[ReleaseDocument]:
    """Return one document a release, oldest first, what is not released yet last.

    A function of the sets of events: their order and their repetitions change no byte.
    """
    cache = FactsCache(config or ChangelogConfig())
    history = History(merge_commits(commits).values(), tags, releases, overrides, cache)
    return [build_release(history, release) for release in release_numbers(history)]


def release_numbers(history: History) -> Iterator[int]:
    """Yield the number of each release; the last is what is not released, if there is any."""
    yield from range(len(history.boundaries))
    if history.members[-1]:
        yield len(history.boundaries)


def build_release(history: History, release: int) -> ReleaseDocument:
    """Return the document of one release of a history."""
    members = history.members[release]
    info = _release_info(history, release)
    own = _view(history, release, members)
    since_stable = _view_since_stable(history, release, own)
    sections = build_sections(history, own.selection, own.chains)
    shas = [history.graph.commits[number].sha for number in members]
    document = ReleaseDocument(
        repository=min(
            (history.graph.commits[number].repository for number in members), default=""
        ),
        release=info,
        commits=tuple(shas),
        sections=sections,
        folded=_folded(history, info, since_stable),
        breaking=breaking_notes(sections),
        excluded=_excluded(history, own.selection),
        bump=_bump(history, release, since_stable),
        contributors=list_contributors(
            [history.graph.commits[number].author for number in members],
            history.identities,
            history.first_release,
            release,
        ),
        dependencies=as_dependencies(history, own.chains),
        security=_security(history, own.selection),
        reverts=_reverts(history, own.selection),
        conflicts=tuple(
            sha for sha in shas if history.graph.commits[history.graph.number_of[sha]].conflict
        ),
        stats=_stats(history, own, sum(len(section.entries) for section in sections)),
        generator=GENERATOR,
        input_hash=input_hash(history, release),
        content_hash="",
        markdown="",
    )
    return seal(
        msgspec.structs.replace(document, markdown=render_markdown(document, history.config))
    )


def input_hash(history: History, release: int) -> str:
    """Return a hash of everything the document of a release is made from.

    Two histories that give a release the same hash give it the same document, so only those with
    another hash have to be built again.
    """
    base = _stable_base(history, release)
    members = history.members[release]
    span = members if base is None else history.range_since(release, base)
    ours = set(members)
    commits = history.graph.commits
    parts = [
        (
            commits[number],
            number in ours,
            history.overrides.get(commits[number].sha),
            _influences(history, release, number),
        )
        for number in span
    ]
    people = sorted(
        {
            (person, history.first_release[person] == release)
            for number in members
            for person in [history.identities.person(commits[number].author)]
        }
    )
    info = _release_info(history, release)
    calendar = _is_calendar(history, release)
    value = [GENERATOR, MODEL_HASH, history.config, info, calendar, parts, people]
    return sha256(canonical_json(value)).hexdigest()


def _view(history: History, release: int, members: Sequence[int]) -> View:
    selection = select_changes(history, members, _head(history, release))
    return View(members, selection, find_chains(history, members, selection))


def _view_since_stable(history: History, release: int, own: View) -> View:
    """Return the view back to the previous stable release, the own one where there is none."""
    base = _stable_base(history, release)
    if base is None and not _is_first_stable(history, release):
        return own
    members = history.range_since(release, base)
    return own if members == own.members else _view(history, release, members)


def _head(history: History, release: int) -> int | None:
    return history.boundaries[release].head if release < len(history.boundaries) else None


def _stable_base(history: History, release: int) -> int | None:
    if release == len(history.boundaries):
        return history.series.latest(stable=True)
    if history.boundaries[release].version is None:
        return None
    return history.series.previous(release, stable=True)


def _is_first_stable(history: History, release: int) -> bool:
    if release == len(history.boundaries):
        return False
    version = history.boundaries[release].version
    return version is not None and version.is_stable


def _is_calendar(history: History, release: int) -> bool:
    base = _stable_base(history, release)
    version = None if base is None else history.boundaries[base].version
    return version is not None and history.series.is_calendar(version.series)


def _release_info(history: History, release: int) -> ReleaseInfo:
    attributed_by = _attributed_by(history, history.members[release])
    if release == len(history.boundaries):
        previous = history.series.latest(stable=False)
        return ReleaseInfo(
            previous=_name(history, previous),
            previous_stable=_name(history, _stable_base(history, release)),
            kind="unreleased",
            compare_url=_compare_url(history, previous, "HEAD"),
            attributed_by=attributed_by,
        )
    boundary = history.boundaries[release]
    version = boundary.version
    previous = history.series.previous(release, stable=False)
    return ReleaseInfo(
        name=boundary.name,
        names=boundary.names,
        version=version.text if version else None,
        series=version.series if version else None,
        previous=_name(history, previous),
        previous_stable=_name(history, _stable_base(history, release)),
        kind="other" if version is None else "stable" if version.is_stable else "pre-release",
        date=format_time(boundary.timestamp_s),
        head_sha=history.graph.commits[boundary.head].sha,
        compare_url=_compare_url(history, previous, boundary.name),
        attributed_by=attributed_by,
    )


def _name(history: History, release: int | None) -> str | None:
    return None if release is None else history.boundaries[release].name


def _attributed_by(history: History, members: Sequence[int]) -> str:
    methods = {history.attribution.method_of[number] for number in members}
    return (methods.pop() if methods else ANCESTRY) if len(methods) < 2 else MIXED


def _compare_url(history: History, previous: int | None, name: str) -> str | None:
    url = history.config.repository_url
    base = _name(history, previous)
    if url is None or base is None:
        return None
    return f"{url.rstrip('/')}/compare/{quote(base, safe='@')}...{quote(name, safe='@')}"


def _folded(history: History, info: ReleaseInfo, since_stable: View) -> Folded | None:
    if info.kind != "stable":
        return None
    sections = build_sections(history, since_stable.selection, since_stable.chains)
    return Folded(
        previous=info.previous_stable, sections=sections, breaking=breaking_notes(sections)
    )


def _excluded(history: History, selection: Selection) -> tuple[Excluded, ...]:
    commits = history.graph.commits
    found = []
    for number in sorted(selection.excluded):
        exclusion = selection.excluded[number]
        facts = history.facts[number]
        guess = facts.changes[0].found
        found.append(
            Excluded(
                sha=commits[number].sha,
                reason=exclusion.reason,
                other=None if exclusion.other is None else commits[exclusion.other].sha,
                subject=guess.subject,
                type=guess.type,
                category=guess.category,
                decided_by=guess.decided_by,
                confidence=guess.confidence,
            )
        )
    return tuple(found)


def _bump(history: History, release: int, since_stable: View) -> Bump:
    base = _stable_base(history, release)
    boundary = None if base is None else history.boundaries[base]
    chosen = since_stable.selection.chosen
    evidence = [
        _evidence(history, number, chosen.get(number, ())) for number in since_stable.members
    ]
    return suggest_bump(
        boundary.name if boundary else None,
        boundary.version if boundary else None,
        evidence,
        is_calendar=_is_calendar(history, release),
    )


def _evidence(history: History, number: int, changes: Sequence[Change]) -> Evidence:
    level: Level = "none"
    reason = "not shown"
    for change in changes:
        found: Level = "patch"
        if change.breaking_text is not None:
            found = "major"
        elif change.found.section in MINOR_SECTIONS:
            found = "minor"
        if LEVELS.index(found) > LEVELS.index(level):
            level = found
            reason = "breaking change" if found == "major" else f"type {change.found.type}"
    return Evidence(
        history.graph.commits[number].sha, level, reason, history.facts[number].release_as
    )


def _security(history: History, selection: Selection) -> tuple[SecurityNote, ...]:
    return tuple(
        SecurityNote(
            ids=history.facts[number].security_ids,
            subject=history.facts[number].changes[0].found.subject,
            shas=(history.graph.commits[number].sha,),
        )
        for number in sorted(selection.chosen)
        if history.facts[number].security_ids
    )


def _reverts(history: History, selection: Selection) -> tuple[RevertOutcome, ...]:
    commits = history.graph.commits
    return tuple(
        RevertOutcome(
            reverted=None if target is None else commits[target].sha,
            by=commits[by].sha,
            effect=effect,
        )
        for by, target, effect in selection.reverts
    )


def _stats(history: History, own: View, entry_count: int) -> dict[str, int]:
    methods = [history.attribution.method_of[number] for number in own.members]
    counts = {f"attributed_by_{method}": methods.count(method) for method in sorted(set(methods))}
    return {
        "commits": len(own.members),
        "entries": entry_count,
        "excluded": len(own.selection.excluded),
        **counts,
    }


def _influences(history: History, release: int, number: int) -> list[object]:
    """Return what other commits decide about one: its twin, its revert's targets, its people."""
    head = _head(history, release)
    original = None
    if number not in history.graph.detached:
        contained = -1 if head is None else history.lineage.ancestors(head)
        original = history.twins.find_original(
            number, history.lineage, contained, history.attribution.release_of
        )
    _, targets = history.reverts.get(number, (None, []))
    commits = history.graph.commits
    names = [commits[number].author, *co_authors(history.facts[number].changes[0].parsed)]
    return [
        None if original is None else commits[original].sha,
        [commits[target].sha for target in targets],
        history.pull_requests.get(number),
        [history.identities.person(name) for name in names],
        history.attribution.method_of[number],
    ]
