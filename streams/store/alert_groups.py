"""Reads groups of identical alerts: the tickets of a project with one key in one window."""

from collections.abc import Iterable
from typing import Final

import msgspec

from schemas.db.pool import Connection
from streams.store.tickets import CurrentTicket, TicketKey, alert_window_ns


class AlertGroup(msgspec.Struct, frozen=True, order=True):
    """What the alerts of a group have in common."""

    project: str
    alert_key: str
    window_ns: int


def groups_of(tickets: Iterable[CurrentTicket]) -> set[AlertGroup]:
    """Return the groups that these tickets belong to."""
    groups = set()
    for one in tickets:
        key, window_ns = one.ticket.alert_key, alert_window_ns(one.ticket)
        if key is not None and window_ns is not None:
            groups.add(AlertGroup(one.key.project, key, window_ns))
    return groups


SELECT_GROUPS: Final = """
SELECT DISTINCT member.project, member.alert_key, member.alert_window_ns
FROM tickets AS member
JOIN unnest($1::text[], $2::text[]) AS asked (project, ticket_id)
ON member.project = asked.project AND member.ticket_id = asked.ticket_id
WHERE member.alert_key IS NOT NULL
"""


async def select_groups(connection: Connection, keys: Iterable[TicketKey]) -> set[AlertGroup]:
    """Return the groups that the tickets are in as they are stored."""
    ordered = sorted(keys)
    rows = await connection.fetch(
        SELECT_GROUPS, [key.project for key in ordered], [key.ticket_id for key in ordered]
    )
    return {AlertGroup(*row.values()) for row in rows}


# One step in an index, however many alerts a group has.
SELECT_LEADERS: Final = """
SELECT leader.project, leader.ticket_id
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS asked (project, alert_key, alert_window_ns)
CROSS JOIN LATERAL (
    SELECT project, ticket_id FROM tickets AS member
    WHERE member.project = asked.project AND member.alert_key = asked.alert_key
      AND member.alert_window_ns = asked.alert_window_ns
    ORDER BY created_ns, ticket_id COLLATE "C" LIMIT 1) AS leader
"""


async def select_leaders(connection: Connection, groups: Iterable[AlertGroup]) -> set[TicketKey]:
    """Return the first alert of each group, those without a time of creation last."""
    ordered = sorted(groups)
    if not ordered:
        return set()
    rows = await connection.fetch(
        SELECT_LEADERS,
        [group.project for group in ordered],
        [group.alert_key for group in ordered],
        [group.window_ns for group in ordered],
    )
    return {TicketKey(row["project"], row["ticket_id"]) for row in rows}
