"""What people say of tickets over HTTP, through a real broker and a real interactive worker."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient

from aiops.local.kafka import Kafka
from aiops.topics import create_topics
from graphql_api.app import create_app
from graphql_api.tickets import encode_ticket_id
from schemas.db.pool import Connection
from schemas.events import FeedbackEvent, TicketEvent
from schemas.ids import decode_record_id
from schemas.settings import Settings
from schemas.topics import TICKETS_RAW, TRIAGE_FEEDBACK
from streams.domain.triage.features import read_ticket
from tests.integration.graphql_api.conftest import Api, ApiServer
from tests.integration.graphql_api.sockets import receive, socket
from tests.integration.graphql_api.ticket_seeding import make_ticket, seed_tickets
from tests.topic_reading import read_records
from tests.workers import running_worker, worker_settings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SUBMIT = """mutation($ticket: TicketInput!) { submitTicket(ticket: $ticket) {
  status id recordId project ticketId ticket {
    title labels metadata createdAt triage { feedbackOffset needsHuman fields {
      field value confidence reasons { kind term } } } } } }"""
CORRECT = """mutation($id: ID, $ticketId: String, $project: String, $values: [FieldValueInput!]!) {
  correctTriage(id: $id, project: $project, ticketId: $ticketId, values: $values) {
    status offset ticket { ticketId }
    answers { field value predicted isConfirmation actor offset } } }"""
CONFIRM = """mutation($id: ID, $fields: [String!]) { confirmTriage(id: $id, fields: $fields) {
  status offset answers { field value predicted isConfirmation } } }"""
QUALITY = """{ triageQuality(project: "shop", field: "category") {
  outcomes confirmations accuracy } }"""
CRASH = {"project": "shop", "title": "The basket crashes", "body": "It crashes with an error."}


@pytest.fixture
def api_settings(database: str, own_kafka: Kafka) -> Settings:
    create_topics(own_kafka.bootstrap, log_topics=[], replication=1, partitions={})
    return Settings(
        postgres_dsn=database, kafka_bootstrap=own_kafka.bootstrap, submit_timeout_s=60.0
    )


@asynccontextmanager
async def impatient(api: Api) -> AsyncIterator[Api]:
    """The same service, where no worker runs and nobody waits for it for long."""
    settings = msgspec.structs.replace(api.settings, submit_timeout_s=3.0)
    async with TestClient(ApiServer(create_app(settings))) as client:
        served = Api(client, settings, {})
        served.tokens["operator"] = (await served.login("operator"))["accessToken"]
        yield served


def value_of(ticket: Any, field: str) -> str | None:
    values: dict[str, str | None] = {
        one["field"]: one["value"] for one in ticket["triage"]["fields"]
    }
    return values[field]


async def submit(api: Api, **ticket: object) -> Any:
    answer = await api.ask(SUBMIT, role="operator", ticket={**CRASH, **ticket})
    return answer["submitTicket"]


async def test_the_next_ticket_follows_a_correction_within_a_second(api: Api) -> None:
    settings = worker_settings(api.settings.kafka_bootstrap, api.settings.postgres_dsn, "logs.raw")
    values = [{"field": "category", "value": "outage"}, {"field": "team", "value": "payments"}]
    with running_worker("interactive", settings=settings):
        first = await submit(api, metadata={"os": "linux"}, labels=[{"field": "x", "value": "y"}])
        corrected = await api.ask(CORRECT, role="operator", id=first["id"], values=values)
        started = time.monotonic()
        second = await submit(api, created="2026-03-14T08:00:00Z")
        lasted_s = time.monotonic() - started
        confirmed = await api.ask(CONFIRM, role="admin", id=second["id"], fields=["category"])
        quality = (await api.ask(QUALITY))["triageQuality"]

    correction, confirmation = corrected["correctTriage"], confirmed["confirmTriage"]
    assert [one["status"] for one in (first, second, correction, confirmation)] == ["DONE"] * 4
    assert [value_of(first["ticket"], field) for field in ("category", "team")] == ["bug", None]
    assert first["ticket"]["metadata"] == {"os": "linux"}
    assert first["id"] == encode_ticket_id("shop", first["ticketId"])
    assert first["ticketId"] == first["recordId"]
    assert [(one["field"], one["predicted"], one["value"]) for one in correction["answers"]] == [
        ("category", "bug", "outage"),
        ("team", None, "payments"),
    ]
    assert {one["actor"] for one in correction["answers"]} == {"operator"}
    taught = [value_of(second["ticket"], field) for field in ("category", "team")]
    assert taught == ["outage", "payments"]
    assert second["ticket"]["triage"]["feedbackOffset"] == correction["offset"] + 1
    assert second["ticket"]["createdAt"] == "2026-03-14T08:00:00.000Z"
    assert lasted_s < 1
    assert [(one["value"], one["isConfirmation"]) for one in confirmation["answers"]] == [
        ("outage", True)
    ]
    assert quality == [{"outcomes": 2, "confirmations": 1, "accuracy": 0.5}]


async def test_a_triaged_ticket_is_told_to_whom_follows_its_project(api: Api) -> None:
    settings = worker_settings(api.settings.kafka_bootstrap, api.settings.postgres_dsn, "logs.raw")
    query = 'subscription { ticketTriaged(project: "shop") { ticketId triage { needsHuman } } }'
    with running_worker("interactive", settings=settings):
        async with socket(api, api.tokens["viewer"]) as ws:
            await ws.send_json({"type": "subscribe", "id": "1", "payload": {"query": query}})
            await ws.send_json({"type": "ping"})
            assert (await receive(ws))["type"] == "pong"
            await submit(api, project="web")
            told = await submit(api)
            message = await receive(ws)

    ticket = message["payload"]["data"]["ticketTriaged"]
    assert ticket == {"ticketId": told["ticketId"], "triage": {"needsHuman": True}}


async def test_one_idempotency_key_says_it_once(api: Api, connection: Connection) -> None:
    await seed_tickets(connection, [make_ticket(1)])
    values = {"project": "shop", "ticketId": "T-1", "values": [{"field": "team", "value": "a"}]}
    other = {**values, "values": [{"field": "team", "value": "b"}]}
    async with impatient(api) as served:

        async def correct(variables: Mapping[str, object]) -> Any:
            answer = await served.post(
                CORRECT, role="operator", variables=variables, headers={"Idempotency-Key": "k"}
            )
            return await answer.json()

        answers = await asyncio.gather(correct(values), correct(values), correct(values))
        refused = await correct(other)

    said = [answer["data"]["correctTriage"] for answer in answers]
    assert {(one["status"], one["offset"]) for one in said} == {("PENDING", 0)}
    assert refused["errors"][0]["extensions"]["code"] == "CONFLICT"


async def test_without_a_worker_the_answer_is_pending(api: Api) -> None:
    async with impatient(api) as served:
        pending = await submit(served, ticketId="T-1")

    assert (pending["status"], pending["ticket"]) == ("PENDING", None)
    assert pending["id"] == encode_ticket_id("shop", "T-1")


async def test_feedback_holds_the_ticket_as_it_was_triaged_and_reads_the_same(
    api: Api, connection: Connection
) -> None:
    ticket = make_ticket(1, body="".join(f"line {number}\n" for number in range(20_000)))
    await seed_tickets(connection, [ticket])
    async with impatient(api) as served:
        await served.ask(
            CORRECT,
            role="operator",
            id=encode_ticket_id("shop", "T-1"),
            values=[{"field": "team", "value": "payments"}],
        )
    (record,) = await read_records(api.settings.kafka_bootstrap, TRIAGE_FEEDBACK.name, 1)
    assert record.value is not None

    said = msgspec.json.decode(record.value, type=FeedbackEvent)
    assert len(record.value) < 10_000
    assert (said.labels, said.actor) == ({"team": "payments"}, "operator")
    assert features_of(said.ticket) == features_of(ticket)
    assert said.ticket.metadata == ticket.metadata


def features_of(ticket: TicketEvent) -> tuple[list[int], list[str]]:
    reading = read_ticket(ticket)
    return reading.slots.tolist(), reading.terms


async def test_a_submitted_ticket_lies_under_its_projects_key(api: Api) -> None:
    async with impatient(api) as served:
        told = await submit(served, ticketId="T-1", project=" shop ")
    place = decode_record_id(told["recordId"])
    (record,) = await read_records(
        api.settings.kafka_bootstrap, TICKETS_RAW.name, 1, partition=place.partition
    )
    assert record.value is not None

    assert record.key == b"shop"
    assert msgspec.json.decode(record.value)["ticket_id"] == "T-1"
