"""Window summaries: what a service's log lines said in five minutes, and what was unusual."""

from enum import Enum
from typing import Annotated, Final

import msgspec
import strawberry

from graphql_api.connections import After, Connection, First, connection_of
from graphql_api.context import Info
from graphql_api.logs import LogSeverity, Service
from graphql_api.pagination import (
    checked_page_size,
    decode_cursor,
    encode_cursor,
    split_page,
)
from graphql_api.scalars import (
    Instant,
    Json,
    Long,
    instant_from_datetime,
    instant_from_ns,
    instant_ns,
)
from graphql_api.store.summaries import (
    StoredSummary,
    SummaryRange,
    select_summaries,
    select_summary,
)
from schemas import summaries as documents
from schemas.severity import severity_range

_END_NS: Final = 2**63 - 1


@strawberry.enum(description="What is different about a template in a window.")
class FindingKind(Enum):
    """What is different about a template in a window."""

    NEW = "new"
    RETURNED = "returned"
    SPIKE = "spike"
    DROP = "drop"
    GONE = "gone"
    SEVERITY_SHIFT = "severity_shift"
    PARAM_SHIFT = "param_shift"


@strawberry.enum(description="Where a finding stands in its story over the windows.")
class FindingState(Enum):
    """Where a finding stands in its story over the windows."""

    STARTED = "started"
    ONGOING = "ongoing"
    OVER = "over"


@strawberry.type(description="A parameter that almost all lines of a finding share.")
class StickyValue:
    """A parameter that almost all lines of a finding share."""

    slot: int = strawberry.field(description="The number of the template's wildcard, from 0.")
    name: str = strawberry.field(description="The word that introduces it.")
    value: str = strawberry.field(description="The value they share.")
    share: float = strawberry.field(description="The share of lines that have it, 0 to 1.")
    baseline_share: float = strawberry.field(description="The same in the windows before.")


@strawberry.type(description="A parameter with many values in the lines of a finding.")
class VaryingSlot:
    """A parameter with many values in the lines of a finding."""

    slot: int = strawberry.field(description="The number of the template's wildcard, from 0.")
    name: str = strawberry.field(description="The word that introduces it.")
    distinct: int = strawberry.field(description="How many values it has.")
    min: float | None = strawberry.field(description="The least, if all are numbers.")
    median: float | None = strawberry.field(description="The median, if all are numbers.")
    p95: float | None = strawberry.field(description="The 95th percentile, if all are numbers.")
    max: float | None = strawberry.field(description="The greatest, if all are numbers.")


@strawberry.type(description="A stack trace, folded.")
class StackTrace:
    """A stack trace, folded."""

    exception: str = strawberry.field(description="The exception's class.")
    frame: str | None = strawberry.field(description="The first frame of the service's own code.")


@strawberry.type(description="One template that behaves unlike its own past.")
class LogFinding:
    """One template that behaves unlike its own past."""

    id: strawberry.ID = strawberry.field(description="Stays the same over consecutive windows.")
    kind: FindingKind = strawberry.field(description="What is different.")
    state: FindingState = strawberry.field(description="Whether it started, goes on, or is over.")
    template_id: strawberry.ID = strawberry.field(description="The template.")
    template: str = strawberry.field(description="The template's text.")
    count: Long = strawberry.field(description="Its lines in this window.")
    expected: float = strawberry.field(description="The lines that the past predicts.")
    ratio: float | None = strawberry.field(description="Count over expected.")
    score: float = strawberry.field(description="Comparable between services; higher is worse.")
    severity: LogSeverity = strawberry.field(description="The range of its severity.")
    since: Instant = strawberry.field(description="When it started.")
    until: Instant = strawberry.field(description="The last minute that showed it.")
    first_seen: Instant = strawberry.field(description="When the template was first seen.")
    last_seen: Instant = strawberry.field(description="When it was last seen.")
    exemplars: list[str] = strawberry.field(description="Some of its lines.")
    sticky: list[StickyValue] = strawberry.field(description="What its lines share.")
    varying: list[VaryingSlot] = strawberry.field(description="What its lines differ in.")
    stack: StackTrace | None = strawberry.field(description="Its stack trace, if it has one.")

    @classmethod
    def from_document(cls, finding: documents.Finding) -> "LogFinding":
        """Return the finding of a document."""
        return cls(
            id=strawberry.ID(finding.id),
            kind=FindingKind(finding.kind.value),
            state=FindingState(finding.state.value),
            template_id=strawberry.ID(finding.template_id),
            template=finding.template,
            count=Long(finding.count),
            expected=finding.expected,
            ratio=finding.ratio,
            score=finding.score,
            severity=LogSeverity(severity_range(finding.severity_number)),
            since=Instant(finding.since),
            until=Instant(finding.until),
            first_seen=Instant(finding.first_seen),
            last_seen=Instant(finding.last_seen),
            exemplars=list(finding.exemplars),
            sticky=[StickyValue(**msgspec.structs.asdict(one)) for one in finding.sticky],
            varying=[VaryingSlot(**msgspec.structs.asdict(one)) for one in finding.varying],
            stack=StackTrace(**msgspec.structs.asdict(finding.stack)) if finding.stack else None,
        )


@strawberry.type(description="How many lines of a window have a severity.")
class SeverityCount:
    """How many lines of a window have a severity."""

    name: str = strawberry.field(description="The severity's name, as OpenTelemetry has it.")
    count: Long = strawberry.field(description="The lines.")


@strawberry.type(description="One of the most frequent templates of a window.")
class TopTemplate:
    """One of the most frequent templates of a window."""

    template_id: strawberry.ID = strawberry.field(description="The template.")
    template: str = strawberry.field(description="The template's text.")
    count: Long = strawberry.field(description="Its lines in this window.")


@strawberry.type(description="What one service's lines say in one window.")
class LogSummary:
    """What one service's lines say in one window [windowStart, windowEnd)."""

    service: str | None = strawberry.field(description="Null for lines without a service.")
    window_start: Instant = strawberry.field(description="Where the window starts.")
    window_end: Instant = strawberry.field(description="Where it ends; this moment not included.")
    is_open: bool = strawberry.field(
        description="Whether lines on time may still come; the summary will change then."
    )
    revision: int = strawberry.field(description="Counts the changes of this summary, from 1.")
    updated_at: Instant = strawberry.field(description="When this revision was written.")
    lines: Long = strawberry.field(description="The lines; all counts below add up to this.")
    late: Long = strawberry.field(description="Of these, came more than a window too late.")
    severity_counts: list[SeverityCount] = strawberry.field(description="Lines by severity.")
    unusual: bool = strawberry.field(description="Whether anything is out of the ordinary.")
    score: float = strawberry.field(description="How much so; comparable between services.")
    headline: str = strawberry.field(description="The window in one sentence.")
    text: str = strawberry.field(description="The summary as text.")
    findings: list[LogFinding] = strawberry.field(description="What is unusual, worst first.")
    top_templates: list[TopTemplate] = strawberry.field(description="The most frequent ones.")
    other_count: Long = strawberry.field(description="The lines of all other templates.")
    document: Json = strawberry.field(description="The whole summary as it is stored.")

    @classmethod
    def from_stored(cls, stored: StoredSummary) -> "LogSummary":
        """Return the summary in a row."""
        document = stored.summary
        return cls(
            service=document.service,
            window_start=instant_from_ns(stored.start_ns),
            window_end=instant_from_ns(stored.end_ns),
            is_open=stored.is_open,
            revision=stored.revision,
            updated_at=instant_from_datetime(stored.updated_at),
            lines=Long(document.lines),
            late=Long(document.late),
            severity_counts=[
                SeverityCount(name=name, count=Long(count))
                for name, count in document.severity_counts.items()
            ],
            unusual=document.unusual,
            score=document.score,
            headline=document.headline,
            text=document.text,
            findings=[LogFinding.from_document(one) for one in document.findings],
            top_templates=[
                TopTemplate(
                    template_id=strawberry.ID(one.template_id),
                    template=one.template,
                    count=Long(one.count),
                )
                for one in document.top_templates
            ],
            other_count=Long(document.other_count),
            document=Json(msgspec.to_builtins(document)),
        )


@strawberry.type
class LogSummaryQuery:
    """Queries over window summaries."""

    @strawberry.field(description="The summary of a service's window; null when it has none.")
    async def log_summary(
        self,
        info: Info,
        window_start: Annotated[
            Instant, strawberry.argument(description="Where the window starts.")
        ],
        service: Annotated[
            str | None, strawberry.argument(description="Null for lines without a service.")
        ] = None,
    ) -> LogSummary | None:
        """Return one summary."""
        database = info.context.services.database
        found = await select_summary(database, service or "", instant_ns(window_start))
        return LogSummary.from_stored(found) if found else None

    @strawberry.field(description="Summaries, newest window first, then by service.")
    async def log_summaries(
        self,
        info: Info,
        service: Service = None,
        since: Annotated[
            Instant | None, strawberry.argument(description="Only windows that start from then on.")
        ] = None,
        until: Annotated[
            Instant | None, strawberry.argument(description="Only windows that start before.")
        ] = None,
        first: First = 20,
        after: After = None,
    ) -> Connection[LogSummary]:
        """Return a page of summaries."""
        size = checked_page_size(first, "first")
        wanted = SummaryRange(
            since_ns=-_END_NS if since is None else instant_ns(since),
            until_ns=_END_NS if until is None else instant_ns(until),
            after=None if after is None else decode_cursor(after, tuple[int, str]),
        )
        database = info.context.services.database
        rows, has_next = split_page(
            await select_summaries(database, service, wanted, size + 1), size
        )
        return connection_of(
            [LogSummary.from_stored(row) for row in rows],
            [encode_cursor([row.start_ns, row.service]) for row in rows],
            has_next=has_next,
            after=after,
        )
