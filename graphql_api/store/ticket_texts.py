"""Reads of the texts that the search for similar tickets is made of."""

from collections.abc import Sequence
from typing import Final

import msgspec

from graphql_api.store.database import Database
from schemas.topics import TICKETS_RAW
from streams.domain.triage.features import (
    MAX_BODY_HEAD_CHARS,
    MAX_BODY_TAIL_CHARS,
    MAX_TITLE_CHARS,
)

Offsets = dict[int, int]


class TicketText(msgspec.Struct, frozen=True):
    """A ticket's text; `created_ns` is when it came to be, as far as that is known."""

    ticket_id: str
    created_ns: int
    title: str
    body: str


def bounded_text(ticket_id: str, created_ns: int, title: str, body: str) -> TicketText:
    """Return a text cut as those in the tables are when they are read, see SELECT_TEXTS."""
    if len(body) > MAX_BODY_HEAD_CHARS + MAX_BODY_TAIL_CHARS:
        body = f"{body[:MAX_BODY_HEAD_CHARS]}\n{body[-MAX_BODY_TAIL_CHARS:]}"
    return TicketText(ticket_id, created_ns, title[:MAX_TITLE_CHARS], body)


SELECT_TICKET_OFFSETS: Final = """
SELECT partition, next_offset FROM stream_offsets WHERE topic = $1
"""


async def select_ticket_offsets(database: Database) -> Offsets:
    """Return how far the stream of tickets has come, by partition."""
    rows = await database.fetch(SELECT_TICKET_OFFSETS, TICKETS_RAW.name)
    return {row["partition"]: row["next_offset"] for row in rows}


SELECT_NEWEST_IDS: Final = """
SELECT ticket_id FROM (
    SELECT ticket_id, coalesce(created_ns, revision) AS created_ns FROM tickets
    WHERE project = $1 ORDER BY 2 DESC, 1 DESC LIMIT $2) AS newest
ORDER BY created_ns, ticket_id
"""


async def select_newest_ids(database: Database, project: str, limit: int) -> list[str]:
    """Return the newest tickets of a project, the oldest of them first."""
    rows = await database.fetch(SELECT_NEWEST_IDS, project, limit)
    return [row["ticket_id"] for row in rows]


SELECT_IDS_WITHIN: Final = """
SELECT DISTINCT e.ticket_id
FROM unnest($2::integer[], $3::bigint[], $4::bigint[]) AS part (partition, first, after)
JOIN ticket_events AS e
ON e.topic = $1 AND e.partition = part.partition
   AND e."offset" >= part.first AND e."offset" < part.after
WHERE e.project = $5
"""


async def select_ids_within(
    database: Database, project: str, first: Offsets, after: Offsets
) -> set[str]:
    """Return the tickets of a project of which the records of these offsets speak."""
    moved = [partition for partition in sorted(after) if after[partition] > first.get(partition, 0)]
    if not moved:
        return set()
    rows = await database.fetch(
        SELECT_IDS_WITHIN,
        TICKETS_RAW.name,
        moved,
        [first.get(partition, 0) for partition in moved],
        [after[partition] for partition in moved],
        project,
    )
    return {row["ticket_id"] for row in rows}


# A longer body is read at both ends only, so only these need to come here.
SELECT_TEXTS: Final = """
SELECT ticket_id, coalesce(created_ns, revision) AS created_ns, left(title, $3) AS title,
       CASE WHEN length(body) > $4::integer + $5::integer
            THEN left(body, $4) || E'\\n' || right(body, $5)
            ELSE body END AS body
FROM tickets WHERE project = $1 AND ticket_id = ANY ($2::text[])
"""


async def select_texts(
    database: Database, project: str, ticket_ids: Sequence[str]
) -> list[TicketText]:
    """Return the texts of tickets, oldest first."""
    bounds = (MAX_TITLE_CHARS, MAX_BODY_HEAD_CHARS, MAX_BODY_TAIL_CHARS)
    rows = await database.fetch(SELECT_TEXTS, project, list(ticket_ids), *bounds)
    return sorted(
        (
            TicketText(row["ticket_id"], row["created_ns"], row["title"], row["body"])
            for row in rows
        ),
        key=_age,
    )


def _age(text: TicketText) -> tuple[int, str]:
    return text.created_ns, text.ticket_id
