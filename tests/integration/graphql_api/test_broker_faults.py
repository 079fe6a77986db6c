"""A broker killed under running mutations: coded errors in time, and all works again later."""

import asyncio
import time
from collections import Counter
from itertools import count

import pytest
from aiohttp.test_utils import TestClient

from aiops.local.kafka import Kafka
from aiops.topics import create_topics
from graphql_api.app import create_app
from schemas.ids import RecordId, decode_record_id
from schemas.settings import Settings
from schemas.topics import LOGS_SUBMITTED
from tests.integration.graphql_api.conftest import Api, ApiServer, create_users
from tests.integration.graphql_api.sockets import until
from tests.topic_reading import read_records

pytestmark = [pytest.mark.integration, pytest.mark.fault, pytest.mark.timeout(600)]

SUBMIT = "mutation($text: String!) { summarizeLog(raw: $text) { id status } }"
RECORD = """
mutation($text: String!) { recordCommits(repo: "acme/rocket",
  commits: [{sha: "0123456789abcdef", message: $text}]) { id status } }
"""
CLIENTS = 6
SUBMIT_TIMEOUT_S = 2.0
# The broker's acknowledgement and the stream may each take the timeout; the rest is this machine.
MAX_ANSWER_S = 2 * SUBMIT_TIMEOUT_S + 10


class Load:
    """Clients that submit one text after the other and note what became of each."""

    def __init__(self, api: Api) -> None:
        self.acknowledged: dict[str, RecordId] = {}
        self.codes: Counter[str] = Counter()
        self.slowest_s = 0.0
        self.is_stopped = False
        self._api = api
        self._numbers = count()

    async def run(self, document: str) -> None:
        name = "summarizeLog" if document is SUBMIT else "recordCommits"
        while not self.is_stopped:
            text = f"fix: attempt {next(self._numbers)}"
            started = time.monotonic()
            answer = await self._api.post(document, role="operator", variables={"text": text})
            body = await answer.json()
            self.slowest_s = max(self.slowest_s, time.monotonic() - started)
            assert answer.status == 200
            if "errors" in body:
                self.codes[body["errors"][0]["extensions"]["code"]] += 1
                continue
            assert body["data"][name]["status"] == "PENDING"
            self.acknowledged[text] = decode_record_id(body["data"][name]["id"])


async def test_mutations_outlive_a_killed_broker(database: str, own_kafka: Kafka) -> None:
    create_topics(own_kafka.bootstrap, log_topics=[], replication=1, partitions={})
    settings = Settings(
        postgres_dsn=database,
        kafka_bootstrap=own_kafka.bootstrap,
        submit_timeout_s=SUBMIT_TIMEOUT_S,
    )
    await create_users(database)
    async with TestClient(ApiServer(create_app(settings))) as client:
        api = Api(client, settings, {})
        api.tokens["operator"] = (await api.login("operator"))["accessToken"]
        load = Load(api)
        clients = [
            asyncio.create_task(load.run(SUBMIT if number % 2 else RECORD))
            for number in range(CLIENTS)
        ]
        await until(lambda: len(load.acknowledged) >= CLIENTS)
        await asyncio.to_thread(own_kafka.kill)
        await until(lambda: load.codes["BROKER_UNAVAILABLE"] >= CLIENTS)
        assert (await client.get("/readyz")).status == 503
        await asyncio.to_thread(own_kafka.start)
        before = len(load.acknowledged)
        await until(lambda: len(load.acknowledged) >= before + 2 * CLIENTS)
        load.is_stopped = True
        await asyncio.gather(*clients)
        assert (await client.get("/readyz")).status == 200

    assert set(load.codes) == {"BROKER_UNAVAILABLE"}
    assert load.slowest_s < MAX_ANSWER_S
    assert await found_on_the_topic(own_kafka.bootstrap, load.acknowledged)


async def found_on_the_topic(bootstrap: str, acknowledged: dict[str, RecordId]) -> bool:
    """Tell whether every acknowledged line lies where its id says."""
    wanted = {
        (place.partition, place.offset): text
        for text, place in acknowledged.items()
        if place.topic == LOGS_SUBMITTED.name
    }
    assert wanted
    found = {}
    for partition in {partition for partition, _ in wanted}:
        records = 1 + max(offset for one, offset in wanted if one == partition)
        for record in await read_records(
            bootstrap, LOGS_SUBMITTED.name, records, partition=partition
        ):
            found[(partition, record.offset)] = (record.value or b"").decode()
    return wanted.items() <= found.items()
