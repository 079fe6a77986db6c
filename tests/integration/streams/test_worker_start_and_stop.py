"""How a worker starts, refuses to start, and stops, on real servers."""

import asyncio
import json
import os
import signal
import time

import asyncpg
import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError

from aiops.local.kafka import Kafka
from aiops.local.ports import free_port
from aiops.local.postgres import Postgres
from schemas.db.migrate import migrate
from schemas.topics import SOURCE_TOPICS, dead_letter_topic
from streams.processes import STOP_TIMEOUT_S
from tests.integration.streams.conftest import MakeLogsTopic
from tests.ledger import (
    NO_DIFFERENCE,
    PATIENCE_S,
    POLL_S,
    difference,
    produce,
    read_topic,
    total,
    wait_until_stored,
)
from tests.workers import WorkerProcess, running_worker, worker_settings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

# The hard limit for a stop, and a loaded machine's time to notice.
STOP_LIMIT_S = STOP_TIMEOUT_S + 5


def lines(count: int, label: str = "request") -> list[bytes | None]:
    return [f"INFO {label} {number} served".encode() for number in range(count)]


async def wait_until_printed(
    worker: WorkerProcess, text: str, *, timeout_s: float = PATIENCE_S
) -> None:
    started = time.monotonic()
    while text not in worker.printed():
        assert worker.is_running(), worker.printed()
        assert time.monotonic() - started < PATIENCE_S
        await asyncio.sleep(POLL_S)


def refusal(settings: dict[str, str]) -> str:
    """Return the one line that a worker prints when it ends with status 2."""
    with running_worker("logs", settings=settings) as worker:
        status = worker.wait()
        printed = worker.printed().splitlines()
    assert status == 2
    assert len(printed) == 1, printed
    return printed[0]


def test_a_missing_topic_is_refused_with_the_command(
    kafka_server: str, database: str, topic_prefix: str
) -> None:
    topic = topic_prefix + "missing"

    line = refusal(worker_settings(kafka_server, database, topic))

    assert line == (f"aiops: topic {topic}, {topic}.dlq does not exist: run `aiops topics create`")


def test_a_missing_dead_letter_topic_is_refused_too(
    kafka_server: str, database: str, kafka_admin: KafkaAdminClient, topic_prefix: str
) -> None:
    """Else the first bad record would stop the stream."""
    topic = topic_prefix + "logs"
    kafka_admin.create_topics([NewTopic(topic, 1, 1)], wait_for_metadata=True)

    line = refusal(worker_settings(kafka_server, database, topic))

    assert line == f"aiops: topic {topic}.dlq does not exist: run `aiops topics create`"


def test_a_database_that_is_not_migrated_is_refused_with_the_command(
    kafka_server: str, empty_database: str
) -> None:
    line = refusal(worker_settings(kafka_server, empty_database, "any"))

    assert line.startswith("aiops: the database is not migrated (missing 0001_logs")
    assert line.endswith("run `aiops migrate`")


def test_an_unknown_database_is_refused(kafka_server: str, database: str) -> None:
    line = refusal(worker_settings(kafka_server, database + "_not", "any"))

    assert line == "aiops: AIOPS_POSTGRES_DSN: the database does not exist"


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        (
            "AIOPS_BATCH_RECORD",
            "100",
            "aiops: AIOPS_BATCH_RECORD: unknown setting; did you mean AIOPS_BATCH_RECORDS?",
        ),
        (
            "AIOPS_BATCH_RECORDS",
            "many",
            "aiops: AIOPS_BATCH_RECORDS: 'many' is not valid: Expected `int`, got `str`",
        ),
    ],
)
def test_a_wrong_setting_is_refused(name: str, value: str, line: str) -> None:
    settings = worker_settings("127.0.0.1:9", "postgresql://127.0.0.1:9/x", "any")

    assert refusal({**settings, name: value}) == line


async def test_a_truncated_log_is_recorded_and_the_stream_goes_on(
    kafka_server: str, database: str, kafka_admin: KafkaAdminClient, make_logs_topic: MakeLogsTopic
) -> None:
    topic = make_logs_topic()
    settings = worker_settings(kafka_server, database, topic)
    with running_worker("logs", settings=settings) as worker:
        produce(kafka_server, topic, lines(100))
        await wait_until_stored(database, topic, read_topic(kafka_server, topic, 1))
        worker.kill()
        produce(kafka_server, topic, lines(100, "later"))
        kafka_admin.delete_records({TopicPartition(topic, 0): 150})
        truth = read_topic(kafka_server, topic, 1)
        worker.start()
        await wait_until_stored(database, topic, truth)

    assert sorted(truth) == [(0, offset) for offset in range(150, 200)]
    connection = await asyncpg.connect(database)
    gaps = await connection.fetch("SELECT from_offset, to_offset, reason FROM offset_gaps")
    await connection.close()
    assert [tuple(gap) for gap in gaps] == [(100, 150, "retention")]
    assert await total(database, "SELECT sum(events) FROM log_blocks") == 150
    assert (await difference(database, topic, truth)).lost == []


async def test_retention_that_overtakes_a_running_worker_costs_one_restart(
    kafka_server: str, database: str, kafka_admin: KafkaAdminClient, make_logs_topic: MakeLogsTopic
) -> None:
    """The worker ends with a status that its supervisor answers with a restart."""
    topic = make_logs_topic()
    settings = worker_settings(kafka_server, database, topic)
    with running_worker("logs", settings=settings) as worker:
        produce(kafka_server, topic, lines(10))
        await wait_until_stored(database, topic, read_topic(kafka_server, topic, 1))
        # Records of one fetch each, so that the worker is behind when they are deleted.
        connection = await asyncpg.connect(database)
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("SELECT * FROM stream_offsets FOR UPDATE")
        for part in range(40):
            produce(kafka_server, topic, [b"INFO " + bytes([65 + part]) * 200_000])
        kafka_admin.delete_records({TopicPartition(topic, 0): 49})
        await transaction.rollback()
        await connection.close()
        status = worker.wait()
        worker.start()
        truth = read_topic(kafka_server, topic, 1)
        await wait_until_stored(database, topic, truth)

    assert status == 3
    assert await total(database, "SELECT sum(to_offset - from_offset) FROM offset_gaps") > 0
    assert (await difference(database, topic, truth)).lost == []


async def test_a_topic_made_anew_is_refused_and_never_read(
    kafka_server: str, database: str, kafka_admin: KafkaAdminClient, make_logs_topic: MakeLogsTopic
) -> None:
    topic = make_logs_topic()
    settings = worker_settings(kafka_server, database, topic)
    with running_worker("logs", settings=settings) as worker:
        produce(kafka_server, topic, lines(100))
        await wait_until_stored(database, topic, read_topic(kafka_server, topic, 1))
        worker.kill()
        kafka_admin.delete_topics([topic])
        await create_anew(kafka_admin, topic)
        # More than before: the offsets alone would not tell.
        produce(kafka_server, topic, lines(200, "other"))
        worker.start()
        status = worker.wait()
        printed = worker.printed()

    assert status == 2
    assert printed.splitlines()[-1].startswith(f"aiops: topic {topic} was deleted and made anew")
    assert f"run `aiops topics forget {topic}`" in printed
    assert await total(database, "SELECT sum(events) FROM log_blocks") == 100


async def create_anew(admin: KafkaAdminClient, topic: str) -> None:
    """Create a topic that is being deleted, as soon as the broker lets us."""

    while True:
        try:
            admin.create_topics([NewTopic(topic, 1, 1)], wait_for_metadata=True)
        except TopicAlreadyExistsError:
            await asyncio.sleep(POLL_S)
        else:
            return


async def test_sigterm_while_waiting_for_the_broker_ends_the_worker(database: str) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    with running_worker("logs", settings=worker_settings(nowhere, database, "any")) as worker:
        await wait_until_printed(worker, "attempt_failed")
        worker.terminate()

        assert worker.wait(STOP_LIMIT_S) == 0


async def test_sigterm_while_waiting_for_postgres_ends_the_worker() -> None:
    nowhere = f"postgresql://127.0.0.1:{free_port()}/x"
    with running_worker("logs", settings=worker_settings("127.0.0.1:9", nowhere, "any")) as worker:
        await wait_until_printed(worker, "attempt_failed")
        worker.terminate()

        assert worker.wait(STOP_LIMIT_S) == 0


async def test_sigterm_during_the_start_ends_the_worker(
    kafka_server: str, database: str, make_logs_topic: MakeLogsTopic
) -> None:
    topic = make_logs_topic()
    produce(kafka_server, topic, lines(10))
    connections = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'aiops-worker-logs' "
        "AND datname = current_database()"
    )
    with running_worker("logs", settings=worker_settings(kafka_server, database, topic)) as worker:
        while not await total(database, connections):
            assert worker.is_running()
            await asyncio.sleep(POLL_S)
        worker.terminate()

        assert worker.wait(STOP_LIMIT_S) == 0
        assert "Traceback" not in worker.printed()


async def test_sigterm_stops_a_worker_in_order(
    kafka_server: str, database: str, make_logs_topic: MakeLogsTopic
) -> None:
    topic = make_logs_topic()
    produce(kafka_server, topic, lines(100))
    truth = read_topic(kafka_server, topic, 1)
    with running_worker("logs", settings=worker_settings(kafka_server, database, topic)) as worker:
        await wait_until_stored(database, topic, truth)
        worker.terminate()

        assert worker.wait(STOP_LIMIT_S) == 0
        assert "Traceback" not in worker.printed()
    assert await difference(database, topic, truth) == NO_DIFFERENCE


async def test_sigterm_with_the_broker_away_ends_the_worker(
    own_kafka: Kafka, database: str
) -> None:
    create_topics(own_kafka.bootstrap, "logs")
    produce(own_kafka.bootstrap, "logs", lines(10))
    truth = read_topic(own_kafka.bootstrap, "logs", 1)
    with running_worker(
        "logs", settings=worker_settings(own_kafka.bootstrap, database, "logs")
    ) as worker:
        await wait_until_stored(database, "logs", truth)
        own_kafka.kill()
        worker.terminate()

        assert worker.wait(STOP_LIMIT_S) == 0


def create_topics(bootstrap: str, *names: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    both = [*names, *map(dead_letter_topic, names)]
    admin.create_topics([NewTopic(name, 1, 1) for name in both], wait_for_metadata=True)
    admin.close()


async def test_a_worker_that_starts_before_its_servers_waits_and_works(
    own_kafka: Kafka, own_postgres: Postgres
) -> None:
    create_topics(own_kafka.bootstrap, "logs")
    await migrate(own_postgres.dsn)
    produce(own_kafka.bootstrap, "logs", lines(50))
    truth = read_topic(own_kafka.bootstrap, "logs", 1)
    own_kafka.stop()
    own_postgres.stop()
    with running_worker(
        "logs", settings=worker_settings(own_kafka.bootstrap, own_postgres.dsn, "logs")
    ) as worker:
        await wait_until_printed(worker, '"operation":"open_pool"')
        own_postgres.start()
        await wait_until_printed(worker, '"operation":"check_topics"')
        own_kafka.start()
        await wait_until_stored(own_postgres.dsn, "logs", truth)
        assert worker.is_running()

    assert await difference(own_postgres.dsn, "logs", truth) == NO_DIFFERENCE


async def test_the_supervisor_starts_killed_children_again_and_ends_with_a_fatal_one(
    own_kafka: Kafka, database: str
) -> None:
    create_topics(own_kafka.bootstrap, *(spec.name for spec in SOURCE_TOPICS))
    settings = worker_settings(own_kafka.bootstrap, database, "logs.raw")
    with running_worker("all", settings=settings) as supervisor:
        produce(own_kafka.bootstrap, "logs.raw", lines(10))
        await wait_until_stored(
            database, "logs.raw", read_topic(own_kafka.bootstrap, "logs.raw", 1)
        )
        kill_child(supervisor, "logs-0")
        produce(own_kafka.bootstrap, "logs.raw", lines(10))
        truth = read_topic(own_kafka.bootstrap, "logs.raw", 1)
        await wait_until_stored(database, "logs.raw", truth)
        produce(own_kafka.bootstrap, "logs.raw", [b"\x07\x80\x81\xff\x00" * 20] * 3_000)
        status = supervisor.wait()
        printed = supervisor.printed()

    assert status == 1
    assert printed.splitlines()[-1] == "aiops: worker logs-0 ended with status 1"
    assert len(truth) == 20


def kill_child(supervisor: WorkerProcess, name: str) -> None:

    for line in supervisor.printed().splitlines():
        if '"child_started"' in line and f'"{name}"' in line:
            os.kill(json.loads(line)["pid"], signal.SIGKILL)
            return
    raise AssertionError(f"no child {name}")
