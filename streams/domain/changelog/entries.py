"""Entries from the chosen commits: sections, breaking notes, collapsed dependency chains."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from streams.domain.changelog.config import SECTIONS
from streams.domain.changelog.dependencies import DependencyChain, chain_updates
from streams.domain.changelog.documents import BreakingNote, Entry, SectionEntries
from streams.domain.changelog.facts import Change
from streams.domain.changelog.graph import UNKNOWN_TIME
from streams.domain.changelog.history import History
from streams.domain.changelog.people import display_name
from streams.domain.changelog.references import deduplicate
from streams.domain.changelog.selection import Selection


class Chain(NamedTuple):
    """The steps of one dependency within a range, by their numbers in the graph."""

    name: str
    old: str | None
    new: str
    steps: tuple[int, ...]


def find_chains(history: History, members: Sequence[int], selection: Selection) -> list[Chain]:
    """Return the dependency updates that stand at the end of the range, hidden ones included."""
    gone = {"reverted", "revert", "duplicate", "merge"}
    steps = [
        (number, update)
        for number in members
        if (update := history.facts[number].update) is not None
        and not (number in selection.excluded and selection.excluded[number].reason in gone)
    ]
    return [
        Chain(name, old, new, tuple(numbers)) for name, old, new, numbers in chain_updates(steps)
    ]


def as_dependencies(history: History, chains: Sequence[Chain]) -> tuple[DependencyChain, ...]:
    """Return the chains for the document; what came back to where it was is left out."""
    commits = history.graph.commits
    return tuple(
        DependencyChain(
            name=chain.name,
            old=chain.old,
            new=chain.new,
            shas=tuple(commits[number].sha for number in chain.steps),
        )
        for chain in chains
        if chain.old != chain.new
    )


def build_sections(
    history: History, selection: Selection, chains: Sequence[Chain]
) -> tuple[SectionEntries, ...]:
    """Return the entries by section, both in their fixed order."""
    chain_of = {number: place for place, chain in enumerate(chains) for number in chain.steps}
    grouped: dict[str, dict[tuple[int, int], list[tuple[int, Change]]]] = {}
    for number, changes in selection.chosen.items():
        for change in changes:
            key = _section_key(history, number, change)
            is_step = number in chain_of and _is_proven_step(history, number, change)
            line = (-1, chain_of[number]) if is_step else (number, change.place)
            grouped.setdefault(key, {}).setdefault(line, []).append((number, change))
    return tuple(
        SectionEntries(
            key=section.key,
            title=history.config.title(section.key),
            entries=_sorted_entries(history, grouped[section.key], chains),
        )
        for section in SECTIONS
        if section.key in grouped
    )


def _is_proven_step(history: History, number: int, change: Change) -> bool:
    """Return whether an entry may be one with others of its dependency.

    Only a step that tells where it starts is known to go on from another one; a breaking step is
    never hidden in a chain.
    """
    update = history.facts[number].update
    has_start = update is not None and update.old is not None
    return has_start and change.place == 0 and change.breaking_text is None


def breaking_notes(sections: Sequence[SectionEntries]) -> tuple[BreakingNote, ...]:
    """Return what breaks, in the order of the entries."""
    return tuple(
        BreakingNote(text=entry.breaking_text or entry.subject, scope=entry.scope, shas=entry.shas)
        for section in sections
        for entry in section.entries
        if entry.breaking
    )


def _section_key(history: History, number: int, change: Change) -> str:
    if history.facts[number].security_ids and change.found.decided_by != "OVERRIDE":
        return "security"
    return change.found.section


def _sorted_entries(
    history: History,
    lines: Mapping[tuple[int, int], list[tuple[int, Change]]],
    chains: Sequence[Chain],
) -> tuple[Entry, ...]:
    entries = [
        _one_entry(history, *steps[0])
        if len(steps) == 1
        else _chain_entry(history, steps, chains[line[1]])
        for line, steps in lines.items()
    ]
    entries.sort(key=_entry_key)
    return tuple(entries)


def _entry_key(entry: Entry) -> tuple[str, int, str]:
    time = UNKNOWN_TIME if entry.timestamp_s is None else entry.timestamp_s
    return entry.scope or "", time, entry.id


def _one_entry(history: History, number: int, change: Change) -> Entry:
    known = history.entries.get((number, change.place))
    if known is None:
        known = _entry(history, number, change)
        history.entries[number, change.place] = known
    return known


def _chain_entry(history: History, steps: Sequence[tuple[int, Change]], chain: Chain) -> Entry:
    """Return one entry for the steps of a dependency, worded as the last of them."""
    steps = sorted(steps, key=lambda step: step[0])
    number, change = steps[-1]
    return msgspec.structs.replace(
        _entry(history, number, change),
        subject=_chain_subject(change.found.subject, history, number, chain),
        references=deduplicate([ref for _, step in steps for ref in step.parsed.references]),
        mentions=tuple(sorted({name for _, step in steps for name in step.parsed.mentions})),
        shas=tuple(history.graph.commits[step].sha for step, _ in steps),
        authors=_authors(history, [step for step, _ in steps]),
    )


def _entry(history: History, number: int, change: Change) -> Entry:
    commit, facts, found = history.graph.commits[number], history.facts[number], change.found
    is_security = _section_key(history, number, change) == "security"
    return Entry(
        id=f"{commit.sha}.{change.place}",
        type=found.type,
        category="security" if is_security else found.category,
        scope=found.scope,
        subject=found.subject,
        breaking=change.breaking_text is not None,
        breaking_text=change.breaking_text,
        references=change.parsed.references,
        mentions=tuple(sorted(set(change.parsed.mentions))),
        shas=(commit.sha,),
        pr=history.pull_requests.get(number),
        authors=_authors(history, [number]),
        timestamp_s=commit.timestamp_s,
        security_ids=facts.security_ids,
        attributed_by=history.attribution.method_of[number],
        decided_by=found.decided_by,
        confidence=found.confidence,
        needs_review=found.needs_review,
        note_worthy=found.note_worthy,
        reasons=found.reasons,
    )


def _chain_subject(subject: str, history: History, number: int, chain: Chain) -> str:
    """Return the subject of the last step with the version that the first one left."""
    update = history.facts[number].update
    if update is None or update.old is None or chain.old is None:
        return subject
    return subject.replace(f"from {update.old} ", f"from {chain.old} ", 1)


def _authors(history: History, numbers: Sequence[int]) -> tuple[str, ...]:
    names: dict[str, str] = {}
    for number in numbers:
        author = history.graph.commits[number].author
        names.setdefault(history.person_of[number], display_name(author))
        for name in history.facts[number].co_authors:
            names.setdefault(history.identities.person(name), display_name(name))
    return tuple(names.values())
