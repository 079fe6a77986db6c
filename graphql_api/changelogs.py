"""The changelog of a release as GraphQL has it: every part of the document, typed."""

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Final, TypeAlias, TypeVar

import msgspec
import strawberry

from graphql_api.connections import First
from graphql_api.errors import bad_input
from graphql_api.pagination import checked_page_size
from graphql_api.scalars import Instant, instant_from_ns
from streams.domain.changelog import documents
from streams.domain.changelog.times import parse_time

_NS: Final = 1_000_000_000

_T = TypeVar("_T")

Offset: TypeAlias = Annotated[
    int, strawberry.argument(description="How many to leave out before the first one.")
]


def part(items: Sequence[_T], first: int, offset: int) -> list[_T]:
    """Return a part of a list.

    Raises:
        ApiError: the part is larger than a page, or starts nowhere.
    """
    size = checked_page_size(first, "first")
    if offset < 0:
        raise bad_input("offset must not be negative", "offset")
    return list(items[offset : offset + size])


def instant_of(text: str | None) -> Instant | None:
    """Return the time that a document writes as text, None for none."""
    seconds = None if text is None else parse_time(text)
    return None if seconds is None else instant_from_ns(seconds * _NS)


@strawberry.enum(description="How much of a version a change raises.")
class BumpLevel(Enum):
    """How much of a version a change raises."""

    NONE = "none"
    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"


@strawberry.enum(description="What a release is.")
class ReleaseKind(Enum):
    """What a release is."""

    STABLE = "stable"
    PRE_RELEASE = "pre-release"
    OTHER = strawberry.enum_value("other", description="Its name is no version.")
    UNRELEASED = strawberry.enum_value("unreleased", description="It is none yet: the draft.")


@strawberry.enum(description="What gave an entry its class.")
class DecidedBy(Enum):
    """What gave an entry its class."""

    PREFIX = strawberry.enum_value("PREFIX", description="Its conventional prefix.")
    LABEL = strawberry.enum_value("LABEL", description="A label in its message.")
    RULE = strawberry.enum_value("RULE", description="A rule about its words or files.")
    MODEL = strawberry.enum_value("MODEL", description="A model of words: a guess.")
    OVERRIDE = strawberry.enum_value("OVERRIDE", description="A person.")


@strawberry.enum(description="How it is known which release a commit belongs to.")
class AttributedBy(Enum):
    """How it is known which release a commit belongs to."""

    EXPLICIT = strawberry.enum_value("explicit", description="A person named it.")
    ANCESTRY = strawberry.enum_value("ancestry", description="The release descends from it.")
    DATE = strawberry.enum_value("date", description="By its date, for want of parents: a guess.")
    MIXED = strawberry.enum_value("mixed", description="Its commits in different ways.")


@strawberry.enum(description="What a revert does to the changelog.")
class RevertEffect(Enum):
    """What a revert does to the changelog."""

    CANCELLED = strawberry.enum_value("cancelled", description="Neither of the two is listed.")
    LISTED = strawberry.enum_value(
        "listed", description="What it takes back was released earlier; it is listed itself."
    )
    PARTIAL = strawberry.enum_value("partial", description="It takes back a part; both are listed.")
    UNRESOLVED = strawberry.enum_value("unresolved", description="What it takes back is unknown.")


@strawberry.type(description="A reference to an issue or a pull request.")
class IssueReference:
    """A reference to an issue or a pull request."""

    action: str | None = strawberry.field(description="The closing word before it, as written.")
    owner: str | None = strawberry.field(description="The owner of the repository, if named.")
    repository: str | None = strawberry.field(description="The repository, if named.")
    prefix: str = strawberry.field(description="What stands before the number.")
    issue: str = strawberry.field(description="The number.")
    raw: str = strawberry.field(description="The reference as written.")


@strawberry.type(description="One line of a changelog and where it comes from.")
class ChangelogEntry:
    """One line of a changelog and where it comes from."""

    id: strawberry.ID = strawberry.field(description="Stays the same over revisions.")
    type: str = strawberry.field(description="The type of its commit: feat, fix and so on.")
    category: str = strawberry.field(description="The kind of change that it is.")
    scope: str | None = strawberry.field(description="The part of the project that it is about.")
    subject: str = strawberry.field(description="What it says.")
    breaking: bool = strawberry.field(description="Whether it breaks something.")
    breaking_text: str | None = strawberry.field(description="What it breaks.")
    references: list[IssueReference] = strawberry.field(description="What it refers to.")
    mentions: list[str] = strawberry.field(description="Whom it mentions.")
    shas: list[str] = strawberry.field(description="Its commits.")
    pull_request: str | None = strawberry.field(description="The pull request that brought it.")
    authors: list[str] = strawberry.field(description="Who wrote it.")
    timestamp: Instant | None = strawberry.field(description="When it was committed.")
    security_ids: list[str] = strawberry.field(description="The advisories that it names.")
    attributed_by: AttributedBy = strawberry.field(description="Why it is in this release.")
    decided_by: DecidedBy = strawberry.field(description="What gave it its class.")
    confidence: float = strawberry.field(description="How sure that is, 0 to 1.")
    needs_review: bool = strawberry.field(description="Whether a person should look at its class.")
    note_worthy: float = strawberry.field(description="How much it is worth a note, 0 to 1.")
    reasons: list[str] = strawberry.field(description="What its class rests on.")

    @classmethod
    def from_document(cls, entry: documents.Entry) -> "ChangelogEntry":
        """Return the entry of a document."""
        time_s = entry.timestamp_s
        return cls(
            id=strawberry.ID(entry.id),
            type=entry.type,
            category=entry.category,
            scope=entry.scope,
            subject=entry.subject,
            breaking=entry.breaking,
            breaking_text=entry.breaking_text,
            references=[IssueReference(**msgspec.structs.asdict(one)) for one in entry.references],
            mentions=list(entry.mentions),
            shas=list(entry.shas),
            pull_request=entry.pr,
            authors=list(entry.authors),
            timestamp=None if time_s is None else instant_from_ns(time_s * _NS),
            security_ids=list(entry.security_ids),
            attributed_by=AttributedBy(entry.attributed_by),
            decided_by=DecidedBy(entry.decided_by),
            confidence=entry.confidence,
            needs_review=entry.needs_review,
            note_worthy=entry.note_worthy,
            reasons=list(entry.reasons),
        )


@strawberry.type(description="A section of a changelog.")
class ChangelogSection:
    """A section of a changelog."""

    key: str = strawberry.field(description="What it is called in configurations and overrides.")
    title: str = strawberry.field(description="Its heading.")
    entry_count: int = strawberry.field(description="How many entries it has.")
    stored: strawberry.Private[tuple[documents.Entry, ...]]

    @strawberry.field(description="Its entries, by scope and time.")
    def entries(self, first: First = 100, offset: Offset = 0) -> list[ChangelogEntry]:
        """Return a part of the entries."""
        return [ChangelogEntry.from_document(one) for one in part(self.stored, first, offset)]

    @classmethod
    def from_document(cls, section: documents.SectionEntries) -> "ChangelogSection":
        """Return the section of a document."""
        entries = section.entries
        return cls(key=section.key, title=section.title, entry_count=len(entries), stored=entries)


@strawberry.type(description="What breaks, in the words of the commit.")
class BreakingChange:
    """What breaks, in the words of the commit."""

    text: str = strawberry.field(description="What breaks.")
    scope: str | None = strawberry.field(description="The part of the project that it is about.")
    shas: list[str] = strawberry.field(description="The commits.")


@strawberry.type(description="A stable release with all since the stable one before it.")
class FoldedChangelog:
    """A stable release with all since the stable one before it."""

    previous: str | None = strawberry.field(description="The stable release before it.")
    sections: list[ChangelogSection] = strawberry.field(description="Its sections.")
    breaking: list[BreakingChange] = strawberry.field(description="What breaks, the first hundred.")


@strawberry.type(description="A commit of the release that is no entry, and why.")
class ExcludedCommit:
    """A commit of the release that is no entry, and why."""

    sha: str = strawberry.field(description="The commit.")
    reason: str = strawberry.field(description="Why it is none.")
    other: str | None = strawberry.field(description="The commit that it gave way to.")
    subject: str = strawberry.field(description="What it says.")
    type: str | None = strawberry.field(description="The type it would have had.")
    category: str | None = strawberry.field(description="The category it would have had.")
    decided_by: DecidedBy | None = strawberry.field(description="What gave it its class.")
    confidence: float | None = strawberry.field(description="How sure that is, 0 to 1.")
    note_worthy: float | None = strawberry.field(description="How much it is worth a note.")

    @classmethod
    def from_document(cls, excluded: documents.Excluded) -> "ExcludedCommit":
        """Return the excluded commit of a document."""
        members = msgspec.structs.asdict(excluded)
        decided_by = members.pop("decided_by")
        return cls(**members, decided_by=None if decided_by is None else DecidedBy(decided_by))


@strawberry.type(description="A piece of evidence for a level.")
class BumpReason:
    """A piece of evidence for a level."""

    level: BumpLevel = strawberry.field(description="What it calls for.")
    reason: str = strawberry.field(description="Why.")
    sha: str | None = strawberry.field(description="The commit.")


@strawberry.type(description="The version that the commits since the stable release call for.")
class VersionBump:
    """The version that the commits since the stable release call for."""

    base: str | None = strawberry.field(description="The tag that it counts from.")
    level: BumpLevel = strawberry.field(description="How much is raised.")
    next: str | None = strawberry.field(description="The version; null where none can be derived.")
    next_tag: str | None = strawberry.field(description="The tag, spelled as those before it.")
    stored: strawberry.Private[tuple[documents.BumpReason, ...]]

    @strawberry.field(description="What it rests on.")
    def reasons(self, first: First = 100, offset: Offset = 0) -> list[BumpReason]:
        """Return a part of the evidence."""
        return [
            BumpReason(level=BumpLevel(one.level), reason=one.reason, sha=one.sha)
            for one in part(self.stored, first, offset)
        ]

    @classmethod
    def from_document(cls, bump: documents.Bump) -> "VersionBump":
        """Return the bump of a document."""
        return cls(
            base=bump.base,
            level=BumpLevel(bump.level),
            next=bump.next,
            next_tag=bump.next_tag,
            stored=bump.reasons,
        )
