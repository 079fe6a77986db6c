"""The contracts on the fakes, and on the real servers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from random import Random
from typing import cast
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from schemas.db.pool import Pool, open_pool
from tests.conftest import MakeTopic, execute
from tests.faults.proxy import TcpProxy, proxied_dsn
from tests.simulation.contracts import KafkaContract, KafkaStage, PostgresContract, PostgresStage
from tests.simulation.kafka import FakeConsumer, FakeKafka, FakeProducer
from tests.simulation.network import Fate, Network
from tests.simulation.numbers import CREATE_TABLES
from tests.simulation.postgres import FakePool, FakePostgres

CLIENT = UUID(int=1)
IDLE_S = 1
END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class FakePostgresStage:
    """A fake server."""

    def __init__(self) -> None:
        self.idle_s = float(IDLE_S)
        self._server = FakePostgres(idle_s=self.idle_s)
        self._network = Network(Random(1))
        self.pool = self._pool(self._network)

    def _pool(self, network: Network) -> Pool:
        return cast("Pool", FakePool(self._server, network, Random(1), CLIENT))

    async def other_pool(self) -> Pool:
        """Return the pool of another client."""
        return self._pool(Network(Random(2)))

    async def end_sessions(self) -> None:
        """End all sessions."""
        self._server.end_sessions()

    def lose_next(self, fate: Fate) -> None:
        """Lose the next request, or the answer to it."""
        self._network.lose_next(fate)


class RealPostgresStage:
    """A real server, the first client behind a proxy."""

    def __init__(self, dsn: str, proxy: TcpProxy, pools: AsyncExitStack) -> None:
        self.idle_s = float(IDLE_S)
        self._dsn = dsn
        self._proxy = proxy
        self._pools = pools

    async def open(self, proxied: str) -> None:
        """Make the tables and open the first client's pool."""
        await execute(self._dsn, CREATE_TABLES)
        self.pool = await self._open(proxied)

    async def other_pool(self) -> Pool:
        """Return the pool of another client."""
        return await self._open(self._dsn)

    async def _open(self, dsn: str) -> Pool:
        pool = await open_pool(
            dsn, application_name="contract", max_size=2, idle_in_transaction_s=IDLE_S
        )
        self._pools.callback(pool.terminate)
        return pool

    async def end_sessions(self) -> None:
        """End all sessions but ours."""
        await execute(self._dsn, END_OTHERS)

    def lose_next(self, fate: Fate) -> None:
        """Lose the next request, or the answer to it."""
        if fate is Fate.REQUEST_LOST:
            self._proxy.cut_at_next_request()
        else:
            self._proxy.cut_at_next_answer()


@pytest.fixture
def fake_pool() -> Pool:
    """The pool of a fake server of its own, to compare with."""
    return FakePostgresStage().pool


class TestFakePostgres(PostgresContract):
    @pytest.fixture
    def stage(self) -> PostgresStage:
        return FakePostgresStage()


@pytest.mark.integration
class TestRealPostgres(PostgresContract):
    @pytest.fixture
    async def stage(self, database: str) -> AsyncIterator[PostgresStage]:
        with proxied_dsn(database) as (proxy, dsn):
            async with AsyncExitStack() as pools:
                stage = RealPostgresStage(database, proxy, pools)
                await stage.open(dsn)
                yield stage


class FakeKafkaStage:
    """A fake broker."""

    topic = "numbers"

    def __init__(self) -> None:
        self._kafka = FakeKafka()
        self.consumer = FakeConsumer(self._kafka, Network(Random(1)))
        self.producer = FakeProducer(self._kafka, Network(Random(1)))

    async def append(self, *values: bytes, partition: int = 0) -> None:
        """Add records."""
        for value in values:
            self._kafka.append(self.topic, value, partition=partition)

    async def append_in_transaction(self, value: bytes) -> None:
        """Add a record and the end of its transaction."""
        self._kafka.append(self.topic, value)
        self._kafka.append_marker(self.topic)

    async def delete_before(self, offset: int) -> None:
        """Have partition 0 begin there."""
        self._kafka.delete_before(TopicPartition(self.topic, 0), offset)


class RealKafkaStage:
    """A topic of a real broker."""

    def __init__(self, bootstrap: str, topic: str, admin: KafkaAdminClient) -> None:
        self.topic = topic
        self._bootstrap = bootstrap
        self._admin = admin

    async def open(self, clients: AsyncExitStack) -> None:
        """Start the clients, with the streams' own options."""
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
        )
        self.producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all")
        self._transactional = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, transactional_id=self.topic
        )
        for client in (self.consumer, self.producer, self._transactional):
            await client.start()
            clients.push_async_callback(client.stop)

    async def append(self, *values: bytes, partition: int = 0) -> None:
        """Add records."""
        for value in values:
            await self.producer.send_and_wait(self.topic, value=value, partition=partition)

    async def append_in_transaction(self, value: bytes) -> None:
        """Add a record and the end of its transaction."""
        async with self._transactional.transaction():
            await self._transactional.send_and_wait(self.topic, value=value, partition=0)

    async def delete_before(self, offset: int) -> None:
        """Have partition 0 begin there."""
        place = TopicPartition(self.topic, 0)
        await asyncio.to_thread(self._admin.delete_records, {place: offset})


class TestFakeKafka(KafkaContract):
    @pytest.fixture
    def kafka_stage(self) -> KafkaStage:
        return FakeKafkaStage()


@pytest.mark.integration
class TestRealKafka(KafkaContract):
    @pytest.fixture
    async def kafka_stage(
        self, kafka_server: str, make_topic: MakeTopic, kafka_admin: KafkaAdminClient
    ) -> AsyncIterator[KafkaStage]:
        topic = make_topic("numbers", partitions=2)
        async with AsyncExitStack() as clients:
            stage = RealKafkaStage(kafka_server, topic, kafka_admin)
            await stage.open(clients)
            yield stage
