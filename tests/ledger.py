"""What was sent, what lies on the topic, what is stored: and the difference."""

import asyncio
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import asyncpg
import msgspec
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from schemas.chunks import StoredLine, unpack_lines
from schemas.db.pool import DATABASE_ERRORS

POLL_S = 0.02
# For a machine with other work; nothing here is a promise.
PATIENCE_S = 180.0
# Partition and offset; with the index of the event.
Place: TypeAlias = tuple[int, int]
LinePlace: TypeAlias = tuple[int, int, int]


def produce(
    bootstrap: str,
    topic: str,
    values: Iterable[bytes | None],
    *,
    partition: int = -1,
    timestamp_ms: int = 0,
    config: dict[str, str] | None = None,
) -> None:
    """Return when the broker has acknowledged all values; retried for as long as a minute.

    Partition -1: the producer chooses; timestamp 0: now.
    """
    failed: list[KafkaError] = []
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": "true",
            "linger.ms": "5",
            # One by one, at random: a thousand records reach each of a few partitions.
            "sticky.partitioning.linger.ms": "0",
            "message.timeout.ms": "60000",
            "message.max.bytes": "9000000",
            **(config or {}),
        }
    )

    def on_delivery(error: KafkaError | None, _: object) -> None:
        if error is not None:
            failed.append(error)

    for value in values:
        while True:
            try:
                producer.produce(
                    topic,
                    value=value,
                    partition=partition,
                    timestamp=timestamp_ms,
                    on_delivery=on_delivery,
                )
                break
            except BufferError:
                producer.poll(0.05)
        producer.poll(0)
    unsent = producer.flush(60)
    assert not failed, failed[0]
    assert not unsent


def read_topic(bootstrap: str, topic: str, partitions: int) -> dict[Place, bytes | None]:
    """Return the values that lie on the topic now; aborted ones are not among them."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"{topic}.truth",
            "enable.auto.commit": "false",
            "enable.partition.eof": "true",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    found: dict[Place, bytes | None] = {}
    open_partitions = set(range(partitions))
    while open_partitions:
        message = consumer.poll(10.0)
        assert message is not None, "the broker does not answer"
        error = message.error()
        if error is None:
            partition, offset = message.partition(), message.offset()
            assert partition is not None
            assert offset is not None
            found[partition, offset] = message.value()
        elif error.code() == KafkaError._PARTITION_EOF:
            open_partitions.discard(message.partition() or 0)
    consumer.close()
    return found


SELECT_STORED = "SELECT partition, next_offset FROM stream_offsets WHERE topic = $1"


async def stored_partitions(dsn: str, topic: str) -> dict[int, int]:
    """Return the next offset of each stored partition."""
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(SELECT_STORED, topic)
    await connection.close()
    return {row["partition"]: row["next_offset"] for row in rows}


async def wait_until(
    is_true: Callable[[dict[int, int]], bool],
    dsn: str,
    topic: str,
    *,
    timeout_s: float = PATIENCE_S,
) -> float:
    """Return the seconds until the stored offsets are as wanted; the database may go away."""
    started, stored = time.monotonic(), dict[int, int]()
    connection: asyncpg.Connection[asyncpg.Record] | None = None
    while not is_true(stored):
        waited_s = time.monotonic() - started
        assert waited_s < timeout_s, f"stored {stored} after {waited_s:.0f} s"
        await asyncio.sleep(POLL_S)
        try:
            connection = connection or await asyncpg.connect(dsn, timeout=5)
            rows = await connection.fetch(SELECT_STORED, topic)
        except DATABASE_ERRORS:
            connection = None
        else:
            stored = {row["partition"]: row["next_offset"] for row in rows}
    if connection is not None:
        await connection.close()
    return time.monotonic() - started


async def wait_until_stored(
    dsn: str, topic: str, truth: Iterable[Place], *, timeout_s: float = PATIENCE_S
) -> float:
    """Return the seconds until all the records of `truth` are stored."""
    ends: dict[int, int] = {}
    for partition, offset in truth:
        ends[partition] = max(ends.get(partition, 0), offset + 1)

    def all_stored(stored: dict[int, int]) -> bool:
        return all(stored.get(partition, 0) >= end for partition, end in ends.items())

    return await wait_until(all_stored, dsn, topic, timeout_s=timeout_s)


async def stored_lines(dsn: str, topic: str) -> list[tuple[int, StoredLine]]:
    """Return all stored lines of a topic with their partitions."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT partition, payload FROM log_chunks WHERE topic = $1 ORDER BY 1, first_offset",
            topic,
        )
    finally:
        await connection.close()
    return [(row["partition"], line) for row in rows for line in unpack_lines(row["payload"])]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How the stored lines differ from the records on the topic; all empty when they do not."""

    lost: list[Place]
    repeated: list[LinePlace]
    foreign: list[Place]
    altered: list[Place]


NO_DIFFERENCE = Difference(lost=[], repeated=[], foreign=[], altered=[])


async def difference(dsn: str, topic: str, truth: dict[Place, bytes | None]) -> Difference:
    """Compare the stored lines with the records, each of which must have given a line."""
    stored = await stored_lines(dsn, topic)
    places = Counter((partition, line.offset, line.index) for partition, line in stored)
    values: dict[Place, bytes] = {}
    for partition, line in stored:
        if line.raw is not None:
            raw = line.raw.text
            values[partition, line.offset] = b64decode(raw) if line.raw.is_base64 else raw.encode()
    return Difference(
        lost=sorted(truth.keys() - values.keys()),
        repeated=sorted(place for place, count in places.items() if count > 1),
        foreign=sorted(values.keys() - truth.keys()),
        altered=sorted(
            place for place, value in values.items() if place in truth and truth[place] != value
        ),
    )


def difference_by_content(
    *, expected: Mapping[LinePlace, bytes], stored: Iterable[tuple[LinePlace, bytes]]
) -> Difference:
    """Compare what is stored with what should be, by place and by content."""
    listed = list(stored)
    places = Counter(place for place, _ in listed)
    return Difference(
        lost=sorted(place[:2] for place in expected.keys() - places.keys()),
        repeated=sorted(place for place, count in places.items() if count > 1),
        foreign=sorted(place[:2] for place in places.keys() - expected.keys()),
        altered=sorted(
            place[:2]
            for place, content in listed
            if place in expected and expected[place] != content
        ),
    )


async def total(dsn: str, statement: str) -> int:
    """Return the one number that a statement selects."""
    connection = await asyncpg.connect(dsn)
    try:
        number: int | None = await connection.fetchval(statement)
    finally:
        await connection.close()
    return int(number or 0)
