"""The hot statements over tickets use their indexes."""

import pytest

from graphql_api.store.ticket_texts import SELECT_IDS_WITHIN, SELECT_TEXTS
from graphql_api.store.tickets import (
    SELECT_ALERT_GROUPS,
    SELECT_ANSWERS,
    SELECT_PROJECT_TICKETS,
    SELECT_QUEUE,
    SELECT_TICKET,
    SELECT_TICKETS,
    SELECT_TICKETS_AT,
    SELECT_TRIAGED,
)
from graphql_api.store.triage_quality import SELECT_DECILES
from schemas.db.pool import Connection
from tests.integration.graphql_api.test_statements import plan

pytestmark = pytest.mark.integration

SEEDS = (
    """INSERT INTO tickets
    SELECT 'project ' || n % 20, 'T-' || n, n, '', 'title ' || n, 'body', 'open', null, null, n,
           'own', '{}', '{}', CASE WHEN n % 3 = 0 THEN 'alert ' || n % 500 END, n / 5000
    FROM generate_series(1, 30000) AS n""",
    """INSERT INTO ticket_events
    SELECT 'tickets.raw', n % 4, n / 4, 0, project, ticket_id, n, '', ''
    FROM (SELECT project, ticket_id, revision AS n FROM tickets) AS t""",
    """INSERT INTO ticket_triages
    SELECT project, ticket_id, '', 0, '{}', revision % 40 = 0 FROM tickets""",
    """INSERT INTO triage_fields
    SELECT project, ticket_id, field, 'value ' || revision % 50, 0.5, revision % 40 = 0
    FROM tickets, unnest(ARRAY['category', 'priority', 'team']) AS field""",
    """INSERT INTO feedback_events
    SELECT n, 'project ' || n % 20, 'T-' || n, false, 'ann', n, ''
    FROM generate_series(1, 20000) AS n""",
    """INSERT INTO triage_outcomes
    SELECT n, field, 'project ' || n % 20, 'a', 0.5, 'a', false
    FROM generate_series(1, 20000) AS n, unnest(ARRAY['category', 'team']) AS field""",
)
NEWEST = (2**63 - 1, "", "")
OLDEST = (-(2**63), "", "")
NOTHING: list[str] = []
ANYTHING = (None, None, NOTHING, NOTHING, 21)


@pytest.fixture
async def seeded(connection: Connection) -> Connection:
    for seed in SEEDS:
        await connection.execute(seed)
    await connection.execute("ANALYZE")
    return connection


async def test_looking_up_uses_keys(seeded: Connection) -> None:
    keys = (["project 1"] * 20, [f"T-{number * 20 + 1}" for number in range(20)])
    plans = {
        "tickets_pkey": await plan(seeded, SELECT_TICKET, "project 1", "T-1"),
        "tickets_pkey ": await plan(seeded, SELECT_TICKETS_AT, *keys),
        "tickets_pkey  ": await plan(seeded, SELECT_TEXTS, keys[0][0], keys[1], 9, 9, 9),
        "ticket_events_by_ticket": await plan(seeded, SELECT_TRIAGED, "project 1", "T-1"),
        "ticket_events_pkey": await plan(
            seeded, SELECT_IDS_WITHIN, "tickets.raw", [1], [7400], [7500], "project 1"
        ),
        "tickets_by_alert": await plan(
            seeded, SELECT_ALERT_GROUPS, ["project 1"], ["alert 3"], [0], 100
        ),
        "feedback_events_by_ticket": await plan(seeded, SELECT_ANSWERS, *keys, 50),
    }

    assert {index: text for index, text in plans.items() if index.strip() not in text} == {}
    assert not any("Seq Scan" in text for text in plans.values())


async def test_pages_read_the_list_in_its_order(seeded: Connection) -> None:
    plans = [
        await plan(seeded, SELECT_TICKETS, *NEWEST, *ANYTHING),
        await plan(seeded, SELECT_TICKETS, 20_000, "project 3", "T-9", *ANYTHING),
        await plan(seeded, SELECT_PROJECT_TICKETS, *NEWEST, *ANYTHING, "project 3"),
    ]

    assert [text for text in plans if "tickets_by_revision" not in text] == []
    assert not any("Sort" in text for text in plans)


async def test_the_queue_starts_from_what_needs_a_person(seeded: Connection) -> None:
    plans = [
        await plan(seeded, SELECT_QUEUE, None, *OLDEST, 21),
        await plan(seeded, SELECT_QUEUE, "project 3", *OLDEST, 21),
    ]

    assert [text for text in plans if "ticket_triages_queue" not in text] == []
    assert not any("Seq Scan on ticket_triages" in text for text in plans)


async def test_the_quality_of_a_field_reads_its_outcomes_only(seeded: Connection) -> None:
    text = await plan(seeded, SELECT_DECILES, "project 3", "team", 0, 100)

    assert "triage_outcomes_by_field" in text
