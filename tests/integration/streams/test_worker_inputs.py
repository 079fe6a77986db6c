"""What a worker makes of records on a real broker."""

import random
from base64 import b64decode
from contextlib import ExitStack
from hashlib import sha256
from typing import Any

import asyncpg
import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from schemas.topics import dead_letter_topic
from tests.integration.streams.conftest import LARGE, MakeLogsTopic
from tests.ledger import (
    NO_DIFFERENCE,
    PATIENCE_S,
    difference,
    produce,
    read_topic,
    stored_lines,
    total,
    wait_until_stored,
)
from tests.servers import embedded_kafka
from tests.workers import running_worker, worker_settings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

BINARY = b"\x07\x80\x81\xff\x00" * 20
FIVE_MB = b"ERROR " + b"x" * 5_000_000


def lines(count: int, label: str = "request") -> list[bytes | None]:
    return [f"INFO {label} {number} served".encode() for number in range(count)]


async def test_all_four_codecs_and_none_are_read(
    kafka_server: str, database: str, make_logs_topic: MakeLogsTopic
) -> None:
    topic = make_logs_topic()
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        produce(kafka_server, topic, lines(300, codec), config={"compression.type": codec})
    truth = read_topic(kafka_server, topic, 1)

    with running_worker("logs", settings=worker_settings(kafka_server, database, topic)):
        await wait_until_stored(database, topic, truth)

    assert len(truth) == 1_500
    assert await difference(database, topic, truth) == NO_DIFFERENCE


async def test_odd_values_are_stored_dropped_or_dead_letters(
    kafka_server: str, database: str, make_logs_topic: MakeLogsTopic
) -> None:
    topic = make_logs_topic()
    values = [
        None,
        b"",
        b"\xff\xfe caf\xe9 ouvert",
        b"before \x00 after",
        FIVE_MB,
        b'{"message": "half \\ud800 pair", "n": 123456789012345678901234567890}',
        BINARY,
        b"the last one",
    ]
    produce(kafka_server, topic, values)
    truth = read_topic(kafka_server, topic, 1)

    with running_worker("logs", settings=worker_settings(kafka_server, database, topic)):
        await wait_until_stored(database, topic, truth)

    stored = {line.offset: line for _, line in await stored_lines(database, topic)}
    raws = {
        offset: b64decode(line.raw.text) if line.raw.is_base64 else line.raw.text.encode()
        for offset, line in stored.items()
        if line.raw is not None
    }
    assert raws == {offset: values[offset] for offset in (2, 3, 4, 5, 7)}
    assert "\0" not in stored[3].event.body
    assert stored[5].event.attributes["n"] == "123456789012345678901234567890"
    block = await select_block(database)
    assert (block["records"], block["events"]) == (len(values), 5)
    assert sum(msgspec.json.decode(block["dropped"]).values()) == 2
    assert msgspec.json.decode(block["dead_lettered"]) == {"binary": 1}


async def select_block(dsn: str) -> asyncpg.Record:
    connection = await asyncpg.connect(dsn)
    row = await connection.fetchrow("SELECT * FROM log_blocks")
    await connection.close()
    assert row is not None
    return row


def test_a_dead_letter_is_the_record_unchanged_and_why(
    kafka_server: str, database: str, make_logs_topic: MakeLogsTopic
) -> None:
    topic = make_logs_topic()
    producer = Producer({"bootstrap.servers": kafka_server})
    headers: list[tuple[str, str | bytes | None]] = [("origin", b"host-7"), ("empty", None)]
    producer.produce(topic, BINARY, key=b"key", headers=headers, timestamp=1_773_475_200_000)
    assert producer.flush(30) == 0

    with running_worker("logs", settings=worker_settings(kafka_server, database, topic)):
        (letter,) = read_records(kafka_server, dead_letter_topic(topic), 1)

    assert (letter.key(), letter.value()) == (b"key", BINARY)
    given = letter.headers()
    assert given is not None
    assert given[:2] == headers
    ours = dict(given[2:])
    assert ours.pop("dlq.first_failed_at")
    assert ours.pop("dlq.detail") is not None
    assert ours == {
        "dlq.reason": b"binary",
        "dlq.topic": topic.encode(),
        "dlq.partition": b"0",
        "dlq.offset": b"0",
        "dlq.timestamp_ms": b"1773475200000",
        "dlq.timestamp_type": b"CreateTime",
        "dlq.attempts": b"1",
        "dlq.version": b"1",
    }


def read_records(bootstrap: str, topic: str, count: int) -> list[Any]:
    """Return the first records of partition 0 of a topic, waiting for them."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"{topic}.reader"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    found = consumer.consume(count, timeout=PATIENCE_S)
    consumer.close()
    assert len(found) == count
    return list(found)


async def test_a_dead_letter_too_large_for_its_topic_is_cut(
    kafka_server: str, database: str, kafka_admin: KafkaAdminClient, topic_prefix: str
) -> None:
    topic = topic_prefix + "logs"
    small = {"max.message.bytes": "1000000"}
    kafka_admin.create_topics(
        [
            NewTopic(topic, 1, 1, topic_configs=LARGE),
            NewTopic(dead_letter_topic(topic), 1, 1, topic_configs=small),
        ],
        wait_for_metadata=True,
    )
    # Random bytes: a batch that compresses well would fit.
    value = BINARY + random.Random(1).randbytes(2_000_000)
    produce(kafka_server, topic, [value])

    with running_worker("logs", settings=worker_settings(kafka_server, database, topic)):
        (letter,) = read_records(kafka_server, dead_letter_topic(topic), 1)

    assert letter.value() == value[: 64 * 1024]
    headers = dict(letter.headers())
    assert headers["dlq.truncated"] == b"true"
    assert headers["dlq.value_sha256"] == sha256(value).hexdigest().encode()


async def test_aborted_records_are_never_read_and_markers_are_no_loss(
    kafka_server: str, database: str, make_logs_topic: MakeLogsTopic
) -> None:
    topic = make_logs_topic()
    settings = worker_settings(kafka_server, database, topic)
    producer = Producer({"bootstrap.servers": kafka_server, "transactional.id": topic})
    producer.init_transactions(30)
    with running_worker("logs", settings=settings) as worker:
        for number in range(30):
            produce_in_transaction(producer, topic, number)
        truth = read_topic(kafka_server, topic, 1)
        await wait_until_stored(database, topic, truth)
        # A restart begins behind a marker, not at a record.
        worker.kill()
        worker.start()
        produce(kafka_server, topic, lines(5, "after the restart"))
        truth = read_topic(kafka_server, topic, 1)
        await wait_until_stored(database, topic, truth)
        assert worker.is_running()

    assert len(truth) == 15 * 7 + 5
    assert await difference(database, topic, truth) == NO_DIFFERENCE
    assert "aborted" not in {line.event.body for _, line in await stored_lines(database, topic)}


def produce_in_transaction(producer: Producer, topic: str, number: int) -> None:
    """Commit each other transaction, abort the rest."""
    producer.begin_transaction()
    for value in lines(7, f"committed {number}") if number % 2 else [b"aborted"] * 7:
        producer.produce(topic, value)
    producer.flush(30)
    if number % 2:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)


async def test_a_compacted_topic_is_read_with_its_gaps(database: str) -> None:
    with ExitStack() as resources:
        cleaner = {"log.cleaner.backoff.ms": "100", "log.initial.task.delay.ms": "100"}
        kafka = resources.enter_context(embedded_kafka(overrides=cleaner))
        topic = make_compacted_topic(kafka.bootstrap)
        settings = worker_settings(kafka.bootstrap, database, topic)
        rounds = 0
        while len(read_topic(kafka.bootstrap, topic, 1)) > 100 * rounds - 150:
            produce_keyed(kafka.bootstrap, topic, 100, rounds)
            rounds += 1
            assert rounds < 200, "the broker does not compact"
        truth = read_topic(kafka.bootstrap, topic, 1)
        with running_worker("logs", settings=settings) as worker:
            await wait_until_stored(database, topic, truth)
            assert worker.is_running()

    assert len(truth) < max(offset for _, offset in truth)
    assert await total(database, "SELECT count(*) FROM offset_gaps") == 0
    found = await difference(database, topic, truth)
    assert (found.lost, found.repeated) == ([], [])


def make_compacted_topic(bootstrap: str) -> str:
    config = {
        "cleanup.policy": "compact",
        "segment.ms": "100",
        "min.cleanable.dirty.ratio": "0.01",
        "max.compaction.lag.ms": "100",
    }
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    topics = [NewTopic("logs", 1, 1, topic_configs=config), NewTopic("logs.dlq", 1, 1)]
    admin.create_topics(topics, wait_for_metadata=True)
    admin.close()
    return "logs"


def produce_keyed(bootstrap: str, topic: str, keys: int, round_number: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for key in range(keys):
        producer.produce(topic, f"INFO round {round_number} key {key}", key=str(key))
    assert producer.flush(30) == 0


async def test_one_percent_of_poison_goes_to_the_dead_letters_and_the_rest_is_stored(
    kafka_server: str, database: str, make_logs_topic: MakeLogsTopic
) -> None:
    topic = make_logs_topic(partitions=2)
    values = [BINARY if number % 100 == 0 else one for number, one in enumerate(lines(10_000))]
    produce(kafka_server, topic, values)
    truth = read_topic(kafka_server, topic, 2)
    good = {place: value for place, value in truth.items() if value != BINARY}

    with running_worker("logs", settings=worker_settings(kafka_server, database, topic)):
        await wait_until_stored(database, topic, truth)

    assert await difference(database, topic, good) == NO_DIFFERENCE
    letters = read_topic(kafka_server, dead_letter_topic(topic), 2)
    assert list(letters.values()) == [BINARY] * (100)
    assert await total(database, "SELECT count(*) FROM dead_letters") == 100
    noted = "SELECT sum(n::int) FROM log_blocks, jsonb_each_text(dead_lettered) AS t (reason, n)"
    assert await total(database, noted) == 100


async def test_nothing_but_poison_stops_the_worker_before_it_drains(
    kafka_server: str, database: str, make_logs_topic: MakeLogsTopic
) -> None:
    topic = make_logs_topic()
    produce(kafka_server, topic, [BINARY] * 5_000)

    with running_worker("logs", settings=worker_settings(kafka_server, database, topic)) as worker:
        status = worker.wait()
        assert "AIOPS_DEAD_LETTER_MAX_RUN" in worker.printed().splitlines()[-1]

    assert status == 1
    assert len(read_topic(kafka_server, dead_letter_topic(topic), 1)) < 1_000
    assert await total(database, "SELECT count(*) FROM log_blocks") == 0
