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
from streams.domain.changelog.reverts import RevertNote, parse_revert, split_number, strip_numbers
from streams.domain.changelog.squash import split_squash

_ADVISORY: Final = re.compile(
    r"\b(?:CVE-[0-9]{4}-[0-9]{4,19}|GHSA(?:-[23456789cfghjmpqrvwx]{4}){3})\b", re.I | re.ASCII
)
_RELEASE_AS: Final = "release-as"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One entry that a commit asks for."""

    parsed: ParsedCommit
    found: Classification
    is_hidden: bool | None = None
    breaking_text: str | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What one commit says; `changes` has one item, or more for a squashed one."""

    kind: Kind
    header: str
    changes: tuple[Change, ...]
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
    kind = commit_kind(head, parent_count=len(commit.parents or ()))
    changes = tuple(
        Change(
            parsed=parsed,
            found=classify(parsed, config, commit.files),
            breaking_text=parsed.breaking_text,
        )
        for parsed in commits
    )
    bare = strip_numbers(head.subject)
    return Facts(
        kind=kind,
        header=head.header,
        changes=changes if override is None else (_repaired(changes[0], override), *changes[1:]),
        revert=parse_revert(head, commit.message),
        twin_key=(commit.author, f"{head.type}\0{head.scope}\0{bare}"),
        picked_from=picked_from(commit.message),
        update=parse_dependency_update(changes[0].found.subject),
        security_ids=_advisories(commit.message),
        number=split_number(head.header)[1],
        release_as=_release_as(head),
    )


def _repaired(change: Change, override: OverrideEvent) -> Change:
    """Return the change as a person wants it."""
    found = change.found
    section = override.category or found.section
    scope = found.scope if override.scope is None else override.scope or None
    text = override.breaking_text
    return Change(
        parsed=change.parsed,
        is_hidden=override.is_hidden,
        breaking_text=change.breaking_text if text is None else text or None,
        found=Classification(
            type=found.type,
            section=section,
            category=category_of(section),
            scope=scope,
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
