"""Tickets, their queue, their quality and what is alike, from seeded tables."""

from typing import Any

import pytest

from graphql_api.store.database import Database
from graphql_api.store.tickets import SELECT_ALERT_GROUPS, SELECT_ANSWERS, SELECT_TICKETS
from graphql_api.tickets import encode_ticket_id
from schemas.db.pool import Connection
from schemas.events import FeedbackEvent
from streams.domain.triage.config import FieldConfig, ProjectConfig, TriageConfig
from streams.domain.triage.model import TriageModel
from tests.integration.graphql_api.conftest import Api
from tests.integration.graphql_api.ticket_seeding import (
    BASE_NS,
    SECOND_NS,
    make_ticket,
    seed_feedback,
    seed_tickets,
)

pytestmark = pytest.mark.integration

TICKET = """query($project: String, $ticketId: String, $id: ID) {
  ticket(project: $project, ticketId: $ticketId, id: $id) {
    id project ticketId title body status reporter url createdAt revisedAt source labels metadata
    triage { needsHuman feedbackOffset feedbackCount fields {
      field value confidence needsHuman owner top { value confidence }
      reasons { kind term weight } } }
    alertGroup { key count windowStart leader { id ticketId } members { ticketId title } }
    answers { field value predicted isConfirmation actor saidAt offset } } }"""
LIST = """query($project: String, $status: String, $values: [FieldValueInput!],
               $needsHuman: Boolean, $first: Int!, $after: String) {
  tickets(project: $project, status: $status, values: $values, needsHuman: $needsHuman,
          first: $first, after: $after) {
    edges { node { ticketId } } pageInfo { hasNextPage endCursor } } }"""
QUEUE = """query($project: String, $after: String) {
  triageQueue(project: $project, first: 2, after: $after) {
    edges { node { ticketId } } pageInfo { hasNextPage endCursor } } }"""
SIMILAR = """query($text: String, $id: ID, $project: String, $limit: Int! = 10) {
  similarTickets(text: $text, id: $id, project: $project, limit: $limit) {
    isComplete indexedTickets
    matches { score isLikelyDuplicate ticket { ticketId title triage { needsHuman } } } } }"""


def ids_of(connection: Any) -> list[str]:
    return [edge["node"]["ticketId"] for edge in connection["edges"]]


async def all_pages(api: Api, query: str, name: str, **variables: Any) -> list[str]:
    found: list[str] = []
    after, has_next = None, True
    while has_next:
        page = (await api.ask(query, after=after, **variables))[name]
        found += ids_of(page)
        after, has_next = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    return found


async def test_a_ticket_has_its_triage_with_reasons(api: Api, connection: Connection) -> None:
    await seed_tickets(connection, [make_ticket(1, "How do I export my invoices?")])

    found = (await api.ask(TICKET, project="shop", ticketId="T-1"))["ticket"]

    fields = {one["field"]: one for one in found["triage"]["fields"]}
    assert found["id"] == encode_ticket_id("shop", "T-1")
    assert found["createdAt"] == found["revisedAt"] == "2026-03-14T08:00:01.000Z"
    assert found["labels"] == {"team": "payments"}
    assert fields["category"]["value"] == "question"
    assert fields["category"]["top"][0]["confidence"] == fields["category"]["confidence"]
    assert fields["category"]["reasons"][0]["kind"] == "TERM"
    assert fields["team"]["value"] is None
    assert found["triage"]["needsHuman"]
    assert found["alertGroup"] is None
    assert found["answers"] == []


async def test_a_ticket_is_found_by_its_opaque_id(api: Api, connection: Connection) -> None:
    await seed_tickets(connection, [make_ticket(1, project="späte/Prüfung", ticket_id="№ 1")])

    by_id = await api.ask(TICKET, id=encode_ticket_id("späte/Prüfung", "№ 1"))
    nobody = await api.ask(TICKET, id=encode_ticket_id("shop", "T-1"))

    assert by_id["ticket"]["ticketId"] == "№ 1"
    assert nobody["ticket"] is None


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"project": "shop"},
        {"id": "AQAA", "project": "shop", "ticketId": "T-1"},
        {"id": "AQAAAAAAAAAAAAAnDwAAbG9ncy5yYXc"},
        {"id": "kqRzaG9wo1QtMQ="},
        {"id": "x" * 3_000},
        {"id": "\u2603"},
    ],
)
async def test_a_ticket_is_named_in_one_way(api: Api, variables: dict[str, str]) -> None:
    assert await api.refusal(TICKET, **variables) == "BAD_USER_INPUT"


async def test_only_the_first_of_identical_alerts_has_a_triage(
    api: Api, connection: Connection
) -> None:
    alerts = [make_ticket(number, "Disk full", alert_key="disk") for number in range(1, 4)]
    await seed_tickets(connection, alerts)

    leader = (await api.ask(TICKET, project="shop", ticketId="T-1"))["ticket"]
    member = (await api.ask(TICKET, project="shop", ticketId="T-3"))["ticket"]

    assert leader["triage"] is not None
    assert member["triage"] is None
    assert member["alertGroup"] == leader["alertGroup"]
    assert member["alertGroup"]["count"] == 3
    assert member["alertGroup"]["leader"]["id"] == leader["id"]
    assert [one["ticketId"] for one in member["alertGroup"]["members"]] == ["T-1", "T-2", "T-3"]


async def test_tickets_come_newest_revision_first_page_by_page(
    api: Api, connection: Connection
) -> None:
    tickets = [make_ticket(number) for number in range(7)]
    tickets += [make_ticket(number, project="web") for number in (5, 6)]
    revised = make_ticket(2, status="closed", revision=BASE_NS + 90 * SECOND_NS)
    await seed_tickets(connection, [*tickets, revised])

    everything = await all_pages(api, LIST, "tickets", first=2)
    one_project = await all_pages(api, LIST, "tickets", first=3, project="web")

    assert everything == ["T-2", "T-6", "T-6", "T-5", "T-5", "T-4", "T-3", "T-1", "T-0"]
    assert one_project == ["T-6", "T-5"]


async def test_tickets_are_filtered(api: Api, connection: Connection) -> None:
    tickets = [
        make_ticket(1, "The app crashes at the start"),
        make_ticket(2, "How do I change my password?", status="closed"),
        make_ticket(3, "How do I log in? I need help"),
        make_ticket(4, "Disk full", alert_key="disk"),
        make_ticket(5, "Disk full", alert_key="disk"),
    ]
    await seed_tickets(connection, tickets)
    question = [{"field": "category", "value": "question"}]

    async def ids(**variables: Any) -> list[str]:
        return ids_of((await api.ask(LIST, first=50, **variables))["tickets"])

    assert await ids(status="closed") == ["T-2"]
    assert await ids(values=question) == ["T-3", "T-2"]
    assert await ids(values=question, status="open", project="shop") == ["T-3"]
    assert await ids(values=[*question, {"field": "team", "value": "x"}]) == []
    assert await ids(needsHuman=True) == ["T-4", "T-3", "T-2", "T-1"]
    assert await ids(needsHuman=False) == ["T-5"]
    assert await ids(project="web") == []


async def test_a_ticket_leaves_the_queue_when_all_its_unsure_fields_are_answered(
    api: Api, connection: Connection
) -> None:
    fields = {"category": FieldConfig(), "priority": FieldConfig()}
    model = TriageModel(TriageConfig(default=ProjectConfig(fields=fields)))
    tickets = [make_ticket(number) for number in (3, 1, 2)]
    await seed_tickets(connection, tickets, model=model)
    before = await all_pages(api, QUEUE, "triageQueue", project="shop")
    answers = [{"category": "bug"}, {"priority": "high"}]
    await seed_feedback(connection, 0, FeedbackEvent(ticket=tickets[1], labels=answers[0]), model)
    halfway = await all_pages(api, QUEUE, "triageQueue")
    await seed_feedback(connection, 1, FeedbackEvent(ticket=tickets[1], labels=answers[1]), model)
    after = await all_pages(api, QUEUE, "triageQueue")

    assert before == ["T-1", "T-2", "T-3"]
    assert halfway == ["T-1", "T-2", "T-3"]
    assert after == ["T-2", "T-3"]
    assert await all_pages(api, QUEUE, "triageQueue", project="web") == []


async def test_answers_stand_beside_the_triage(api: Api, connection: Connection) -> None:
    ticket, model = make_ticket(1, "The app crashes at the start"), TriageModel()
    await seed_tickets(connection, [ticket], model=model)
    for offset, label in enumerate(("outage", "bug")):
        feedback = FeedbackEvent(
            ticket=ticket, labels={"category": label}, actor="ann", timestamp_ns=BASE_NS
        )
        await seed_feedback(connection, offset, feedback, model)

    found = (await api.ask(TICKET, project="shop", ticketId="T-1"))["ticket"]

    newest, oldest = found["answers"]
    assert (oldest["predicted"], oldest["value"]) == ("bug", "outage")
    assert (newest["predicted"], newest["value"]) == ("outage", "bug")
    assert (newest["actor"], newest["offset"]) == ("ann", 1)


async def test_the_quality_is_what_the_model_had_said(api: Api, connection: Connection) -> None:
    model = TriageModel()
    tickets = [make_ticket(number) for number in range(4)]
    labels = ["bug", "question", "bug", "bug"]
    said = []
    for offset, (ticket, label) in enumerate(zip(tickets, labels, strict=True)):
        before = model.predict(ticket, ["category"]).fields["category"]
        said.append((before.value == label, before.confidence))
        feedback = FeedbackEvent(
            ticket=ticket,
            labels={"category": label},
            is_confirmation=offset == 3,
            timestamp_ns=BASE_NS + offset * SECOND_NS,
        )
        await seed_feedback(connection, offset, feedback, model)
    query = """query($project: String, $field: String, $since: DateTime) {
      triageQuality(project: $project, field: $field, since: $since) {
        project field outcomes confirmations accuracy humanShare automaticAccuracy
        calibrationError deciles { lower count meanConfidence accuracy } } }"""

    (quality,) = (await api.ask(query))["triageQuality"]
    (late,) = (await api.ask(query, project="shop", since="2026-03-14T08:00:02Z"))["triageQuality"]
    other = (await api.ask(query, field="team"))["triageQuality"]

    total = sum(confidence for _, confidence in said)
    assert (quality["project"], quality["field"]) == ("shop", "category")
    assert (quality["outcomes"], quality["confirmations"]) == (4, 1)
    assert quality["accuracy"] == sum(is_right for is_right, _ in said) / 4
    assert sum(one["count"] * one["meanConfidence"] for one in quality["deciles"]) == (
        pytest.approx(total, abs=1e-5)
    )
    assert sum(one["count"] for one in quality["deciles"]) == 4
    assert late["outcomes"] == 2
    assert other == []


async def test_similar_tickets_are_earlier_ones_and_never_the_ticket_itself(
    api: Api, connection: Connection
) -> None:
    title = "Payment with a gift card fails with error 502"
    tickets = [
        make_ticket(1, title),
        make_ticket(2, "The newsletter cannot be cancelled", body="No link anywhere."),
        make_ticket(3, "Payment by gift card fails, error 502"),
        make_ticket(4, title),
        make_ticket(5, title, project="other"),
    ]
    await seed_tickets(connection, tickets)

    found = (await api.ask(SIMILAR, id=encode_ticket_id("shop", "T-3")))["similarTickets"]
    text = (await api.ask(SIMILAR, text=title, project="shop", limit=2))["similarTickets"]

    assert found["isComplete"]
    assert found["indexedTickets"] == 4
    assert [one["ticket"]["ticketId"] for one in found["matches"]] == ["T-1", "T-2"]
    assert {one["ticket"]["ticketId"] for one in text["matches"]} == {"T-1", "T-4"}
    assert found["matches"][0]["score"] > 0.4 > found["matches"][1]["score"]


async def test_nearly_the_same_text_is_a_likely_duplicate_unless_a_number_differs(
    api: Api, connection: Connection
) -> None:
    title = "Release notes of version {} have a broken link to the upgrade guide"
    tickets = [
        make_ticket(1, title.format("3.4.0")),
        make_ticket(2, title.format("3.4.1")),
        make_ticket(3, title.format("3.4.0")),
        make_ticket(4, "Search finds nothing for umlauts", body="Try it with ü."),
    ]
    await seed_tickets(connection, tickets)

    found = (await api.ask(SIMILAR, id=encode_ticket_id("shop", "T-3")))["similarTickets"]

    flags = {one["ticket"]["ticketId"]: one["isLikelyDuplicate"] for one in found["matches"]}
    assert flags == {"T-1": True, "T-2": False}


async def test_the_index_follows_new_and_revised_tickets(api: Api, connection: Connection) -> None:
    await seed_tickets(connection, [make_ticket(1), make_ticket(2)])

    async def first_for(text: str) -> tuple[str, int]:
        found = (await api.ask(SIMILAR, text=text, project="shop"))["similarTickets"]
        return found["matches"][0]["ticket"]["ticketId"], found["indexedTickets"]

    before = await first_for("The printer is on fire")
    await seed_tickets(connection, [make_ticket(3, "The printer is on fire")], first_offset=2)
    added = await first_for("The printer is on fire")
    changed = make_ticket(3, "Never mind, all is well", body="-", revision=BASE_NS + 10**12)
    other = make_ticket(1, "The printer burns, it is on fire", revision=BASE_NS + 10**12)
    await seed_tickets(connection, [changed, other], first_offset=3)
    revised = await first_for("The printer is on fire")

    assert before[1] == 2
    assert added == ("T-3", 3)
    assert revised == ("T-1", 3)


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({}, "BAD_USER_INPUT"),
        ({"text": "help"}, "BAD_USER_INPUT"),
        ({"text": " ", "project": "shop"}, "BAD_USER_INPUT"),
        ({"text": "x" * 20_001, "project": "shop"}, "BAD_USER_INPUT"),
        ({"text": "help", "project": "shop", "limit": 51}, "BAD_USER_INPUT"),
        ({"id": encode_ticket_id("shop", "T-9")}, "NOT_FOUND"),
        ({"id": encode_ticket_id("shop", "T-9"), "text": "help"}, "BAD_USER_INPUT"),
    ],
)
async def test_questions_for_similar_tickets_are_checked(
    api: Api, variables: dict[str, Any], code: str
) -> None:
    assert await api.refusal(SIMILAR, **variables) == code


async def test_a_page_takes_one_statement_for_each_kind_of_thing(
    api: Api, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts = [
        make_ticket(number, "Disk full", alert_key=f"disk {number % 3}") for number in range(40)
    ]
    await seed_tickets(connection, alerts)
    statements: list[str] = []
    fetch = Database.fetch

    async def counted(self: Database, query: str, *arguments: object) -> Any:
        statements.append(query)
        return await fetch(self, query, *arguments)

    monkeypatch.setattr(Database, "fetch", counted)
    query = "{ tickets(first: 40) { edges { node { alertGroup { count } answers { value } } } } }"

    found = (await api.ask(query))["tickets"]["edges"]

    assert [edge["node"]["alertGroup"]["count"] for edge in found].count(13) == 26
    assert statements == [SELECT_TICKETS, SELECT_ALERT_GROUPS, SELECT_ANSWERS]
