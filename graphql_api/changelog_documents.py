"""A whole changelog as GraphQL has it: the release, its parts, its Markdown."""

from typing import Final

import msgspec
import strawberry

from graphql_api.changelogs import (
    AttributedBy,
    BreakingChange,
    ChangelogSection,
    ExcludedCommit,
    FoldedChangelog,
    Offset,
    ReleaseKind,
    RevertEffect,
    VersionBump,
    instant_of,
    part,
)
from graphql_api.connections import First
from graphql_api.scalars import Instant, Json, instant_from_datetime
from graphql_api.store.commits import StoredChangelog
from streams.domain.changelog import documents

_MAX_NOTES: Final = 100


@strawberry.type(description="What a release is called and where it lies.")
class ChangelogRelease:
    """What a release is called and where it lies."""

    name: str | None = strawberry.field(description="Its tag; null for what is not released.")
    names: list[str] = strawberry.field(description="All tags at its last commit.")
    version: str | None = strawberry.field(description="Its version, if its name is one.")
    series: str | None = strawberry.field(description="What its tag has before the version.")
    previous: str | None = strawberry.field(description="The release before it.")
    previous_stable: str | None = strawberry.field(description="The stable release before it.")
    kind: ReleaseKind = strawberry.field(description="What it is.")
    date: Instant | None = strawberry.field(description="When it was tagged or cut.")
    head_sha: str | None = strawberry.field(description="Its last commit.")
    compare_url: str | None = strawberry.field(description="Where its changes can be looked at.")
    attributed_by: AttributedBy = strawberry.field(
        description="How it is known that its commits belong to it."
    )

    @classmethod
    def from_document(cls, release: documents.ReleaseInfo) -> "ChangelogRelease":
        """Return the release of a document."""
        members = msgspec.structs.asdict(release)
        return cls(
            **members
            | {
                "names": list(release.names),
                "kind": ReleaseKind(release.kind),
                "date": instant_of(release.date),
                "attributed_by": AttributedBy(release.attributed_by),
            }
        )


@strawberry.type(description="Somebody who wrote commits of a release.")
class ChangelogContributor:
    """Somebody who wrote commits of a release."""

    name: str = strawberry.field(description="The spelling used most often.")
    commits: int = strawberry.field(description="How many commits of the release are theirs.")
    first_time: bool = strawberry.field(description="Whether no earlier release has any.")
    is_bot: bool = strawberry.field(description="Whether it is a program by its name.")


@strawberry.type(description="The steps of one dependency within a release, as one.")
class DependencyChange:
    """The steps of one dependency within a release, as one."""

    name: str = strawberry.field(description="The dependency.")
    from_version: str | None = strawberry.field(
        name="from", description="The version before; null where no step tells it."
    )
    to_version: str = strawberry.field(name="to", description="The version after.")
    shas: list[str] = strawberry.field(description="The commits.")


@strawberry.type(description="The advisories that a commit names.")
class ChangelogSecurityNote:
    """The advisories that a commit names."""

    ids: list[str] = strawberry.field(description="CVE and GHSA numbers.")
    subject: str = strawberry.field(description="What the commit says.")
    shas: list[str] = strawberry.field(description="The commits.")


@strawberry.type(description="A revert within a release.")
class RevertedCommit:
    """A revert within a release."""

    reverted: str | None = strawberry.field(description="The commit taken back, if known.")
    by: str = strawberry.field(description="The commit that does it.")
    effect: RevertEffect = strawberry.field(description="What becomes of the two.")


@strawberry.type(description="One number about a changelog.")
class ChangelogCount:
    """One number about a changelog."""

    name: str = strawberry.field(description="What is counted.")
    count: int = strawberry.field(description="How many there are.")


@strawberry.type(description="The changelog of one release, or of what is not released.")
class Changelog:
    """The changelog of one release, or of what is not released."""

    repository: str = strawberry.field(description="The repository.")
    release: ChangelogRelease = strawberry.field(description="The release.")
    revision: int | None = strawberry.field(
        description="Counts the changes of this changelog, from 1; null for a generated one."
    )
    updated_at: Instant | None = strawberry.field(
        description="When this revision was written; null for a generated one."
    )
    content_hash: str = strawberry.field(description="A hash of all of its content.")
    input_hash: str = strawberry.field(description="A hash of all that it is made from.")
    generator: str = strawberry.field(description="What made it.")
    commit_count: int = strawberry.field(description="How many commits belong to it.")
    sections: list[ChangelogSection] = strawberry.field(description="Its sections in their order.")
    folded: FoldedChangelog | None = strawberry.field(
        description="With everything since the previous stable release; for stable ones."
    )
    bump: VersionBump = strawberry.field(description="The version that its commits call for.")
    stats: list[ChangelogCount] = strawberry.field(description="Numbers about it, by name.")
    markdown: str = strawberry.field(description="It as safe Markdown.")
    stored: strawberry.Private[documents.ReleaseDocument]

    @strawberry.field(description="The commits that belong to it, ancestors first.")
    def commits(self, first: First = 100, offset: Offset = 0) -> list[str]:
        """Return a part of the shas."""
        return part(self.stored.commits, first, offset)

    @strawberry.field(description="What breaks.")
    def breaking(self, first: First = 100, offset: Offset = 0) -> list[BreakingChange]:
        """Return a part of the notes."""
        return [breaking_change(one) for one in part(self.stored.breaking, first, offset)]

    @strawberry.field(description="Its commits that are no entries, and why.")
    def excluded(self, first: First = 100, offset: Offset = 0) -> list[ExcludedCommit]:
        """Return a part of what was left out."""
        return [
            ExcludedCommit.from_document(one) for one in part(self.stored.excluded, first, offset)
        ]

    @strawberry.field(description="Who wrote it, most commits first.")
    def contributors(self, first: First = 100, offset: Offset = 0) -> list[ChangelogContributor]:
        """Return a part of the contributors."""
        return [
            ChangelogContributor(**msgspec.structs.asdict(one))
            for one in part(self.stored.contributors, first, offset)
        ]

    @strawberry.field(description="Dependencies that changed, each once.")
    def dependencies(self, first: First = 100, offset: Offset = 0) -> list[DependencyChange]:
        """Return a part of the dependencies."""
        return [
            DependencyChange(
                name=one.name, from_version=one.old, to_version=one.new, shas=list(one.shas)
            )
            for one in part(self.stored.dependencies, first, offset)
        ]

    @strawberry.field(description="What names an advisory.")
    def security(self, first: First = 100, offset: Offset = 0) -> list[ChangelogSecurityNote]:
        """Return a part of the security notes."""
        return [
            ChangelogSecurityNote(ids=list(one.ids), subject=one.subject, shas=list(one.shas))
            for one in part(self.stored.security, first, offset)
        ]

    @strawberry.field(description="Its reverts.")
    def reverts(self, first: First = 100, offset: Offset = 0) -> list[RevertedCommit]:
        """Return a part of the reverts."""
        return [
            RevertedCommit(reverted=one.reverted, by=one.by, effect=RevertEffect(one.effect))
            for one in part(self.stored.reverts, first, offset)
        ]

    @strawberry.field(description="Commits about which payloads disagree.")
    def conflicts(self, first: First = 100, offset: Offset = 0) -> list[str]:
        """Return a part of the shas."""
        return part(self.stored.conflicts, first, offset)

    @strawberry.field(description="The whole changelog as it is stored.")
    def document(self) -> Json:
        """Return the document as JSON."""
        return Json(msgspec.to_builtins(self.stored))

    @classmethod
    def from_document(
        cls,
        document: documents.ReleaseDocument,
        *,
        repository: str,
        revision: int | None = None,
        updated_at: Instant | None = None,
    ) -> "Changelog":
        """Return a document as it is."""
        return cls(
            repository=repository,
            release=ChangelogRelease.from_document(document.release),
            revision=revision,
            updated_at=updated_at,
            content_hash=document.content_hash,
            input_hash=document.input_hash,
            generator=document.generator,
            commit_count=len(document.commits),
            sections=[ChangelogSection.from_document(one) for one in document.sections],
            folded=_folded(document.folded),
            bump=VersionBump.from_document(document.bump),
            stats=[
                ChangelogCount(name=name, count=count)
                for name, count in sorted(document.stats.items())
            ],
            markdown=document.markdown,
            stored=document,
        )

    @classmethod
    def from_stored(cls, stored: StoredChangelog) -> "Changelog":
        """Return the changelog in a row."""
        return cls.from_document(
            stored.document,
            repository=stored.repository,
            revision=stored.revision,
            updated_at=instant_from_datetime(stored.updated_at),
        )


def breaking_change(note: documents.BreakingNote) -> BreakingChange:
    """Return the note of a document."""
    return BreakingChange(text=note.text, scope=note.scope, shas=list(note.shas))


def _folded(folded: documents.Folded | None) -> FoldedChangelog | None:
    if folded is None:
        return None
    return FoldedChangelog(
        previous=folded.previous,
        sections=[ChangelogSection.from_document(one) for one in folded.sections],
        breaking=[breaking_change(one) for one in folded.breaking[:_MAX_NOTES]],
    )
