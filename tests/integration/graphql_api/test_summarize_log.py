"""`summarizeLog` through a real broker; a small writer stands for the worker."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import msgspec
import pytest
from aiohttp.test_utils import TestClient
from aiokafka import AIOKafkaConsumer, TopicPartition

from graphql_api.app import SERVICES, create_app
from schemas.chunks import StoredLine
from schemas.db.pool import Connection
from schemas.ids import RecordId
from schemas.settings import Settings
from schemas.topics import LOGS_SUBMITTED
from tests.integration.graphql_api.conftest import Api, ApiServer, create_users
from tests.integration.graphql_api.seeding import make_line, seed_lines

if TYPE_CHECKING:
    from kafka.admin import KafkaAdminClient

pytestmark = pytest.mark.integration

SEED_MUTATION = (
    'mutation { summarizeLog(raw: "Server crashed at 2am with out-of-memory error.")'
    " { id summary } }"
)
SUBMIT = "mutation($raw: String!) { summarizeLog(raw: $raw) { id summary status offset } }"
PLACE = TopicPartition(LOGS_SUBMITTED.name, 0)


@pytest.fixture
def submitted_topic(kafka_admin: "KafkaAdminClient") -> str:
    """The topic of submitted lines, made at its first use."""
    from kafka.admin import NewTopic
    from kafka.errors import TopicAlreadyExistsError

    with contextlib.suppress(TopicAlreadyExistsError):
        kafka_admin.create_topics([NewTopic(LOGS_SUBMITTED.name, 1, 1)], wait_for_metadata=True)
    return LOGS_SUBMITTED.name


@pytest.fixture
def api_settings(database: str, kafka_server: str, submitted_topic: str) -> Settings:
    return Settings(
        postgres_dsn=database,
        kafka_bootstrap=kafka_server,
        submit_timeout_s=20.0,
    )


@asynccontextmanager
async def consumer_at_end(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """Read the topic from where it ends now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap)
    await consumer.start()
    try:
        consumer.assign([PLACE])
        await consumer.seek_to_end(PLACE)
        await consumer.position(PLACE)
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def writer(settings: Settings, *, notify: bool = True) -> AsyncIterator[None]:
    """Store each record that arrives, as a worker does."""
    connection = await asyncpg.connect(settings.postgres_dsn)
    async with consumer_at_end(settings) as consumer:
        first = await consumer.position(PLACE)

        async def write() -> None:
            lines: list[StoredLine] = []
            async for record in consumer:
                lines.append(make_line(record.offset, body=record.value.decode()))
                await seed_lines(connection, lines, topic=LOGS_SUBMITTED.name, notify=notify)

        assert first >= 0
        task = asyncio.create_task(write())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await connection.close()


async def test_the_seed_mutation_runs_verbatim(api: Api) -> None:
    async with writer(api.settings):
        data = await api.ask(SEED_MUTATION, role="operator")

    summary = data["summarizeLog"]["summary"]
    assert summary.endswith("Server crashed at 2am with out-of-memory error.")


async def test_a_lost_notification_only_delays_the_answer(api: Api) -> None:
    async with writer(api.settings, notify=False):
        data = await api.ask(SUBMIT, role="operator", raw="disk full")

    assert data["summarizeLog"]["status"] == "DONE"


async def test_without_a_worker_the_answer_is_pending_and_comes_later(
    api: Api, connection: Connection
) -> None:
    settings = msgspec.structs.replace(api.settings, submit_timeout_s=2.0)
    async with TestClient(ApiServer(create_app(settings))) as client:
        impatient = Api(client, settings, {})
        impatient.tokens["operator"] = (await impatient.login("operator"))["accessToken"]
        entry = (await impatient.ask(SUBMIT, role="operator", raw="disk full"))["summarizeLog"]
    line = make_line(entry["offset"], body="disk full")
    await seed_lines(connection, [line], topic=LOGS_SUBMITTED.name)
    later = await api.ask("query($id: ID!) { logEntry(id: $id) { status body } }", id=entry["id"])

    assert (entry["status"], entry["summary"]) == ("PENDING", None)
    assert later["logEntry"] == {"status": "DONE", "body": "disk full"}


async def test_one_idempotency_key_gives_one_record(api: Api) -> None:
    async with consumer_at_end(api.settings) as reader, writer(api.settings):
        start = await reader.position(PLACE)
        headers = {"Idempotency-Key": "retry-1"}

        async def submit(raw: str) -> object:
            answer = await api.post(
                SUBMIT, role="operator", variables={"raw": raw}, headers=headers
            )
            return await answer.json()

        answers = await asyncio.gather(*(submit("disk full") for _ in range(5)))
        other = await submit("another line")
        end = (await reader.end_offsets([PLACE]))[PLACE]

    ids = {answer["data"]["summarizeLog"]["id"] for answer in answers}  # type: ignore[index]
    assert len(ids) == 1
    assert end - start == 1
    assert other["errors"][0]["extensions"]["code"] == "CONFLICT"  # type: ignore[index]


async def test_two_mutations_of_one_document_share_a_key_without_harm(api: Api) -> None:
    async with writer(api.settings):
        answer = await api.post(
            'mutation { a: summarizeLog(raw: "one") { id } b: summarizeLog(raw: "two") { id } }',
            role="operator",
            headers={"Idempotency-Key": "pair"},
        )
        data = (await answer.json())["data"]

    assert data["a"]["id"] != data["b"]["id"]


async def test_a_hundred_waiters_are_all_answered(api: Api) -> None:
    app = api.client.app
    assert app is not None
    listener = app[SERVICES].listener
    async with writer(api.settings):
        await asyncio.gather(
            *(api.ask(SUBMIT, role="operator", raw=f"line {number}") for number in range(100))
        )

    assert listener.waiting == 0


@pytest.fixture
async def away_api(database: str) -> AsyncIterator[Api]:
    """An application whose broker is away."""
    settings = Settings(postgres_dsn=database, kafka_bootstrap="127.0.0.1:9", submit_timeout_s=1.0)
    await create_users(database)
    async with TestClient(ApiServer(create_app(settings))) as client:
        served = Api(client, settings, {})
        served.tokens["operator"] = (await served.login("operator"))["accessToken"]
        yield served


async def test_a_broker_away_is_a_coded_error_in_time(away_api: Api) -> None:
    started = time.monotonic()

    code = await away_api.refusal(SUBMIT, role="operator", raw="disk full")

    assert code == "BROKER_UNAVAILABLE"
    assert time.monotonic() - started < 10


async def test_bad_lines_are_refused(away_api: Api) -> None:
    for raw in ("", "  \n", "x" * 300_000, "bell \a", "nul \0"):
        code = await away_api.refusal(SUBMIT, role="operator", raw=raw)

        assert code == "BAD_USER_INPUT", raw[:10]


async def test_the_waiters_are_bounded(database: str) -> None:
    settings = Settings(postgres_dsn=database, kafka_bootstrap="127.0.0.1:9", api_max_waiters=1)
    async with TestClient(ApiServer(create_app(settings))) as client:
        assert client.app is not None
        listener = client.app[SERVICES].listener

        first = asyncio.create_task(listener.wait_until_passed(RecordId("t", 0, 0), 30))
        await asyncio.sleep(0)
        second = await listener.wait_until_passed(RecordId("t", 0, 0), 30)
        first.cancel()

        assert second is False
