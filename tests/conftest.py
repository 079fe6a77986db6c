"""Fixtures: one broker and one database server a session, fresh topics and databases a test."""

import asyncio
import gc
import os
import secrets
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, NoReturn, TypeVar
from urllib.parse import urlsplit

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from aiops.local.kafka import Kafka
from aiops.local.postgres import Postgres
from schemas.db.migrate import migrate
from tests.servers import (
    NOT_TO_BE_HAD,
    NoServerError,
    embedded_kafka,
    embedded_postgres,
    kafka_address,
    postgres_address,
    roomy_memory,
)

if TYPE_CHECKING:
    from kafka.admin import KafkaAdminClient

MakeTopic = Callable[..., str]
Server = TypeVar("Server")


# No test asserts a time: the machine may have other work. (On top of what CI's profile sets.)
settings.register_profile(
    "untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among modules and tests, now or later: all of them stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def skip_or_fail(reason: str) -> NoReturn:
    """Skip on a laptop; in CI a test that could not run is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def unique_name(prefix: str) -> str:
    """Return a name that no other test of any session uses."""
    return f"{prefix}{secrets.token_hex(6)}"


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[str]:
    """The bootstrap address of the session's broker."""
    with ExitStack() as resources:
        try:
            address = kafka_address(resources)
        except NoServerError as exc:
            skip_or_fail(str(exc))
        yield address


@pytest.fixture(scope="session")
def kafka_admin(kafka_server: str) -> Iterator["KafkaAdminClient"]:
    """An admin client of the session's broker."""
    # Half a second of import that the unit tests do not need.
    from kafka.admin import KafkaAdminClient

    client = KafkaAdminClient(bootstrap_servers=kafka_server)
    yield client
    client.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The DSN of the session's database server; tests take `database` or `empty_database`."""
    with ExitStack() as resources:
        try:
            dsn = postgres_address(resources)
        except NoServerError as exc:
            skip_or_fail(str(exc))
        yield dsn


@pytest.fixture(scope="session")
def migrated_template(postgres_server: str) -> Iterator[str]:
    """The name of a migrated database that the tests' databases are copies of."""
    name = unique_name("template_")
    asyncio.run(execute(postgres_server, f'CREATE DATABASE "{name}"'))
    asyncio.run(migrate(with_database(postgres_server, name)))
    yield name
    asyncio.run(execute(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
async def database(postgres_server: str, migrated_template: str) -> AsyncIterator[str]:
    """The DSN of a fresh, migrated database, dropped after the test."""
    name = unique_name("test_")
    await execute(postgres_server, f'CREATE DATABASE "{name}" TEMPLATE "{migrated_template}"')
    yield with_database(postgres_server, name)
    await execute(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def empty_database(postgres_server: str) -> AsyncIterator[str]:
    """The DSN of a fresh database without any table."""
    name = unique_name("test_")
    await execute(postgres_server, f'CREATE DATABASE "{name}"')
    yield with_database(postgres_server, name)
    await execute(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def topic_prefix() -> str:
    """A prefix for the names of one test's topics and groups."""
    return unique_name("t") + "."


@pytest.fixture
def make_topic(kafka_admin: "KafkaAdminClient", topic_prefix: str) -> Iterator[MakeTopic]:
    """Make topics: `make_topic("logs.raw", partitions=4, config={...})` returns the full name.

    They are deleted after the test.
    """
    from kafka.admin import NewTopic

    made: list[str] = []

    def make(name: str, *, partitions: int = 1, config: dict[str, str] | None = None) -> str:
        full_name = topic_prefix + name
        topic = NewTopic(full_name, partitions, 1, topic_configs=config or {})
        kafka_admin.create_topics([topic], wait_for_metadata=True)
        made.append(full_name)
        return full_name

    yield make
    if made:
        kafka_admin.delete_topics(made)


@pytest.fixture
def own_kafka() -> Iterator[Kafka]:
    """A broker that this test may stop, kill and restart."""
    with ExitStack() as resources:
        yield enter_or_skip(resources, embedded_kafka())


@pytest.fixture
def own_kafka_cluster() -> Iterator[Kafka]:
    """Three brokers, replication 3: `nodes[i]` may be killed and started on its own."""
    with ExitStack() as resources:
        yield enter_or_skip(resources, embedded_kafka(nodes=3))


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A database server that this test may stop, kill and restart; not migrated."""
    with ExitStack() as resources:
        yield enter_or_skip(resources, embedded_postgres(under=roomy_memory()))


def enter_or_skip(resources: ExitStack, server: AbstractContextManager[Server]) -> Server:
    """Start an embedded server, or say why this machine has none."""
    try:
        return resources.enter_context(server)
    except NOT_TO_BE_HAD as exc:
        skip_or_fail(str(exc))


async def execute(dsn: str, statement: str) -> None:
    """Run one statement on a connection of its own."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def with_database(dsn: str, database: str) -> str:
    """Return the address of another database of the same server."""
    return urlsplit(dsn)._replace(path=f"/{database}").geturl()
