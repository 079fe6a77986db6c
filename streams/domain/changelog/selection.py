"""Which commits of a range become entries, and why the others do not."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, get_args

from streams.domain.changelog.facts import Change
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


# An exclusion without another commit, once a reason: a range repeats its few reasons often.
_EXCLUSIONS: Final[dict[ExclusionReason, Exclusion]] = {
    reason: Exclusion(reason) for reason in get_args(ExclusionReason)
}


class Selection(NamedTuple):
    """The outcome for a range of commits, by their numbers in the graph."""

    chosen: dict[int, tuple[Change, ...]]
    excluded: dict[int, Exclusion]
    reverts: list[tuple[int, int | None, Effect]]


def select_changes(history: History, members: Sequence[int], release: int) -> Selection:
    """Return what becomes an entry among `members`, commits that `release` contains.

    Every member is either chosen or excluded.
    """
    excluded: dict[int, Exclusion] = {}
    reverts = _exclude_reverted(history, members, excluded)
    _exclude_copies(history, members, release, excluded)
    _exclude_kinds(history, members, excluded)
    leaves_out = _leaves_out_unconventional(history, members, excluded)
    chosen: dict[int, tuple[Change, ...]] = {}
    for number in members:
        if number in excluded:
            continue
        facts = history.facts[number]
        if leaves_out and facts.is_guess:
            excluded[number] = _EXCLUSIONS["no_convention"]
        elif facts.shown:
            chosen[number] = facts.shown
        else:
            is_overridden = facts.changes[0].is_hidden_by_hand
            excluded[number] = _EXCLUSIONS["override" if is_overridden else "hidden"]
    return Selection(chosen, excluded, reverts)


def _exclude_kinds(
    history: History, members: Sequence[int], excluded: dict[int, Exclusion]
) -> None:
    facts = history.facts
    for number in members:
        kind = facts[number].kind
        if kind != "change":
            excluded[number] = _EXCLUSIONS[kind]


def _exclude_copies(
    history: History, members: Sequence[int], release: int, excluded: dict[int, Exclusion]
) -> None:
    for number in history.may_be_copy.intersection(members):
        if number not in excluded:
            original = history.original_of(number, release)
            if original is not None:
                excluded[number] = Exclusion("duplicate", original)


def _exclude_reverted(
    history: History, members: Sequence[int], excluded: dict[int, Exclusion]
) -> list[tuple[int, int | None, Effect]]:
    cancellation = cancel_reverts(set(members), history.reverts, history.brought_by)
    for number, by in cancellation.cancelled_by.items():
        excluded[number] = _EXCLUSIONS["revert"] if number == by else Exclusion("reverted", by)
    return cancellation.outcomes


def _leaves_out_unconventional(
    history: History, members: Sequence[int], excluded: Mapping[int, Exclusion]
) -> bool:
    """Return whether messages without a convention are left out of this range."""
    if history.config.unconventional != "auto":
        return history.config.unconventional == "leave_out"
    guesses = [history.facts[number].is_guess for number in members if number not in excluded]
    return sum(guesses) * _MOSTLY < len(guesses)
