"""Release documents: the whole of a repository's changelog, or one release of it."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from schemas.events import CommitEvent, OverrideEvent, ReleaseEvent, TagEvent
from streams.domain.changelog.attribution import ANCESTRY, MIXED
from streams.domain.changelog.bump import suggest_bump
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
from streams.domain.changelog.history import FactsCache, History
from streams.domain.changelog.markdown import render_markdown
from streams.domain.changelog.merging import merge_commits
from streams.domain.changelog.people import list_contributors
from streams.domain.changelog.reverts import RevertOutcome
from streams.domain.changelog.selection import Selection, select_changes
from streams.domain.changelog.times import format_time
from streams.domain.changelog.word_model import MODEL_HASH


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
            [
                (history.person_of[number], history.graph.commits[number].author)
                for number in members
            ],
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
    return seal(msgspec.structs.replace(document, markdown=_rendered(document, history.config)))


def _rendered(document: ReleaseDocument, config: ChangelogConfig) -> str:
    if config.template is None:
        return render_markdown(document, config)
    # Imported here: most changelogs need no template engine, and it is slow to load.
    from streams.domain.changelog.templates import render_template

    return render_template(config.template, document)


def input_hash(history: History, release: int) -> str:
    """Return a hash of everything the document of a release is made from.

    Two histories that give a release the same hash give it the same document, so only those with
    another hash have to be built again.
    """
    members = history.members[release]
    newcomers = sorted(
        {
            person
            for person in map(history.person_of.__getitem__, members)
            if history.first_release[person] == release
        }
    )
    digest = sha256(
        canonical_json(
            [
                GENERATOR,
                MODEL_HASH,
                history.config,
                _release_info(history, release),
                newcomers,
                _is_calendar(history, release),
                len(members),
            ]
        )
    )
    everything = [*members, *history.span(release)]
    digest.update(b"".join([history.digests[number] for number in everything]))
    for number in everything:
        if number in history.may_be_copy:
            original = history.original_of(number, release)
            digest.update(b"-" if original is None else history.digests[original])
    return digest.hexdigest()


def _view(history: History, release: int, members: Sequence[int]) -> View:
    selection = select_changes(history, members, release)
    return View(members, selection, find_chains(history, members, selection))


def _view_since_stable(history: History, release: int, own: View) -> View:
    """Return the view back to the previous stable release, the own one where that is all."""
    members = history.span(release)
    return own if members == own.members else _view(history, release, members)


def _is_calendar(history: History, release: int) -> bool:
    base = history.stable_base(release)
    version = None if base is None else history.boundaries[base].version
    return version is not None and history.series.is_calendar(version.series)


def _release_info(history: History, release: int) -> ReleaseInfo:
    if release not in history.infos:
        history.infos[release] = _describe_release(history, release)
    return history.infos[release]


def _describe_release(history: History, release: int) -> ReleaseInfo:
    attributed_by = _attributed_by(history, history.members[release])
    if release == len(history.boundaries):
        previous = history.series.latest(stable=False)
        return ReleaseInfo(
            previous=_name(history, previous),
            previous_stable=_name(history, history.stable_base(release)),
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
        previous_stable=_name(history, history.stable_base(release)),
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
                note_worthy=guess.note_worthy,
            )
        )
    return tuple(found)


def _bump(history: History, release: int, since_stable: View) -> Bump:
    base = history.stable_base(release)
    chosen, said = since_stable.selection.chosen, history.evidence
    evidence = [
        said[number] if number in chosen else said[number]._replace(level="none")
        for number in since_stable.members
        if number in chosen or said[number].release_as
    ]
    return suggest_bump(
        None if base is None else history.boundaries[base],
        evidence,
        commit_count=len(since_stable.members),
        is_calendar=_is_calendar(history, release),
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
