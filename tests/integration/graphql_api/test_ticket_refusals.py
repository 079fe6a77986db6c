"""What may not be said of tickets: refused before anything is written."""

from typing import Any

import pytest

from graphql_api import ticket_feedback
from graphql_api.store.database import Database
from graphql_api.store.tickets import AlertKey, AlertMember, AlertRow
from graphql_api.tickets import encode_ticket_id
from schemas.db.pool import Connection
from tests.integration.graphql_api.conftest import Api
from tests.integration.graphql_api.test_ticket_feedback import CONFIRM, CORRECT, SUBMIT
from tests.integration.graphql_api.ticket_seeding import make_ticket, seed_tickets

pytestmark = pytest.mark.integration

TEAM = [{"field": "team", "value": "a"}]
ID = encode_ticket_id("shop", "T-1")


async def test_tickets_that_the_stream_would_refuse_are_refused(api: Api) -> None:
    good = {"project": "shop", "title": "help"}
    bad: list[dict[str, Any]] = [
        {"project": "shop"},
        {"project": "  ", "title": "help"},
        {"project": "x" * 201, "title": "help"},
        {**good, "title": "x" * 2_001},
        {**good, "body": "x" * 262_145},
        {**good, "ticketId": "x" * 201},
        {**good, "metadata": ["no", "object"]},
        {**good, "metadata": {str(number): 1 for number in range(65)}},
        {**good, "metadata": {"a": "x" * 1_001}},
        {**good, "labels": [TEAM[0]] * 2},
        {**good, "labels": [{"field": "", "value": "a"}]},
        {**good, "labels": [{"field": str(number), "value": "a"} for number in range(21)]},
        {**good, "title": "nul \0"},
    ]

    codes = [await api.refusal(SUBMIT, role="operator", ticket=one) for one in bad]

    assert codes == ["BAD_USER_INPUT"] * len(bad)
    assert await api.refusal(SUBMIT, role="operator", ticket=good) == "BROKER_UNAVAILABLE"


async def test_feedback_that_says_nothing_or_too_much_is_refused(
    api: Api, connection: Connection
) -> None:
    await seed_tickets(connection, [make_ticket(1)])
    bad: list[list[dict[str, str]]] = [
        [],
        [{"field": "team", "value": " "}],
        [{"field": "team", "value": "x" * 201}],
        [TEAM[0], {"field": " team", "value": "b"}],
        [{"field": str(number), "value": "a"} for number in range(21)],
    ]
    fields = [[], ["nothing"], ["team"], ["category", "team"]]

    corrections = [await api.refusal(CORRECT, role="operator", id=ID, values=one) for one in bad]
    confirmations = [
        await api.refusal(CONFIRM, role="operator", id=ID, fields=one) for one in fields
    ]

    assert corrections == ["BAD_USER_INPUT"] * len(bad)
    assert confirmations == ["BAD_USER_INPUT"] * len(fields)


async def test_only_a_triaged_ticket_can_be_judged(api: Api, connection: Connection) -> None:
    alerts = [make_ticket(number, "Disk full", alert_key="disk") for number in (1, 2)]
    await seed_tickets(connection, alerts)
    await connection.execute(
        "INSERT INTO tickets SELECT project, 'T-9', 0, '', title, body, status, reporter, url,"
        " created_ns, source, labels, metadata FROM tickets LIMIT 1"
    )

    async def judge(ticket_id: str) -> dict[str, Any]:
        variables = {"id": encode_ticket_id("shop", ticket_id)}
        answer = await (await api.post(CONFIRM, role="operator", variables=variables)).json()
        extensions: dict[str, Any] = answer["errors"][0]["extensions"]
        return extensions

    assert await judge("T-2") == {"code": "CONFLICT", "leader": ID}
    assert (await judge("T-9"))["code"] == "CONFLICT"
    assert (await judge("T-7"))["code"] == "NOT_FOUND"


@pytest.mark.parametrize("members", [(), (AlertMember("T-2", "Disk full"),)])
async def test_a_ticket_whose_alert_group_changes_meanwhile_is_not_triaged_yet(
    api: Api,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    members: tuple[AlertMember, ...],
) -> None:
    """It was another alert's follower when it was read."""
    alerts = [make_ticket(number, "Disk full", alert_key="disk") for number in (1, 2)]
    await seed_tickets(connection, alerts)

    async def select_changed(_: Database, keys: list[AlertKey]) -> dict[AlertKey, AlertRow]:
        return {keys[0]: AlertRow(len(members), members)}

    monkeypatch.setattr(ticket_feedback, "select_alert_groups", select_changed)
    variables = {"id": encode_ticket_id("shop", "T-2")}
    answer = await (await api.post(CONFIRM, role="operator", variables=variables)).json()

    assert answer["errors"][0]["message"] == "the ticket is not triaged yet"


async def test_viewers_may_read_and_not_speak(api: Api) -> None:
    said: list[tuple[str, dict[str, Any]]] = [
        (SUBMIT, {"ticket": {"project": "shop", "title": "help"}}),
        (CORRECT, {"id": ID, "values": TEAM}),
        (CONFIRM, {"id": ID}),
    ]
    for query, variables in said:
        assert await api.refusal(query, **variables) == "FORBIDDEN"
