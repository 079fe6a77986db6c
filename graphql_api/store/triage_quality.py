"""Reads of how well the triage did: what it had said, and what people then said."""

from typing import Final

import msgspec

from graphql_api.store.database import Database


class DecileRow(msgspec.Struct, frozen=True, kw_only=True):
    """The outcomes of a project's field whose confidence lay in one tenth, 0 (lowest) to 9."""

    project: str
    field: str
    decile: int
    outcomes: int
    right: int
    confidence_sum: float
    for_humans: int
    automatic_right: int
    confirmations: int


class QualityFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which outcomes count; None and the least time mean all."""

    project: str | None
    field: str | None
    since_ns: int


# A sum of decimals does not depend on their order, as one of floats does.
SELECT_DECILES: Final = """
SELECT o.project, o.field, least(9, floor(o.confidence * 10))::integer AS decile,
       count(*) AS outcomes,
       count(*) FILTER (WHERE o.predicted = o.actual) AS "right",
       sum(round(o.confidence::numeric, 6))::float8 AS confidence_sum,
       count(*) FILTER (WHERE o.needs_human) AS for_humans,
       count(*) FILTER (WHERE o.predicted = o.actual AND NOT o.needs_human) AS automatic_right,
       count(*) FILTER (WHERE e.is_confirmation) AS confirmations
FROM triage_outcomes AS o JOIN feedback_events AS e ON e."offset" = o."offset"
WHERE ($1::text IS NULL OR o.project = $1) AND ($2::text IS NULL OR o.field = $2)
  AND e.timestamp_ns >= $3
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
LIMIT $4
"""


async def select_deciles(database: Database, wanted: QualityFilter, limit: int) -> list[DecileRow]:
    """Return the outcomes by project, field and tenth of confidence, in that order."""
    rows = await database.fetch(
        SELECT_DECILES, wanted.project, wanted.field, wanted.since_ns, limit
    )
    return [DecileRow(**dict(row.items())) for row in rows]
