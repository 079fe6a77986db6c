"""Subscriptions over logs: the live tail and revised summaries."""

from collections.abc import AsyncIterator
from typing import Annotated, Final

import strawberry

from graphql_api.context import Info
from graphql_api.errors import bad_input
from graphql_api.log_summaries import LogSummary
from graphql_api.logs import LogEntry, Service, Severity, severity_numbers
from graphql_api.store.lines import LineFilter

_MAX_ENTRIES: Final = 500
_MAX_TEXT: Final = 500


@strawberry.type(description="Entries that have just been processed.")
class LogTail:
    """Entries that have just been processed."""

    entries: list[LogEntry] = strawberry.field(
        description="The entries, in the order of their partition, at most 500."
    )
    skipped: int = strawberry.field(
        description="How many that may match are left out, for they came too fast."
    )


@strawberry.type
class LogSubscription:
    """Subscriptions over logs."""

    @strawberry.subscription(description="Entries as they are processed, from now on.")
    async def log_tail(
        self,
        info: Info,
        service: Service = None,
        severity: Severity = None,
        host: Annotated[
            str | None, strawberry.argument(description="Only lines of this host.")
        ] = None,
        text: Annotated[
            str | None,
            strawberry.argument(description="Only messages with this text, in any case."),
        ] = None,
    ) -> AsyncIterator[LogTail]:
        """Yield new entries, a batch at a time."""
        if text is not None and not 1 <= len(text) <= _MAX_TEXT:
            raise bad_input(f"text must have 1 to {_MAX_TEXT} characters", "text")
        wanted = LineFilter(
            service=service, severities=severity_numbers(severity), host=host, text=text
        )
        matches = wanted.predicate()
        async with info.context.services.line_feed.subscribed() as subscriber:
            while True:
                new = await subscriber.get()
                piece = new.piece
                found = [
                    at
                    for at, line in enumerate(piece.lines)
                    if matches is None or matches(line.stored)
                ]
                skipped = new.skipped + subscriber.take_dropped()
                skipped += max(0, len(found) - _MAX_ENTRIES)
                if found or skipped:
                    entries = [piece.view(at) for at in found[-_MAX_ENTRIES:]]
                    yield LogTail(entries=entries, skipped=skipped)

    @strawberry.subscription(description="Window summaries as they are written or revised.")
    async def summary_revised(
        self, info: Info, service: Service = None
    ) -> AsyncIterator[LogSummary]:
        """Yield summaries."""
        async with info.context.services.summary_feed.subscribed() as subscriber:
            while True:
                stored = await subscriber.get()
                if service is None or stored.service == service:
                    yield LogSummary.from_stored(stored)
