"""The embedded stack: real Kafka and real Postgres, their ends and their next starts."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from confluent_kafka import Producer
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic
from msgspec.structs import replace

from aiops.local.kafka import Kafka, start_kafka
from aiops.local.kafka_config import prepare_runtime
from aiops.local.postgres import Postgres, start_postgres
from aiops.local.prepare import prepare
from aiops.local.processes import is_locked
from aiops.local.stack import Stack, start_stack
from schemas.errors import ConfigError
from tests.servers import FAST_POSTGRES, local_options, scratch_directory

pytestmark = [pytest.mark.integration, pytest.mark.fault]

TOPIC = "kept"
# The owner of a stack; dies by kill -9 while both servers run.
OWNER = """
import os, signal, sys
from pathlib import Path
from aiops.local.stack import start_stack
from tests.servers import local_options
start_stack(Path(sys.argv[1]), local_options())
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with scratch_directory() as path:
        yield path


def produce(bootstrap: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    producer.send(TOPIC, value).get(timeout=60)
    producer.close()


def make_topic(bootstrap: str, *, replication: int = 1) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(TOPIC, 1, replication)], wait_for_metadata=True)
    admin.close()


def consume(bootstrap: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(
        TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id=None
    )
    values = [next(consumer).value for _ in range(count)]
    consumer.close()
    return values


async def insert_row(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
    await connection.execute("INSERT INTO kept VALUES (1)")
    await connection.close()


async def count_rows(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    count = await connection.fetchval("SELECT count(*) FROM kept")
    await connection.close()
    return int(count)


async def test_a_second_start_finds_the_data_and_the_addresses_again(data_dir: Path) -> None:
    with start_stack(data_dir, local_options()) as first:
        make_topic(first.kafka_bootstrap)
        produce(first.kafka_bootstrap, b"a line")
        await insert_row(first.postgres_dsn)
    with start_stack(data_dir, local_options()) as second:
        lines = consume(second.kafka_bootstrap, 1)
        rows = await count_rows(second.postgres_dsn)

    assert (lines, rows) == ([b"a line"], 1)
    assert second.kafka_bootstrap == first.kafka_bootstrap
    assert second.postgres_dsn == first.postgres_dsn


def test_a_killed_owner_leaves_nothing_that_blocks_the_next_start(data_dir: Path) -> None:
    owner = subprocess.run(
        [sys.executable, "-c", OWNER, str(data_dir)],
        cwd=Path(__file__).resolve().parents[4],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    with start_stack(data_dir, local_options()) as stack:
        is_running = [server_is_running(stack, name) for name in ("kafka", "postgres")]
    locks = list(data_dir.rglob("server.lock"))

    assert owner.returncode == -signal.SIGKILL, owner.stderr
    assert is_running == [True, True]
    assert len(locks) == 2
    assert not any(is_locked(lock) for lock in locks)


def server_is_running(stack: Stack, name: str) -> bool:
    if name == "kafka":
        return stack.kafka is not None and stack.kafka.nodes[0].process.is_running()
    return stack.postgres is not None and stack.postgres.process.is_running()


def test_servers_that_are_given_are_not_started(data_dir: Path) -> None:
    given = {"given_kafka": "kafka:9092", "given_postgres": "postgresql://db"}
    with start_stack(data_dir, replace(local_options(), **given)) as stack:
        addresses = (stack.kafka_bootstrap, stack.postgres_dsn)

    assert addresses == ("kafka:9092", "postgresql://db")
    assert (stack.kafka, stack.postgres) == (None, None)


@pytest.mark.parametrize("name", ["kafka_port", "postgres_port"])
def test_a_wanted_port_that_is_taken_is_named(name: str, data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"port {port} on 127\.0\.0\.1.*is in use"):
            start_stack(data_dir, replace(local_options(), **{name: port}))

    assert not any(is_locked(lock) for lock in data_dir.rglob("*.lock"))


def test_a_kept_port_that_was_taken_meanwhile_is_replaced(data_dir: Path) -> None:
    start = partial(start_postgres, data_dir / "postgres", local_options(), settings=FAST_POSTGRES)
    with start() as first:
        port = first.port
    with socket.create_server(("127.0.0.1", port)), start() as second:
        assert second.port != port


def test_records_survive_a_killed_broker(own_kafka: Kafka) -> None:
    make_topic(own_kafka.bootstrap)
    produce(own_kafka.bootstrap, b"before")
    own_kafka.kill()
    own_kafka.restart()
    produce(own_kafka.bootstrap, b"after")

    assert consume(own_kafka.bootstrap, 2) == [b"before", b"after"]


def test_what_a_killed_broker_unpacked_is_gone_after_its_next_start(data_dir: Path) -> None:
    with start_kafka(data_dir, local_options()) as kafka:
        make_topic(kafka.bootstrap)
        producer = Producer({"bootstrap.servers": kafka.bootstrap, "compression.type": "lz4"})
        producer.produce(TOPIC, b"a line that is said again and again " * 100)
        producer.flush()
        scratch = kafka.nodes[0].process.home / "tmp"
        unpacked = set(scratch.iterdir())
        kafka.kill()
    left = set(scratch.iterdir())

    with start_kafka(data_dir, local_options()):
        kept = set(scratch.iterdir())

    assert unpacked
    assert left == unpacked
    assert not kept & unpacked


def test_a_cluster_goes_on_without_one_of_its_brokers(own_kafka_cluster: Kafka) -> None:
    make_topic(own_kafka_cluster.bootstrap, replication=3)
    produce(own_kafka_cluster.bootstrap, b"on three")
    lost, *others = own_kafka_cluster.nodes
    lost.kill()
    produce(others[0].bootstrap, b"on two")
    lost.restart()

    assert consume(lost.bootstrap, 2) == [b"on three", b"on two"]


@pytest.mark.parametrize("end", [Postgres.kill, Postgres.stop_immediately, Postgres.stop])
async def test_committed_rows_survive_every_end_of_the_server(
    end: Callable[[Postgres], None], own_postgres: Postgres
) -> None:
    await insert_row(own_postgres.dsn)
    idle = await asyncpg.connect(own_postgres.dsn)
    end(own_postgres)
    own_postgres.restart()
    idle.terminate()

    assert await count_rows(own_postgres.dsn) == 1


async def test_the_bundled_postgres_serves_where_the_system_has_none(data_dir: Path) -> None:
    options = replace(local_options(), postgres_installs=Path("/nonexistent"))
    with start_postgres(data_dir / "postgres", options, settings=FAST_POSTGRES) as postgres:
        await insert_row(postgres.dsn)
        rows = await count_rows(postgres.dsn)

    assert rows == 1


def test_a_wrong_password_is_refused(own_postgres: Postgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(count_rows(own_postgres.dsn.replace("aiops:", "aiops:not", 1)))


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_a_prepared_broker_reads_its_classes_from_an_archive(data_dir: Path) -> None:
    options = local_options()
    prepare(options)
    with start_kafka(data_dir, options) as kafka:
        make_topic(kafka.bootstrap)
        arguments = Path(f"/proc/{kafka.nodes[0].process.pid}/cmdline").read_text().split("\0")
        mapped = Path(f"/proc/{kafka.nodes[0].process.pid}/maps").read_text()
    archive = prepare_runtime(options).archive

    assert any(argument.endswith(f"={archive}") for argument in arguments)
    assert str(archive) in mapped
