"""Identical alerts form groups, of which only the first is triaged, on a real database."""

import random

import pytest

from schemas.db.pool import Connection
from tests.ticket_records import (
    START_S,
    Streams,
    alert_payload,
    prepare_payloads,
    stored,
    sums,
    triaged,
)

pytestmark = pytest.mark.integration

ALERTS = [alert_payload(f"A-{(at * 7) % 10}", at_s=at // 2) for at in range(10)]


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_only_the_first_alert_of_a_group_has_a_triage_in_any_order_of_arrival(
    connection: Connection, streams: Streams, seed: int
) -> None:
    expected = await stored(connection, ALERTS)
    shuffled = random.Random(seed).sample(ALERTS, len(ALERTS))

    await streams.append_tickets(prepare_payloads(shuffled), 1, 2)

    assert await triaged(connection) == ["A-0"]
    assert await sums(connection) == expected


async def test_alerts_of_other_windows_keys_and_projects_are_other_groups(
    connection: Connection, streams: Streams
) -> None:
    await streams.send(
        alert_payload("A-1", at_s=0),
        alert_payload("A-2", at_s=3_600),
        alert_payload("A-3", at_s=0, key="disk slow"),
        {**alert_payload("A-4", at_s=0), "project": "other"},
        alert_payload("A-5", at_s=1),
        offset=0,
    )

    assert await triaged(connection) == ["A-1", "A-2", "A-3", "A-4"]


async def test_an_earlier_alert_that_comes_late_takes_over(
    connection: Connection, streams: Streams
) -> None:
    await streams.send(alert_payload("A-2", at_s=20), offset=0)
    await streams.send(alert_payload("A-1", at_s=10), offset=1)

    assert await triaged(connection) == ["A-1"]


async def test_an_alert_that_leaves_its_group_leaves_a_leader_behind(
    connection: Connection, streams: Streams
) -> None:
    await streams.send(alert_payload("A-1", at_s=10), alert_payload("A-2", at_s=20), offset=0)
    moved = {**alert_payload("A-1", at_s=10, key="another"), "updated_at": START_S + 99}
    await streams.send(moved, offset=2)

    assert await triaged(connection) == ["A-1", "A-2"]


async def test_an_alert_that_a_replay_removes_leaves_a_leader_behind(
    connection: Connection, streams: Streams
) -> None:
    prepared = prepare_payloads([alert_payload("A-1", at_s=10), alert_payload("A-2", at_s=20)])
    await streams.append_tickets(prepared)
    await streams.replace_tickets(prepared[1:], 2)

    assert await triaged(connection) == ["A-2"]


async def test_leaders_are_found_without_reading_their_groups(
    connection: Connection, streams: Streams
) -> None:
    """A storm of alerts costs the same for each."""
    storm = [alert_payload(f"A-{number}", at_s=number % 600) for number in range(2_000)]
    await streams.append_tickets(prepare_payloads(storm))
    await connection.execute("ANALYZE tickets")
    plan = await connection.fetch(
        """EXPLAIN SELECT project, ticket_id FROM tickets
        WHERE project = 'shop' AND alert_key = 'disk full' AND alert_window_ns = 1
        ORDER BY created_ns, ticket_id COLLATE "C" LIMIT 1"""
    )
    text = "\n".join(row[0] for row in plan)

    assert "tickets_by_alert" in text
    assert "Sort" not in text
