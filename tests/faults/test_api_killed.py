"""The API killed with mutations in flight: what it acknowledged is on the topic, once."""

import asyncio
import random
from collections import Counter
from contextlib import suppress

import aiohttp
import pytest

from aiops.local.kafka import Kafka
from aiops.local.ports import LOOPBACK, free_port
from aiops.topics import create_topics
from schemas.ids import RecordId, decode_record_id
from schemas.topics import LOGS_SUBMITTED
from tests.integration.graphql_api.conftest import LOGIN, PASSWORD, create_users
from tests.ledger import PATIENCE_S, POLL_S, read_topic
from tests.workers import AiopsProcess, running

pytestmark = [pytest.mark.integration, pytest.mark.fault, pytest.mark.timeout(1_200)]

SUBMIT = "mutation($text: String!) { summarizeLog(raw: $text) { id } }"
CLIENTS = 8
# Nobody summarises here: the answer is PENDING after so long.
SUBMIT_TIMEOUT_S = "0.3"
ANSWER_TIMEOUT_S = 20.0
# What happens between two kills.
ACKNOWLEDGED = 40


class RefusedError(Exception):
    """An answer with errors: the record may have been written or not, as if there were none."""


class Submitters:
    """Clients that each submit one text after the other, and never the same one again."""

    def __init__(self, url: str) -> None:
        self.acknowledged: dict[str, RecordId] = {}
        self.unanswered: set[str] = set()
        self.is_stopped = False
        self._answered = asyncio.Event()
        self._url = url
        self._sent = 0

    async def run(self) -> None:
        """Submit until told to stop; log in anew whenever the API has gone away."""
        while not self.is_stopped:
            with suppress(aiohttp.ClientError, OSError, TimeoutError, RefusedError):
                async with aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(ANSWER_TIMEOUT_S)
                ) as session:
                    await self._submit_many(session)
            await asyncio.sleep(POLL_S)

    async def _submit_many(self, session: aiohttp.ClientSession) -> None:
        login = {"u": "operator", "p": PASSWORD}
        token = (await self._ask(session, LOGIN, login, ""))["login"]["accessToken"]
        while not self.is_stopped:
            self._sent += 1
            text = f"INFO submission {self._sent}"
            self.unanswered.add(text)
            answer = await self._ask(session, SUBMIT, {"text": text}, f"Bearer {token}")
            self.unanswered.discard(text)
            self.acknowledged[text] = decode_record_id(answer["summarizeLog"]["id"])
            self._answered.set()

    async def _ask(
        self,
        session: aiohttp.ClientSession,
        query: str,
        variables: dict[str, str],
        authorization: str,
    ) -> dict[str, dict[str, str]]:
        headers = {"Authorization": authorization} if authorization else {}
        body = {"query": query, "variables": variables}
        async with session.post(self._url, json=body, headers=headers) as answer:
            given = await answer.json()
        if "errors" in given:
            raise RefusedError(given["errors"])
        data: dict[str, dict[str, str]] = given["data"]
        return data

    async def wait_for(self, count: int) -> None:
        """Return when so many are acknowledged."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.acknowledged) < count:
                self._answered.clear()
                await self._answered.wait()


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.soak)])
async def test_an_acknowledged_mutation_is_on_the_topic_once(
    own_kafka: Kafka, database: str, kills: int
) -> None:
    create_topics(own_kafka.bootstrap, log_topics=[], replication=1, partitions={})
    await create_users(database)
    port, chooser = free_port(), random.Random(41)
    settings = {
        "AIOPS_KAFKA_BOOTSTRAP": own_kafka.bootstrap,
        "AIOPS_POSTGRES_DSN": database,
        "AIOPS_API_PORT": str(port),
        "AIOPS_SUBMIT_TIMEOUT_S": SUBMIT_TIMEOUT_S,
    }
    submitters = Submitters(f"http://{LOOPBACK}:{port}/graphql")
    with running(AiopsProcess("api", settings=settings)) as api:
        clients = [asyncio.create_task(submitters.run()) for _ in range(CLIENTS)]
        for number in range(kills):
            await submitters.wait_for((number + 1) * ACKNOWLEDGED)
            await asyncio.sleep(chooser.uniform(0, 0.3))
            api.kill()
            api.start()
        await submitters.wait_for((kills + 1) * ACKNOWLEDGED)
        submitters.is_stopped = True
        await asyncio.gather(*clients)

    truth = read_topic(own_kafka.bootstrap, LOGS_SUBMITTED.name, LOGS_SUBMITTED.partitions)
    texts = {place: (value or b"").decode() for place, value in truth.items()}
    assert submitters.unanswered
    assert all(count == 1 for count in Counter(texts.values()).values())
    assert {
        (record.partition, record.offset): text for text, record in submitters.acknowledged.items()
    }.items() <= texts.items()
    assert set(texts.values()) <= submitters.acknowledged.keys() | submitters.unanswered
