"""Reads of templates: texts, counts, and the ids they ever had."""

from typing import Final

import asyncpg
import msgspec

from graphql_api.store.database import Database


class StoredTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """A template with the sum of its lines; '' stands for no service."""

    template_id: int
    service: str
    text: str
    lines: int
    first_event_ns: int
    last_event_ns: int
    example_id: str
    example: str


def _from_row(row: asyncpg.Record) -> StoredTemplate:
    return StoredTemplate(**dict(row.items()))


SELECT_TEMPLATE: Final = """
SELECT t.template_id, t.service, t.text, t.first_event_ns, t.last_event_ns, t.example_id, t.example,
       coalesce((SELECT sum(total.lines) FROM log_shape_templates AS a
                 JOIN log_shape_totals AS total USING (shape_id)
                 WHERE a.template_id = t.template_id), 0)::bigint AS lines
FROM log_templates AS t
WHERE t.template_id = coalesce(
    (SELECT template_id FROM log_shape_templates WHERE shape_id = $1), $1)
"""


async def select_template(database: Database, template_id: int) -> StoredTemplate | None:
    """Return a template by any id it ever had, None when there is none."""
    row = await database.fetchrow(SELECT_TEMPLATE, template_id)
    return _from_row(row) if row else None


# By the first event, which stays: by the last, a template seen while somebody walks the list would
# jump over the cursor and be missed.
SELECT_TEMPLATES: Final = """
SELECT t.template_id, t.service, t.text, t.first_event_ns, t.last_event_ns, t.example_id, t.example,
       coalesce((SELECT sum(total.lines) FROM log_shape_templates AS a
                 JOIN log_shape_totals AS total USING (shape_id)
                 WHERE a.template_id = t.template_id), 0)::bigint AS lines
FROM (
    SELECT * FROM log_templates
    WHERE ($1::text IS NULL OR service = $1)
      AND ($2::text IS NULL OR strpos(lower(text), lower($2)) > 0)
      AND (first_event_ns, template_id) < ($3, $4)
    ORDER BY first_event_ns DESC, template_id DESC LIMIT $5
) AS t
ORDER BY t.first_event_ns DESC, t.template_id DESC
"""


class TemplateFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which templates are wanted: of a service, with a text, below (first_event_ns, id)."""

    service: str | None
    text: str | None
    after: tuple[int, int] | None


async def select_templates(
    database: Database, wanted: TemplateFilter, limit: int
) -> list[StoredTemplate]:
    """Return templates, the newest first.

    Walking the pages misses none; one whose first event turns out to be older may come twice.
    """
    place = wanted.after or (2**63 - 1, 2**63 - 1)
    rows = await database.fetch(SELECT_TEMPLATES, wanted.service, wanted.text, *place, limit)
    return [_from_row(row) for row in rows]
