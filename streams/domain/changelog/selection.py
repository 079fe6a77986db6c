"""Which commits of a range become entries, and why the others do not."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from streams.domain.changelog.facts import Change, Facts
from streams.domain.changelog.history import History
from streams.domain.changelog.reverts import Effect, cancel_reverts

ExclusionReason = Literal[
    "merge",
    "release",
    "fixup",
    "empty",
    "skipped",
    "reverted",
    "revert",
    "duplicate",
    "no_convention",
    "hidden",
    "override",
]

_MOSTLY: Final = 2


class Exclusion(NamedTuple):
    """Why a commit is no entry; `other` is the commit that it gave way to."""

    reason: ExclusionReason
    other: int | None = None


class Selection(NamedTuple):
    """The outcome for a range of commits, by their numbers in the graph."""

    chosen: dict[int, tuple[Change, ...]]
    excluded: dict[int, Exclusion]
    reverts: list[tuple[int, int | None, Effect]]


def select_changes(history: History, members: Sequence[int], head: int | None) -> Selection:
    """Return what becomes an entry among `members`, the commits of a release that ends at `head`.

    Every member is either chosen or excluded. `head` is None for what is not released yet.
    """
    excluded: dict[int, Exclusion] = {}
    reverts = _exclude_reverted(history, members, excluded)
    _exclude_copies(history, members, head, excluded)
    for number in members:
        kind = history.facts[number].kind
        if kind != "change":
            excluded[number] = Exclusion(kind)
    candidates = [number for number in members if number not in excluded]
    leaves_out = _leaves_out_unconventional(history, candidates)
    chosen: dict[int, tuple[Change, ...]] = {}
    for number in candidates:
        facts = history.facts[number]
        shown = tuple(change for change in facts.changes if _is_shown(history, facts, change))
        if leaves_out and facts.changes[0].found.decided_by == "MODEL":
            excluded[number] = Exclusion("no_convention")
        elif shown:
            chosen[number] = shown
        else:
            is_overridden = facts.changes[0].is_hidden is True
            excluded[number] = Exclusion("override" if is_overridden else "hidden")
    return Selection(chosen, excluded, reverts)


def _exclude_reverted(
    history: History, members: Sequence[int], excluded: dict[int, Exclusion]
) -> list[tuple[int, int | None, Effect]]:
    cancellation = cancel_reverts(set(members), history.reverts, history.brought_by)
    for number, by in cancellation.cancelled_by.items():
        excluded[number] = Exclusion("revert") if number == by else Exclusion("reverted", by)
    return cancellation.outcomes


def _exclude_copies(
    history: History, members: Sequence[int], head: int | None, excluded: dict[int, Exclusion]
) -> None:
    contained = -1 if head is None else history.lineage.ancestors(head)
    for number in members:
        if number in excluded or number in history.graph.detached:
            continue
        original = history.twins.find_original(
            number, history.lineage, contained, history.attribution.release_of
        )
        if original is None:
            original = _merged_copy(history, number)
        if original is not None:
            excluded[number] = Exclusion("duplicate", original)


def _merged_copy(history: History, number: int) -> int | None:
    """Return the commit that a merge brought in under the merge's own subject."""
    facts = history.facts[number]
    if facts.kind != "change" or len(history.graph.parents[number]) < _MOSTLY:
        return None
    for brought in history.brought_by(number):
        if history.facts[brought].twin_key[1] == facts.twin_key[1]:
            return brought
    return None


def _leaves_out_unconventional(history: History, candidates: Sequence[int]) -> bool:
    """Return whether messages without a convention are left out of this range."""
    if history.config.unconventional != "auto":
        return history.config.unconventional == "leave_out"
    guessed = sum(
        history.facts[number].changes[0].found.decided_by == "MODEL" for number in candidates
    )
    return guessed * _MOSTLY < len(candidates)


def _is_shown(history: History, facts: Facts, change: Change) -> bool:
    if change.is_hidden is not None:
        return not change.is_hidden
    if change.breaking_text is not None or facts.security_ids:
        return True
    return history.config.is_shown(change.found.section)
