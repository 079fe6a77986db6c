"""A verifiable producer of numbered records on all topics, and the check of what is stored."""

import asyncio
import random
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Final, TypeAlias

import asyncpg
import msgspec
from confluent_kafka import Message, Producer

from aiops.topics import create_topics
from schemas.db.pool import Connection
from schemas.records import SourceRecord
from schemas.topics import COMMITS_RAW, LOGS_RAW, TICKETS_RAW, TRIAGE_FEEDBACK, TopicSpec
from streams.domain.commits.prepared import prepare_commits
from streams.domain.tickets.prepared import prepare_feedback, prepare_tickets
from tests.commit_records import REPOSITORY, START_S, commit_payload
from tests.faults.log_stream import LogStream
from tests.ledger import (
    NO_DIFFERENCE,
    Difference,
    LinePlace,
    Place,
    difference,
    difference_by_content,
    read_topic,
    wait_until_stored,
)
from tests.log_records import log_value
from tests.ticket_records import feedback_event, ticket_payload
from tests.workers import worker_settings

TOPICS: Final[Sequence[TopicSpec]] = (LOGS_RAW, TICKETS_RAW, COMMITS_RAW, TRIAGE_FEEDBACK)
# Many lines, few of the rest, as in life.
LINES_OF_TEN: Final = 7
CONTENT_BY_TOPIC: Final = {
    TICKETS_RAW.name: (
        'SELECT partition, "offset", event_index, content_hash AS content FROM ticket_events'
    ),
    COMMITS_RAW.name: (
        'SELECT partition, "offset", event_index, content_hash AS content FROM commit_events'
    ),
    TRIAGE_FEEDBACK.name: (
        'SELECT 0 AS partition, "offset", 0 AS event_index, payload AS content FROM feedback_events'
    ),
}

Contents: TypeAlias = Mapping[LinePlace, bytes]


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A record as it was given to the producer."""

    topic: str
    key: bytes | None
    value: bytes


def numbered_record(chooser: random.Random, number: int) -> Sent:
    """Return record number `number`; no two have the same value."""
    kind = chooser.randrange(10)
    if kind < LINES_OF_TEN:
        return Sent(topic=LOGS_RAW.name, key=None, value=log_value(chooser, number))
    if kind == LINES_OF_TEN:
        payload = ticket_payload(
            f"T-{number}", f"login crashes on page {number}", updated_at=START_S + number
        )
        return Sent(topic=TICKETS_RAW.name, key=b"shop", value=msgspec.json.encode(payload))
    if kind == LINES_OF_TEN + 1:
        commit = commit_payload(f"commit {number}", f"fix: change {number}", at=number)
        return Sent(
            topic=COMMITS_RAW.name, key=REPOSITORY.encode(), value=msgspec.json.encode(commit)
        )
    value = msgspec.json.encode(feedback_event(number))
    return Sent(topic=TRIAGE_FEEDBACK.name, key=None, value=value)


class VerifiableProducer:
    """Sends numbered records in a thread of its own until it is stopped, whatever goes wrong."""

    def __init__(self, bootstrap: str, *, seed: int, per_second: int) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": "true",
                "linger.ms": "5",
                "message.timeout.ms": "300000",
            }
        )
        self._chooser = random.Random(seed)
        self._pause_s = 10 / per_second
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.acknowledged: dict[tuple[str, int, int], bytes] = {}
        self.failed: list[str] = []
        self.sent = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more, and wait until the broker has all that was sent."""
        self._stopping.set()
        self._thread.join()
        unsent = self._producer.flush(300)
        assert (unsent, self.failed) == (0, [])
        assert len(self.acknowledged) == self.sent

    def _run(self) -> None:
        for number in count():
            if number % 10 == 0 and self._stopping.wait(self._pause_s):
                return
            record = numbered_record(self._chooser, number)
            self._producer.produce(
                record.topic,
                value=record.value,
                key=record.key,
                on_delivery=self._note,
            )
            self.sent += 1
            self._producer.poll(0)

    def _note(self, error: object, message: Message) -> None:
        if error is not None:
            self.failed.append(str(error))
            return
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None
        assert partition is not None
        assert offset is not None
        self.acknowledged[topic, partition, offset] = message.value() or b""


class AllTopics(msgspec.Struct, kw_only=True):
    """All topics of a broker, and the database they are stored in."""

    bootstrap: str
    dsn: str

    def create(self) -> None:
        """Make the topics."""
        create_topics(self.bootstrap, log_topics=[LOGS_RAW.name], replication=1, partitions={})

    def settings(self, *, dsn: str | None = None, **more: str) -> dict[str, str]:
        """Return a worker's settings; `dsn` when it reaches the database another way."""
        return worker_settings(self.bootstrap, dsn or self.dsn, LOGS_RAW.name, **more)

    async def wait_until_stored(self) -> None:
        """Wait until all that lies on the topics is stored."""
        for spec in TOPICS:
            truth = await asyncio.to_thread(read_topic, self.bootstrap, spec.name, spec.partitions)
            await wait_until_stored(self.dsn, spec.name, truth)

    async def check(self, producer: VerifiableProducer) -> None:
        """Compare what is stored with what was sent, by place and content."""
        for spec in TOPICS:
            truth = read_topic(self.bootstrap, spec.name, spec.partitions)
            found = difference_by_content(
                expected={
                    (partition, offset, 0): value
                    for (topic, partition, offset), value in producer.acknowledged.items()
                    if topic == spec.name
                },
                stored=[((*place, 0), value or b"") for place, value in truth.items()],
            )
            assert found == NO_DIFFERENCE, f"{spec.name} on the broker"
            stored = await self._stored_difference(spec.name, truth)
            assert (spec.name, stored) == (spec.name, NO_DIFFERENCE)
        await self._logs().check(sum(topic == LOGS_RAW.name for topic, *_ in producer.acknowledged))

    def _logs(self) -> LogStream:
        return LogStream(
            bootstrap=self.bootstrap,
            dsn=self.dsn,
            topic=LOGS_RAW.name,
            partitions=LOGS_RAW.partitions,
        )

    async def _stored_difference(
        self, topic: str, truth: Mapping[Place, bytes | None]
    ) -> Difference:
        if topic == LOGS_RAW.name:
            return await difference(self.dsn, topic, dict(truth))
        connection = await asyncpg.connect(self.dsn)
        try:
            stored = await stored_contents(connection, topic)
        finally:
            await connection.close()
        return difference_by_content(expected=contents(topic, truth), stored=stored)


async def stored_contents(connection: Connection, topic: str) -> list[tuple[LinePlace, bytes]]:
    """Return what is stored of the records of a topic."""
    rows = await connection.fetch(CONTENT_BY_TOPIC[topic])
    return [((row["partition"], row["offset"], row["event_index"]), row["content"]) for row in rows]


def contents(topic: str, truth: Mapping[Place, bytes | None]) -> Contents:
    """Return what is to be stored of each record."""
    found: dict[LinePlace, bytes] = {}
    for (partition, offset), value in truth.items():
        key = REPOSITORY.encode() if topic == COMMITS_RAW.name else b"shop"
        record = SourceRecord(
            topic=topic,
            partition=partition,
            offset=offset,
            value=value,
            key=key,
            timestamp_ms=START_S * 1_000,
        )
        for index, content in enumerate(CONTENTS_OF[topic](record)):
            found[partition, offset, index] = content
    return found


def _ticket_contents(record: SourceRecord) -> Iterable[bytes]:
    return [one.content_hash for one in prepare_tickets(record).revisions]


def _commit_contents(record: SourceRecord) -> Iterable[bytes]:
    return [one.content_hash for one in prepare_commits(record).statements]


def _feedback_contents(record: SourceRecord) -> Iterable[bytes]:
    return [prepare_feedback(record).payload]


CONTENTS_OF: Final[Mapping[str, Callable[[SourceRecord], Iterable[bytes]]]] = {
    TICKETS_RAW.name: _ticket_contents,
    COMMITS_RAW.name: _commit_contents,
    TRIAGE_FEEDBACK.name: _feedback_contents,
}
