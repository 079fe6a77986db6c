"""The changelog document: what it holds, its canonical JSON and its hash."""

from hashlib import sha256
from typing import Final

import msgspec

from streams.domain.changelog.classification import DecidedBy
from streams.domain.changelog.dependencies import DependencyChain
from streams.domain.changelog.people import Contributor
from streams.domain.changelog.references import Reference
from streams.domain.changelog.reverts import RevertOutcome
from streams.domain.changelog.versions import Level

GENERATOR: Final = "aiops-changelog/1"

_CANONICAL: Final = msgspec.json.Encoder(order="sorted")


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of a changelog and where it comes from; `pr` is a pull request's number."""

    id: str
    type: str
    category: str
    scope: str | None
    subject: str
    breaking: bool
    breaking_text: str | None
    references: tuple[Reference, ...]
    mentions: tuple[str, ...]
    shas: tuple[str, ...]
    pr: str | None
    authors: tuple[str, ...]
    timestamp_s: int | None
    security_ids: tuple[str, ...]
    attributed_by: str
    decided_by: DecidedBy
    confidence: float
    needs_review: bool
    note_worthy: float
    reasons: tuple[str, ...]


class SectionEntries(msgspec.Struct, frozen=True, kw_only=True):
    """The entries of one section, ordered by scope, time and sha."""

    key: str
    title: str
    entries: tuple[Entry, ...]


class BreakingNote(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What breaks, in the words of the commit."""

    text: str
    scope: str | None
    shas: tuple[str, ...]


class Excluded(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A commit of the release that is no entry, why, and the class it would have had.

    `other` is the commit it gave way to: the revert that took it back, the copy that is listed.
    """

    sha: str
    reason: str
    other: str | None = None
    subject: str = ""
    type: str | None = None
    category: str | None = None
    decided_by: DecidedBy | None = None
    confidence: float | None = None
    note_worthy: float | None = None


class SecurityNote(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The advisories that a commit names."""

    ids: tuple[str, ...]
    subject: str
    shas: tuple[str, ...]


class BumpReason(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One piece of evidence for a level."""

    level: Level
    reason: str
    sha: str | None = None


class Bump(msgspec.Struct, frozen=True, kw_only=True):
    """The version that the commits after `base` call for; None where none can be derived."""

    base: str | None
    level: Level
    next: str | None
    next_tag: str | None
    reasons: tuple[BumpReason, ...]


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """The release with everything since the previous stable one of its series."""

    previous: str | None
    sections: tuple[SectionEntries, ...]
    breaking: tuple[BreakingNote, ...]


class ReleaseInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a release is called and where it lies; all None but `attributed_by` if unreleased."""

    name: str | None = None
    names: tuple[str, ...] = ()
    version: str | None = None
    series: str | None = None
    previous: str | None
    previous_stable: str | None
    kind: str
    date: str | None = None
    head_sha: str | None = None
    compare_url: str | None
    attributed_by: str


class ReleaseDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The changelog of one release; a function of the commits, tags, overrides and choices."""

    repository: str
    release: ReleaseInfo
    commits: tuple[str, ...]
    sections: tuple[SectionEntries, ...]
    folded: Folded | None
    breaking: tuple[BreakingNote, ...]
    excluded: tuple[Excluded, ...]
    bump: Bump
    contributors: tuple[Contributor, ...]
    dependencies: tuple[DependencyChain, ...]
    security: tuple[SecurityNote, ...]
    reverts: tuple[RevertOutcome, ...]
    conflicts: tuple[str, ...]
    stats: dict[str, int]
    generator: str
    input_hash: str
    content_hash: str
    markdown: str


def canonical_json(value: object) -> bytes:
    """Return the JSON of a value with sorted members: equal values, equal bytes."""
    return _CANONICAL.encode(value)


def seal(document: ReleaseDocument) -> ReleaseDocument:
    """Return the document with the hash of all its content but the hash itself."""
    blank = msgspec.structs.replace(document, content_hash="")
    digest = sha256(canonical_json(blank)).hexdigest()
    return msgspec.structs.replace(blank, content_hash=digest)
