"""Reads of window summaries."""

from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from graphql_api.store.database import MAX_MISSED, Database
from schemas.documents import DocumentDecoder
from schemas.summaries import WindowSummary

# A window: its service, '' for none, and its start in ns.
WindowKey = tuple[str, int]

_DECODE: Final = DocumentDecoder(WindowSummary)


class StoredSummary(msgspec.Struct, frozen=True):
    """A summary with its bookkeeping; '' stands for no service."""

    service: str
    start_ns: int
    end_ns: int
    revision: int
    updated_at: datetime
    summary: WindowSummary
    is_open: bool


def _from_row(row: asyncpg.Record) -> StoredSummary:
    return StoredSummary(
        row["service"],
        row["start_ns"],
        row["end_ns"],
        row["revision"],
        row["updated_at"],
        _DECODE.decode(row["document"]),
        row["is_open"],
    )


SELECT_SUMMARY: Final = """
SELECT service, start_ns, end_ns, revision, updated_at, document, is_open
FROM log_window_summaries WHERE service = $1 AND start_ns = $2
"""


async def select_summary(database: Database, service: str, start_ns: int) -> StoredSummary | None:
    """Return the summary of a service's window, None when it has none."""
    row = await database.fetchrow(SELECT_SUMMARY, service, start_ns)
    return _from_row(row) if row else None


SELECT_SUMMARIES: Final = """
SELECT service, start_ns, end_ns, revision, updated_at, document, is_open
FROM log_window_summaries
WHERE start_ns <= $1 AND (start_ns < $1 OR service > $2)
  AND start_ns >= $3 AND start_ns < $4
ORDER BY start_ns DESC, service LIMIT $5
"""
SELECT_SERVICE_SUMMARIES: Final = """
SELECT service, start_ns, end_ns, revision, updated_at, document, is_open
FROM log_window_summaries
WHERE service = $2 AND start_ns < $1 AND start_ns >= $3 AND start_ns < $4
ORDER BY start_ns DESC LIMIT $5
"""


class SummaryRange(msgspec.Struct, frozen=True, kw_only=True):
    """Windows that start within [since, until), below `after` (start, service) in the list."""

    since_ns: int
    until_ns: int
    after: tuple[int, str] | None


async def select_summaries(
    database: Database, service: str | None, wanted: SummaryRange, limit: int
) -> list[StoredSummary]:
    """Return summaries, newest window first, then by service."""
    start_ns, after_service = wanted.after or (2**63 - 1, "")
    if service is None:
        rows = await database.fetch(
            SELECT_SUMMARIES, start_ns, after_service, wanted.since_ns, wanted.until_ns, limit
        )
    else:
        rows = await database.fetch(
            SELECT_SERVICE_SUMMARIES, start_ns, service, wanted.since_ns, wanted.until_ns, limit
        )
    return [_from_row(row) for row in rows]


SELECT_SUMMARIES_AT: Final = """
SELECT service, start_ns, end_ns, revision, updated_at, document, is_open
FROM log_window_summaries
WHERE (service, start_ns) IN (SELECT * FROM unnest($1::text[], $2::bigint[]))
ORDER BY start_ns, service
"""


async def select_summaries_at(database: Database, windows: list[WindowKey]) -> list[StoredSummary]:
    """Return the summaries of these windows, oldest first."""
    services, starts = zip(*windows, strict=True)
    rows = await database.fetch(SELECT_SUMMARIES_AT, list(services), list(starts))
    return [_from_row(row) for row in rows]


SELECT_WINDOWS_SINCE: Final = """
SELECT service, start_ns FROM log_window_summaries
WHERE updated_at >= $1::timestamptz - interval '5 seconds'
ORDER BY updated_at DESC, start_ns DESC, service DESC LIMIT $2
"""


async def select_windows_since(database: Database, moment: datetime) -> list[WindowKey]:
    """Return the windows whose summaries were revised since shortly before a moment, oldest first.

    Shortly before: a transaction's time is that of its start, and it may have committed later. Of
    more than MAX_MISSED the last ones.
    """
    rows = await database.fetch(SELECT_WINDOWS_SINCE, moment, MAX_MISSED)
    return [(row["service"], row["start_ns"]) for row in reversed(rows)]
