"""Reads of what surrounds the log lines: a record's fate, templates, counts by minute."""

from enum import Enum
from typing import Final

import msgspec

from graphql_api.store.database import Database
from schemas.ids import RecordId


class RecordFate(Enum):
    """What has become of a record that has no line."""

    UNKNOWN_PARTITION = "unknown_partition"
    PENDING = "pending"
    DEAD_LETTER = "dead_letter"
    EXPIRED = "expired"
    DROPPED = "dropped"


SELECT_RECORD_FATE: Final = """
SELECT next_offset,
       EXISTS (SELECT FROM dead_letters AS d
               WHERE d.topic = $1 AND d.partition = $2 AND d."offset" = $3) AS is_dead_letter,
       EXISTS (SELECT FROM log_gone_lines AS g
               WHERE g.topic = $1 AND g.partition = $2 AND g.end_offset > $3) AS is_expired
FROM stream_offsets WHERE topic = $1 AND partition = $2
"""


async def select_record_fate(database: Database, record_id: RecordId) -> RecordFate:
    """Return what has become of a record for which no line is stored."""
    row = await database.fetchrow(
        SELECT_RECORD_FATE, record_id.topic, record_id.partition, record_id.offset
    )
    if row is None:
        return RecordFate.UNKNOWN_PARTITION
    if row["is_dead_letter"]:
        return RecordFate.DEAD_LETTER
    if row["is_expired"]:
        return RecordFate.EXPIRED
    return RecordFate.DROPPED if record_id.offset < row["next_offset"] else RecordFate.PENDING


# A shape without an alias is a template of its own until the finalizer says otherwise.
SELECT_TEMPLATES_OF_SHAPES: Final = """
SELECT shape_id, template_id FROM log_shape_templates WHERE shape_id = ANY ($1::bigint[])
"""


async def select_templates_of_shapes(database: Database, shape_ids: list[int]) -> dict[int, int]:
    """Return the template of each shape."""
    rows = await database.fetch(SELECT_TEMPLATES_OF_SHAPES, sorted(set(shape_ids)))
    known = {row["shape_id"]: row["template_id"] for row in rows}
    return {shape_id: known.get(shape_id, shape_id) for shape_id in shape_ids}


# Any id a template ever had leads to it; the id of a lone shape leads to itself.
SELECT_SHAPES_OF_TEMPLATE: Final = """
WITH resolved (template_id) AS (
    SELECT coalesce((SELECT template_id FROM log_shape_templates WHERE shape_id = $1), $1)
)
SELECT template_id AS shape_id FROM resolved
UNION
SELECT a.shape_id FROM log_shape_templates AS a JOIN resolved USING (template_id)
"""


async def select_shapes_of_template(database: Database, template_id: int) -> frozenset[int]:
    """Return the shapes that belong to a template."""
    rows = await database.fetch(SELECT_SHAPES_OF_TEMPLATE, template_id)
    return frozenset(row["shape_id"] for row in rows)


class VolumePoint(msgspec.Struct, frozen=True):
    """Lines of a step of time, by service and severity number."""

    start_minute: int
    service: str
    severity_number: int
    lines: int


class VolumeFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines are counted, and in steps of how many minutes; None means all."""

    since_minute: int
    until_minute: int
    service: str | None
    severities: frozenset[int] | None
    step_minutes: int


SELECT_VOLUME: Final = """
SELECT minute - minute % $4 AS start_minute, service, severity,
       sum(amount)::bigint AS lines
FROM log_counts, unnest(severities, counts) AS counted (severity, amount)
WHERE minute >= $1 AND minute < $2
  AND ($3::text IS NULL OR service = $3)
  AND ($5::smallint[] IS NULL OR severity = ANY ($5))
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
LIMIT $6
"""


async def select_volume(database: Database, wanted: VolumeFilter, limit: int) -> list[VolumePoint]:
    """Return the counts of lines by step, service and severity, in that order."""
    severities = None if wanted.severities is None else sorted(wanted.severities)
    rows = await database.fetch(
        SELECT_VOLUME,
        wanted.since_minute,
        wanted.until_minute,
        wanted.service,
        wanted.step_minutes,
        severities,
        limit,
    )
    return [
        VolumePoint(row["start_minute"], row["service"], row["severity"], row["lines"])
        for row in rows
    ]


SELECT_SERVICES: Final = """
WITH RECURSIVE services AS (
    (SELECT service FROM log_counts ORDER BY service LIMIT 1)
    UNION ALL
    SELECT (SELECT c.service FROM log_counts AS c
            WHERE c.service > s.service ORDER BY c.service LIMIT 1)
    FROM services AS s WHERE s.service IS NOT NULL
)
SELECT service FROM services WHERE service IS NOT NULL LIMIT $1
"""


async def select_services(database: Database, limit: int) -> list[str]:
    """Return the names of all services with lines, sorted; '' stands for none."""
    return [row["service"] for row in await database.fetch(SELECT_SERVICES, limit)]
