"""What each commit says, read once: its changes, what it reverts, whom and what it names."""

import re
from typing import Final

import msgspec

from schemas.events import CommitEvent, OverrideEvent
from streams.domain.changelog.classification import Classification, classify
from streams.domain.changelog.config import ChangelogConfig, category_of
from streams.domain.changelog.dependencies import DependencyUpdate, parse_dependency_update
from streams.domain.changelog.duplicates import picked_from
from streams.domain.changelog.kinds import Kind, commit_kind
from streams.domain.changelog.messages import ParsedCommit
from streams.domain.changelog.people import co_authors
from streams.domain.changelog.reverts import RevertNote, parse_revert, split_number, strip_numbers
from streams.domain.changelog.squash import split_squash
from streams.domain.changelog.versions import Level, highest_level

_ADVISORY: Final = re.compile(
    r"\b(?:CVE-[0-9]{4}-[0-9]{4,19}|GHSA(?:-[23456789cfghjmpqrvwx]{4}){3})\b", re.I | re.ASCII
)
_BREAKING_SIGN: Final = "breaking"
_RELEASE_AS: Final = "release-as"
_MINOR_SECTIONS: Final = frozenset({"added", "deprecated"})


class Change(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry that a commit asks for."""

    place: int
    parsed: ParsedCommit
    found: Classification
    is_shown: bool
    is_hidden_by_hand: bool = False
    breaking_text: str | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one commit says; `changes` has one item, or more for a squashed one.

    `shown` are the changes that a changelog prints, `level` is what they call for, and
    `is_guess` tells that only the model of words gave the commit its class.
    """

    kind: Kind
    header: str
    changes: tuple[Change, ...]
    shown: tuple[Change, ...]
    level: Level
    is_guess: bool
    co_authors: tuple[str, ...]
    revert: RevertNote | None
    twin_key: tuple[str, str]
    picked_from: str | None
    update: DependencyUpdate | None
    security_ids: tuple[str, ...]
    number: str | None
    release_as: str | None


def read_facts(
    commit: CommitEvent, config: ChangelogConfig, override: OverrideEvent | None = None
) -> Facts:
    """Return what a commit says under the choices and a person's repair of it."""
    commits = split_squash(commit.message, config.squash)
    head = commits[0]
    security_ids = _advisories(commit.message)
    changes = tuple(
        [
            _change(place, parsed, classify(parsed, config, commit.files), config)
            for place, parsed in enumerate(commits)
        ]
    )
    revert = parse_revert(head, commit.message)
    if revert is not None and not head.conventional:
        changes = (_as_revert(changes[0], config), *changes[1:])
    if override is not None:
        changes = (_repaired(changes[0], override, config), *changes[1:])
    shown = tuple(
        [
            change
            for change in changes
            if change.is_shown or (security_ids and not change.is_hidden_by_hand)
        ]
    )
    return Facts(
        kind=commit_kind(head, parent_count=len(commit.parents or ())),
        header=head.header,
        changes=changes,
        shown=shown,
        level=highest_level({_level(change) for change in shown}),
        is_guess=changes[0].found.decided_by == "MODEL",
        co_authors=tuple(co_authors(head)),
        revert=revert,
        twin_key=(commit.author, f"{head.type}\0{head.scope}\0{strip_numbers(head.subject)}"),
        picked_from=picked_from(commit.message),
        update=parse_dependency_update(changes[0].found.subject),
        security_ids=security_ids,
        number=split_number(head.header)[1],
        release_as=_release_as(head),
    )


def _change(
    place: int, parsed: ParsedCommit, found: Classification, config: ChangelogConfig
) -> Change:
    text = parsed.breaking_text
    if text is None and found.decided_by == "RULE" and found.type == _BREAKING_SIGN:
        text = found.subject
    return Change(
        place=place,
        parsed=parsed,
        found=found,
        is_shown=text is not None or config.is_shown(found.section),
        breaking_text=text,
    )


def _as_revert(change: Change, config: ChangelogConfig) -> Change:
    """Return git's own `Revert "..."` as the type that the convention has for it."""
    return msgspec.structs.replace(
        change,
        is_shown=change.is_shown or config.is_shown("reverted"),
        found=msgspec.structs.replace(
            change.found,
            type="revert",
            section="reverted",
            category=category_of("reverted"),
            subject=change.parsed.header.strip(),
            decided_by="RULE",
            confidence=1.0,
            needs_review=False,
            note_worthy=float(config.is_shown("reverted")),
            reasons=("revert",),
        ),
    )


def _level(change: Change) -> Level:
    if change.breaking_text is not None:
        return "major"
    return "minor" if change.found.section in _MINOR_SECTIONS else "patch"


def _repaired(change: Change, override: OverrideEvent, config: ChangelogConfig) -> Change:
    """Return the change as a person wants it."""
    found = change.found
    section = override.category or found.section
    text = change.breaking_text
    if override.breaking_text is not None:
        text = override.breaking_text or None
    is_shown = text is not None or config.is_shown(section)
    return Change(
        place=change.place,
        parsed=change.parsed,
        is_shown=is_shown if override.is_hidden is None else not override.is_hidden,
        is_hidden_by_hand=override.is_hidden is True,
        breaking_text=text,
        found=msgspec.structs.replace(
            found,
            section=section,
            category=category_of(section),
            scope=found.scope if override.scope is None else override.scope or None,
            subject=override.subject or found.subject,
            decided_by="OVERRIDE",
            confidence=1.0,
            needs_review=False,
            reasons=("override",),
        ),
    )


def _advisories(message: str) -> tuple[str, ...]:
    upper = message if "CVE-" in message or "GHSA-" in message else message.upper()
    if "CVE-" not in upper and "GHSA-" not in upper:
        return ()
    ids = {_canonical_id(match[0]) for match in _ADVISORY.finditer(message)}
    return tuple(sorted(ids))


def _canonical_id(text: str) -> str:
    upper = text.upper()
    return upper if upper.startswith("CVE") else "GHSA" + text[4:].lower()


def _release_as(parsed: ParsedCommit) -> str | None:
    for token, value in parsed.footers:
        if token.lower() == _RELEASE_AS:
            return value.strip().lstrip("v") or None
    return None
