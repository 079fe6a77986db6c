"""What the finalizer reads of shapes (sightings, aliases) and writes (templates, aliases)."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from schemas.db.pool import Connection


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """The first and the last sighting of a shape over all time, and its earliest example."""

    shape_id: int
    shape: str
    first_event_ns: int
    last_event_ns: int
    topic: str
    partition: int
    example_offset: int
    example_index: int
    example: str


# One probe of each index a shape, however many blocks it stands in. Blocks that were written in the
# shape's last minute are looked at one by one.
SELECT_SIGHTINGS: Final = """
SELECT asked.shape_id, first.shape, first.first_event_ns, last.last_event_ns, first.topic,
       first.partition, first.example_offset, first.example_index, first.example
FROM unnest($1::bigint[]) AS asked (shape_id)
CROSS JOIN LATERAL (
    SELECT * FROM log_block_shapes WHERE shape_id = asked.shape_id
    ORDER BY first_event_ns, topic, partition, block LIMIT 1) AS first
CROSS JOIN LATERAL (
    SELECT max(last_event_ns) AS last_event_ns FROM log_block_shapes
    WHERE shape_id = asked.shape_id AND last_event_minute = (
        SELECT max(last_event_minute) FROM log_block_shapes
        WHERE shape_id = asked.shape_id)) AS last
"""


async def select_sightings(connection: Connection, shape_ids: Sequence[int]) -> dict[int, Sighting]:
    """Return what is known of the shapes, by id."""
    rows = await connection.fetch(SELECT_SIGHTINGS, shape_ids)
    return {row["shape_id"]: Sighting(**dict(row)) for row in rows}


class KnownShape(msgspec.Struct, frozen=True):
    """A shape with the template it resolves to, and that template's text."""

    shape_id: int
    shape: str
    template_id: int
    text: str


COUNT_SHAPES: Final = "SELECT count(*) FROM log_shape_templates WHERE service = $1"


async def count_known_shapes(connection: Connection, service: str) -> int:
    """Return how many shapes of the service are resolved."""
    count: int = await connection.fetchval(COUNT_SHAPES, service)
    return count


SELECT_SHAPES: Final = """
SELECT shape_id, shape, template_id, coalesce(text, '') AS text
FROM log_shape_templates AS alias LEFT JOIN log_templates USING (template_id)
WHERE alias.service = $1
"""


async def select_known_shapes(connection: Connection, service: str) -> list[KnownShape]:
    """Return the shapes of a service that the finalizer has resolved before."""
    rows = await connection.fetch(SELECT_SHAPES, service)
    return [KnownShape(*row.values()) for row in rows]


DELETE_UNSEEN_SHAPES: Final = """
DELETE FROM log_shape_templates AS alias
WHERE NOT EXISTS (SELECT FROM log_block_shapes AS seen WHERE seen.shape_id = alias.shape_id)
"""


async def delete_unseen_shapes(connection: Connection) -> None:
    """Forget shapes that no block holds any more (rules changed and blocks were replayed)."""
    await connection.execute(DELETE_UNSEEN_SHAPES)


UPSERT_ALIASES: Final = """
INSERT INTO log_shape_templates (shape_id, template_id, service, shape)
SELECT shape_id, template_id, $3, shape
FROM unnest($1::bigint[], $2::bigint[], $4::text[]) AS given (shape_id, template_id, shape)
ON CONFLICT (shape_id) DO UPDATE SET template_id = EXCLUDED.template_id
"""


async def upsert_aliases(
    connection: Connection, service: str, shapes: Sequence[KnownShape]
) -> None:
    """Store which template each shape resolves to."""
    await connection.execute(
        UPSERT_ALIASES,
        [shape.shape_id for shape in shapes],
        [shape.template_id for shape in shapes],
        service,
        [shape.shape for shape in shapes],
    )


class TemplateRow(msgspec.Struct, frozen=True, kw_only=True):
    """A template as it is stored."""

    template_id: int
    text: str
    first_event_ns: int
    last_event_ns: int
    example_id: str
    example: str


UPSERT_TEMPLATES: Final = """
INSERT INTO log_templates AS stored
    (template_id, service, text, first_event_ns, last_event_ns, example_id, example)
SELECT template_id, $2, text, first_event_ns, last_event_ns, example_id, example
FROM unnest($1::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[])
    AS given (template_id, text, first_event_ns, last_event_ns, example_id, example)
ON CONFLICT (template_id) DO UPDATE
SET text = EXCLUDED.text, first_event_ns = EXCLUDED.first_event_ns,
    last_event_ns = EXCLUDED.last_event_ns, example_id = EXCLUDED.example_id,
    example = EXCLUDED.example
WHERE (stored.text, stored.first_event_ns, stored.last_event_ns, stored.example_id)
    IS DISTINCT FROM
    (EXCLUDED.text, EXCLUDED.first_event_ns, EXCLUDED.last_event_ns, EXCLUDED.example_id)
"""


async def upsert_templates(
    connection: Connection, service: str, templates: Sequence[TemplateRow]
) -> None:
    """Store the templates of a service."""
    await connection.execute(
        UPSERT_TEMPLATES,
        [template.template_id for template in templates],
        service,
        [template.text for template in templates],
        [template.first_event_ns for template in templates],
        [template.last_event_ns for template in templates],
        [template.example_id for template in templates],
        [template.example for template in templates],
    )


SELECT_FIRST_SIGHTINGS: Final = """
SELECT template_id, first_event_ns FROM log_templates WHERE template_id = ANY($1::bigint[])
"""


async def select_first_sightings(
    connection: Connection, template_ids: Sequence[int]
) -> dict[int, int]:
    """Return when each template was first seen as far as stored, nanoseconds."""
    rows = await connection.fetch(SELECT_FIRST_SIGHTINGS, template_ids)
    return {row["template_id"]: row["first_event_ns"] for row in rows}


DELETE_TEMPLATES: Final = "DELETE FROM log_templates WHERE template_id = ANY($1::bigint[])"


async def delete_templates(connection: Connection, template_ids: Iterable[int]) -> None:
    """Remove templates that were merged into others; their ids go on as aliases."""
    await connection.execute(DELETE_TEMPLATES, sorted(template_ids))
