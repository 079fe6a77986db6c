"""`generateChangelog`: a changelog between any two points, made for the one who asks."""

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Final

import msgspec
import strawberry

from graphql_api.changelog_documents import Changelog
from graphql_api.commits import Repo
from graphql_api.context import Info
from graphql_api.errors import ApiError, ErrorCode, bad_input
from graphql_api.store.commits import Statement, select_statements
from graphql_api.time_limits import run_in_turn
from streams.domain.changelog.config import ChangelogConfig
from streams.domain.changelog.documents import ReleaseDocument
from streams.domain.changelog.ranges import RangeError, build_range, sort_events
from streams.domain.commits.prepared import read_statement

# About two CPU seconds; a longer history is what the stored changelogs are for.
MAX_STATEMENTS: Final = 12_000
_MAX_CHOICES: Final = 100
_MAX_TEXT: Final = 500


@strawberry.enum(description="The family of headings.")
class ChangelogHeadings(Enum):
    """The family of headings."""

    CONVENTIONAL = "conventional"
    KEEP_A_CHANGELOG = "keep-a-changelog"


@strawberry.enum(description="Which conventional lines of a body are entries of their own.")
class SquashedLines(Enum):
    """Which conventional lines of a body are entries of their own."""

    HEADER = strawberry.enum_value("header", description="None.")
    PARAGRAPHS = strawberry.enum_value("paragraphs", description="Those that begin a paragraph.")
    ALL = strawberry.enum_value("all", description="Also list items.")


@strawberry.enum(description="What becomes of messages without a convention.")
class UnconventionalCommits(Enum):
    """What becomes of messages without a convention."""

    AUTO = strawberry.enum_value(
        "auto", description="Left out where the range follows the convention otherwise."
    )
    LIST = strawberry.enum_value("list", description="Listed by their class.")
    LEAVE_OUT = strawberry.enum_value("leave_out", description="Left out.")


@strawberry.input(description="That commits of a type belong to a section.")
class TypeSectionInput:
    """That commits of a type belong to a section."""

    type: str = strawberry.field(description="The type.")
    section: str = strawberry.field(description="The section's key.")


@strawberry.input(description="What may be chosen about a generated changelog.")
class ChangelogOptionsInput:
    """What may be chosen about a generated changelog; None stands for the usual."""

    headings: ChangelogHeadings | None = strawberry.field(
        default=None, description="The family of headings; CONVENTIONAL if left out."
    )
    repository_url: str | None = strawberry.field(
        default=None, description="Where it lies in the web; links start there."
    )
    shown: list[str] | None = strawberry.field(
        default=None, description="The keys of the sections to print; the usual ones if left out."
    )
    types: list[TypeSectionInput] | None = strawberry.field(
        default=None, description="Sections of further commit types."
    )
    squash: SquashedLines | None = strawberry.field(
        default=None,
        description="Which conventional lines of a body are entries; PARAGRAPHS if left out.",
    )
    unconventional: UnconventionalCommits | None = strawberry.field(
        default=None,
        description="What becomes of messages without a convention; AUTO if left out.",
    )


@strawberry.type
class ChangelogRangeQuery:
    """Queries for changelogs that are not stored."""

    @strawberry.field(
        description="A changelog between two points of a history; nothing is stored, and the same "
        "history gives the same `contentHash`. Long histories are refused: QUERY_TOO_BROAD."
    )
    async def generate_changelog(
        self,
        info: Info,
        repo: Repo,
        from_point: Annotated[
            str | None,
            strawberry.argument(
                name="from",
                description="A tag or commit that is left out with all before it; "
                "null for the beginning.",
            ),
        ] = None,
        to_point: Annotated[
            str | None,
            strawberry.argument(
                name="to", description="The tag or commit to end with; null for all there is."
            ),
        ] = None,
        options: Annotated[
            ChangelogOptionsInput | None, strawberry.argument(description="Choices.")
        ] = None,
    ) -> Changelog | None:
        """Return a changelog made now; None when nothing is known of the repository."""
        config = config_of(options or ChangelogOptionsInput())
        database = info.context.services.database
        statements = await select_statements(database, repo, MAX_STATEMENTS + 1)
        if len(statements) > MAX_STATEMENTS:
            raise ApiError(
                ErrorCode.QUERY_TOO_BROAD,
                f"the repository has more than {MAX_STATEMENTS} commits and tags: "
                "ask for its releases, or run `aiops changelog` beside it",
            )
        if not statements:
            return None
        try:
            document = await run_in_turn(
                info.context.services.generating,
                _generate,
                statements,
                from_point,
                to_point,
                config,
            )
        except RangeError as exc:
            raise bad_input(str(exc), exc.end) from exc
        return Changelog.from_document(document, repository=repo)


def config_of(options: ChangelogOptionsInput) -> ChangelogConfig:
    """Return the choices as the changelog takes them.

    Raises:
        ApiError: a section or an address is none.
    """
    if len(options.types or ()) + len(options.shown or ()) > _MAX_CHOICES:
        raise bad_input(f"options must have at most {_MAX_CHOICES} types and sections", "options")
    if len(options.repository_url or "") > _MAX_TEXT:
        raise bad_input(f"repositoryUrl must have at most {_MAX_TEXT} characters", "options")
    types = {one.type: one.section for one in options.types or ()}
    chosen = {
        name: value.value if isinstance(value, Enum) else value
        for name, value in (vars(options) | {"types": types}).items()
        if value is not None
    }
    try:
        return msgspec.convert(chosen, ChangelogConfig)
    except msgspec.ValidationError as exc:
        raise bad_input(str(exc), "options") from exc


def _generate(
    statements: Sequence[Statement],
    since: str | None,
    until: str | None,
    config: ChangelogConfig,
) -> ReleaseDocument:
    events = sort_events(read_statement(one.kind, one.payload) for one in statements)
    return build_range(events, since, until, config)
