"""Queries and mutations over log entries: `summarizeLog`, `logEntry`, `logEntries`, `logLines`."""

from typing import Annotated, Final

import strawberry

from graphql_api.connections import After, Connection, First, connection_of
from graphql_api.context import Info, RequestContext
from graphql_api.errors import ApiError, ErrorCode, bad_input
from graphql_api.logs import (
    LogEntry,
    LogEntryStatus,
    LogSeverity,
    Service,
    Severity,
    Since,
    Until,
    severity_numbers,
    since_ms,
    until_ms,
)
from graphql_api.pagination import checked_page_size, decode_cursor, encode_cursor
from graphql_api.scalars import Instant, Long, instant_from_ns, instant_ns
from graphql_api.store.lines import END_OF_TIME_MS, LineFilter
from graphql_api.store.logs import (
    RecordFate,
    VolumeFilter,
    select_record_fate,
    select_services,
    select_shapes_of_template,
    select_volume,
)
from graphql_api.store.pieces import LineKey
from graphql_api.submissions import log_submission, submit
from schemas.errors import AiOpsError
from schemas.ids import InvalidIdError, RecordId, decode_record_id
from schemas.severity import severity_range

_NS_PER_MINUTE: Final = 60_000_000_000
_MAX_CONTEXT: Final = 100
_MAX_STEP_MINUTES: Final = 1_440
_MAX_VOLUME_POINTS: Final = 10_000
_MAX_SERVICES: Final = 1_000
_MAX_TEXT: Final = 500
_STATUS_OF_FATE: Final = {
    RecordFate.PENDING: LogEntryStatus.PENDING,
    RecordFate.DEAD_LETTER: LogEntryStatus.DEAD_LETTER,
    RecordFate.DROPPED: LogEntryStatus.DROPPED,
    RecordFate.EXPIRED: LogEntryStatus.EXPIRED,
}


@strawberry.type(description="An entry with its neighbours in the partition.")
class LogContext:
    """An entry with its neighbours in the partition."""

    before: list[LogEntry] = strawberry.field(description="The entries before it, oldest first.")
    entry: LogEntry = strawberry.field(description="The entry itself.")
    after: list[LogEntry] = strawberry.field(description="The entries after it, oldest first.")


@strawberry.type(description="How many lines a service wrote in a step of time.")
class LogVolumePoint:
    """How many lines a service wrote in a step of time."""

    start: Instant = strawberry.field(description="Where the step starts.")
    service: str | None = strawberry.field(description="The service; null for lines without one.")
    severity: LogSeverity = strawberry.field(description="The range of severities.")
    count: Long = strawberry.field(description="The lines.")


def parse_record_id(text: str, argument: str = "id") -> RecordId:
    """Return the coordinates in an id.

    Raises:
        ApiError: the text is no id.
    """
    try:
        return decode_record_id(text)
    except InvalidIdError as exc:
        raise bad_input("not a valid id", argument) from exc


async def find_entry(context: RequestContext, record_id: RecordId) -> LogEntry | None:
    """Return an entry, processed or not; None when there is no such record."""
    found = await context.services.lines.at(record_id)
    if found is not None:
        return found
    fate = await select_record_fate(context.services.database, record_id)
    status = _STATUS_OF_FATE.get(fate)
    # Only a record's first event stands for it, except where it cannot be known how many it had.
    if status is None or (record_id.index > 0 and fate is not RecordFate.EXPIRED):
        return None
    if status is LogEntryStatus.PENDING and not await _is_written(context, record_id):
        return None
    return LogEntry.without_event(record_id, status)


async def _is_written(context: RequestContext, record_id: RecordId) -> bool:
    """Tell whether the topic reaches to this record; yes while the broker cannot be asked."""
    place = (record_id.topic, record_id.partition)
    ends = await context.services.end_offsets.get([place], timeout_s=1.0)
    return record_id.offset < ends.get(place, record_id.offset + 1)


@strawberry.type
class LogLineQuery:
    """Queries over log entries."""

    @strawberry.field(description="One entry by its id; null when there is no such record.")
    async def log_entry(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The entry's id.")],
    ) -> LogEntry | None:
        """Return one entry."""
        return await find_entry(info.context, parse_record_id(id))

    @strawberry.field(description="Entries, newest first by `created_at`, ties by id.")
    async def log_entries(
        self,
        info: Info,
        limit: Annotated[int, strawberry.argument(description="How many at most: 1 to 500.")] = 20,
        service: Service = None,
        severity: Severity = None,
        since: Since = None,
        until: Until = None,
    ) -> list[LogEntry]:
        """Return the newest entries."""
        wanted = LineFilter(
            service=service,
            severities=severity_numbers(severity),
            since_ms=since_ms(since),
            until_ms=until_ms(until),
        )
        size = checked_page_size(limit, "limit")
        page = await info.context.services.lines.newest(wanted, size)
        if page.scanned_to_ms is not None and len(page.views) < size:
            raise ApiError(
                ErrorCode.QUERY_TOO_BROAD, "too much to search: narrow the time, or use logLines"
            )
        return page.views

    @strawberry.field(description="Entries by page, newest first, with all filters.")
    async def log_lines(  # noqa: PLR0913 - one argument a filter
        self,
        info: Info,
        first: First = 50,
        after: After = None,
        service: Service = None,
        severity: Severity = None,
        host: Annotated[
            str | None, strawberry.argument(description="Only lines of this host.")
        ] = None,
        template_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Only lines of this template; any id it ever had."),
        ] = None,
        trace_id: Annotated[
            str | None, strawberry.argument(description="Only lines of this trace.")
        ] = None,
        text: Annotated[
            str | None,
            strawberry.argument(description="Only messages with this text, in any case."),
        ] = None,
        since: Since = None,
        until: Until = None,
    ) -> Connection[LogEntry]:
        """Return a page of entries.

        A page with fewer rows than asked for and a next page means that the search went on for
        long and found little: ask on with the cursor.
        """
        if text is not None and not 1 <= len(text) <= _MAX_TEXT:
            raise bad_input(f"text must have 1 to {_MAX_TEXT} characters", "text")
        wanted = LineFilter(
            service=service,
            severities=severity_numbers(severity),
            host=host,
            shape_ids=await _shapes(info.context, template_id),
            trace_id=trace_id.lower() if trace_id else None,
            text=text,
            since_ms=since_ms(since),
            until_ms=until_ms(until),
        )
        return await _line_page(info.context, wanted, checked_page_size(first, "first"), after)

    @strawberry.field(description="An entry with the lines around it in its partition.")
    async def log_context(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The entry's id.")],
        before: Annotated[
            int, strawberry.argument(description="How many before it: 0 to 100.")
        ] = 10,
        after: Annotated[int, strawberry.argument(description="How many after it: 0 to 100.")] = 10,
    ) -> LogContext | None:
        """Return an entry's neighbourhood."""
        for count, argument in ((before, "before"), (after, "after")):
            if not 0 <= count <= _MAX_CONTEXT:
                raise bad_input(f"{argument} must be within 0..{_MAX_CONTEXT}", argument)
        record_id = parse_record_id(id)
        entry = await info.context.services.lines.at(record_id)
        if entry is None:
            return None
        lower, upper = await info.context.services.lines.around(record_id, before, after)
        return LogContext(before=lower, entry=entry, after=upper)

    @strawberry.field(description="Lines by time, service and severity, oldest first.")
    async def log_volume(
        self,
        info: Info,
        since: Annotated[Instant, strawberry.argument(description="Where the first step starts.")],
        until: Annotated[Instant, strawberry.argument(description="The end of the last step.")],
        service: Service = None,
        severity: Severity = None,
        step_minutes: Annotated[
            int, strawberry.argument(description="The length of a step: 1 to 1440 minutes.")
        ] = 1,
    ) -> list[LogVolumePoint]:
        """Return counts of lines by event time."""
        if not 1 <= step_minutes <= _MAX_STEP_MINUTES:
            raise bad_input(f"stepMinutes must be within 1..{_MAX_STEP_MINUTES}", "stepMinutes")
        wanted = VolumeFilter(
            since_minute=instant_ns(since) // _NS_PER_MINUTE,
            until_minute=-(-instant_ns(until) // _NS_PER_MINUTE),
            service=service,
            severities=severity_numbers(severity),
            step_minutes=step_minutes,
        )
        return await _volume(info.context, wanted)

    @strawberry.field(description="The names of the services that wrote lines, sorted.")
    async def services(self, info: Info) -> list[str]:
        """Return the services' names."""
        names = await select_services(info.context.services.database, _MAX_SERVICES)
        return [name for name in names if name]


async def _shapes(context: RequestContext, template_id: str | None) -> frozenset[int] | None:
    if template_id is None:
        return None
    return await select_shapes_of_template(
        context.services.database, parse_template_id(template_id)
    )


def parse_template_id(text: str) -> int:
    """Return the number of a template.

    Raises:
        ApiError: the text is no template's id.
    """
    try:
        number = int(text)
    except ValueError as exc:
        raise bad_input("not a template's id", "templateId") from exc
    if str(number) != text or not -(2**63) <= number < 2**63:
        raise bad_input("not a template's id", "templateId")
    return number


async def _line_page(
    context: RequestContext, wanted: LineFilter, first: int, after: str | None
) -> Connection[LogEntry]:
    page = await context.services.lines.newest(wanted, first + 1, _decode_place(after))
    cursors = [_encode_place(key) for key in page.keys[:first]]
    has_next = len(page.views) > first
    if not has_next and page.scanned_to_ms is not None:
        place = _encode_place((page.scanned_to_ms, RecordId("\U0010ffff", 0, 0)))
        found = connection_of(page.views, cursors, has_next=True, after=after)
        found.page_info.end_cursor = place
        return found
    return connection_of(page.views[:first], cursors, has_next=has_next, after=after)


def _encode_place(key: LineKey) -> str:
    record_ms, place = key
    return encode_cursor([record_ms, place.topic, place.partition, place.offset, place.index])


def _decode_place(after: str | None) -> LineKey | None:
    if after is None:
        return None
    key = decode_cursor(after, tuple[int, str, int, int, int])
    record_ms, topic, partition, offset, index = key
    if abs(record_ms) >= END_OF_TIME_MS:
        raise bad_input("not a cursor of this list", "after")
    return record_ms, RecordId(topic, partition, offset, index)


async def _volume(context: RequestContext, wanted: VolumeFilter) -> list[LogVolumePoint]:
    points = await select_volume(context.services.database, wanted, _MAX_VOLUME_POINTS + 1)
    if len(points) > _MAX_VOLUME_POINTS:
        raise ApiError(
            ErrorCode.QUERY_TOO_BROAD, "too many points: narrow the time or widen the step"
        )
    summed: dict[tuple[int, str, str], int] = {}
    for point in points:
        key = (point.start_minute, point.service, severity_range(point.severity_number))
        summed[key] = summed.get(key, 0) + point.lines
    return [
        LogVolumePoint(
            start=instant_from_ns(minute * _NS_PER_MINUTE),
            service=name or None,
            severity=LogSeverity(range_name),
            count=Long(lines),
        )
        for (minute, name, range_name), lines in summed.items()
    ]


@strawberry.type
class LogLineMutation:
    """Mutations over log entries."""

    @strawberry.mutation(
        description="Submit a log line and wait for its summary; after the time limit the status "
        "is PENDING, and `logEntry` gives it later. An Idempotency-Key header makes a retry safe."
    )
    async def summarize_log(
        self,
        info: Info,
        raw: Annotated[str, strawberry.argument(description="The line as it is, at most 256 KiB.")],
    ) -> LogEntry:
        """Submit a line and return its entry."""
        context = info.context
        record_id = await submit(context, log_submission(raw), str(info.path.key))
        services = context.services
        await services.listener.wait_until_passed(record_id, services.settings.submit_timeout_s)
        try:
            found = await find_entry(context, record_id)
        except AiOpsError:
            # The line is on the topic: its id must reach the client even if Postgres went away.
            found = None
        return found or LogEntry.without_event(record_id, LogEntryStatus.PENDING)
