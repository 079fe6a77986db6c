"""Redrive: dead letters go back to the topic they came from, each as a new record.

Postgres says which letters are open: each rejected record has one row, and only a row without
`redriven_at` lets its letter be sent. So a copy of a letter on the dead letter topic, a letter
sent before, and one whose record a replay has since read without fault all stay.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from kafka.admin import ConfigFilterType, ConfigResource, ConfigResourceType

from schemas.db.pool import Pool
from schemas.errors import TransientError
from schemas.records import SourceRecord
from schemas.topics import MAX_RECORD_BYTES, dead_letter_topic
from streams.batch_delivery import to_source_record
from streams.dead_letters import start_or_stop
from streams.domain.letters import Letter, original_headers, parse_letter
from streams.topic_check import TopicInfo, open_admin, require_topics

RETENTION: Final = "retention.ms"
FETCH_TIMEOUT_MS: Final = 1_000
FETCHED_TOGETHER: Final = 200
# No record for so long, and the end not reached: the broker is not answering.
STALL_TIMEOUT_S: Final = 30.0

# Gets a letter's value, gives the one to send; None leaves the letter alone.
Repair: TypeAlias = Callable[[bytes], Awaitable[bytes | None]]


class Outcome(StrEnum):
    """What becomes of a record on the dead letter topic."""

    SENT = "sent"
    ALREADY_REDRIVEN = "already_redriven"  # sent before, or a copy of a letter met before
    SETTLED = "settled"  # no row: a replay read it since, or its worker has not committed yet
    OTHER_REASON = "other_reason"
    OTHER_TOPIC = "other_topic"
    TRUNCATED = "truncated"  # refused: the rest of the value is lost
    UNREPAIRED = "unrepaired"  # the filter left it alone
    REFUSED = "refused"  # too large for the broker by now
    FOREIGN = "foreign"  # no dead letter of ours


class RedriveRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters of a topic to send: of one reason (None: of any), at most `limit`."""

    topic: str
    reason: str | None = None
    limit: int | None = None
    is_dry_run: bool = False


class RedriveObserver(Protocol):
    """Is told how a redrive goes."""

    def planned(self, records: int) -> None:
        """Hear how many records the dead letter topic holds."""

    def record_done(self, outcome: Outcome) -> None:
        """Hear what became of one more."""


SELECT_OPEN_PLACES: Final = """
SELECT letter.partition, letter."offset", letter.redriven_at IS NULL AS is_open
FROM dead_letters AS letter
JOIN unnest($2::integer[], $3::bigint[]) AS wanted (partition, "offset")
ON letter.partition = wanted.partition AND letter."offset" = wanted."offset"
WHERE letter.topic = $1
"""

LOCK_OPEN_LETTER: Final = """
SELECT true FROM dead_letters
WHERE topic = $1 AND partition = $2 AND "offset" = $3 AND redriven_at IS NULL
FOR UPDATE
"""

UPDATE_REDRIVEN: Final = """
UPDATE dead_letters SET redriven_at = now() WHERE topic = $1 AND partition = $2 AND "offset" = $3
"""


class Redriver:
    """Sends the open letters of a topic back to it."""

    def __init__(
        self, bootstrap: str, pool: Pool, request: RedriveRequest, *, repair: Repair | None = None
    ) -> None:
        self._bootstrap = bootstrap
        self._pool = pool
        self._request = request
        self._repair = repair
        self._met: set[tuple[int, int]] = set()

    async def run(self, observer: RedriveObserver, stopping: asyncio.Event) -> None:
        """Go through the dead letter topic as far as it reaches now, until `stopping` is set.

        Repeating is safe: a letter is sent once. A crash between the broker's acknowledgement and
        the mark makes the next run send that one letter again.

        Raises:
            ConfigError: one of the two topics does not exist.
            TransientError: the broker does not answer.
        """
        source, letters = self._request.topic, dead_letter_topic(self._request.topic)
        topics = await require_topics(self._bootstrap, [source, letters])
        sender = await _Sender.to(self._bootstrap, topics[source])
        try:
            async with _open_reader(self._bootstrap, topics[letters]) as reader:
                observer.planned(reader.length)
                left = self._request.limit
                async for records in reader.fetches():
                    open_places = await self._select_places(records)
                    for record in records:
                        if left == 0 or stopping.is_set():
                            return
                        outcome = await self._redrive(sender, record, open_places)
                        observer.record_done(outcome)
                        if left is not None and outcome is Outcome.SENT:
                            left -= 1
        except KafkaError as exc:
            raise TransientError(f"Kafka at {self._bootstrap}: {exc!r}") from exc
        finally:
            await sender.stop()

    async def _select_places(self, records: Sequence[SourceRecord]) -> dict[tuple[int, int], bool]:
        """Return those places of the letters that have a row, and whether it is open."""
        letters = [letter for record in records if (letter := parse_letter(record)) is not None]
        partitions = [letter.partition for letter in letters]
        offsets = [letter.offset for letter in letters]
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                SELECT_OPEN_PLACES, self._request.topic, partitions, offsets
            )
        return {(row["partition"], row["offset"]): row["is_open"] for row in rows}

    async def _redrive(
        self, sender: "_Sender", record: SourceRecord, places: Mapping[tuple[int, int], bool]
    ) -> Outcome:
        letter = parse_letter(record)
        if letter is None:
            return Outcome.FOREIGN
        reason_not_to = self._reason_not_to_send(letter, places)
        if reason_not_to is not None:
            return reason_not_to
        self._met.add(letter.place)
        value = record.value
        if self._repair is not None:
            value = await self._repair(value or b"")
            if value is None:
                return Outcome.UNREPAIRED
        if self._request.is_dry_run:
            return Outcome.SENT
        return await self._send_and_mark(sender, letter, value)

    def _reason_not_to_send(
        self, letter: Letter, places: Mapping[tuple[int, int], bool]
    ) -> Outcome | None:
        if letter.topic != self._request.topic:
            return Outcome.OTHER_TOPIC
        if self._request.reason not in (None, letter.reason):
            return Outcome.OTHER_REASON
        if letter.place not in places:
            return Outcome.SETTLED
        if letter.place in self._met or not places[letter.place]:
            return Outcome.ALREADY_REDRIVEN
        return Outcome.TRUNCATED if letter.is_truncated else None

    async def _send_and_mark(
        self, sender: "_Sender", letter: Letter, value: bytes | None
    ) -> Outcome:
        """Send under a lock of the letter's row, so that two redrives never send the same one."""
        place = (letter.topic, *letter.place)
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(LOCK_OPEN_LETTER, *place):
                return Outcome.ALREADY_REDRIVEN
            try:
                await sender.send(letter, value)
            except MessageSizeTooLargeError:
                await sender.stop()
                return Outcome.REFUSED
            await connection.execute(UPDATE_REDRIVEN, *place)
        return Outcome.SENT


class _Sender:
    """Sends letters one by one, each acknowledged before the next."""

    def __init__(self, bootstrap: str, topic: TopicInfo, retention_ms: int) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._retention_ms = retention_ms
        self._producer: AIOKafkaProducer | None = None

    @classmethod
    async def to(cls, bootstrap: str, topic: TopicInfo) -> "_Sender":
        """Return a sender to the topic."""
        return cls(bootstrap, topic, await asyncio.to_thread(_retention_ms, bootstrap, topic.name))

    async def send(self, letter: Letter, value: bytes | None) -> None:
        """Return when the broker has the record, on the partition it came from.

        Raises:
            MessageSizeTooLargeError: the broker takes no record of this size; after it the
                producer's sequence is broken: call `stop`.
            KafkaError: the broker does not answer.
        """
        if self._producer is None:
            self._producer = await _start_producer(self._bootstrap)
        await self._producer.send_and_wait(
            self._topic.name,
            value=value,
            key=letter.record.key,
            # A topic made anew may have fewer.
            partition=letter.partition if letter.partition < self._topic.partitions else None,
            timestamp_ms=self._kept_timestamp_ms(letter),
            headers=list(original_headers(letter.record.headers)),
        )

    def _kept_timestamp_ms(self, letter: Letter) -> int | None:
        """Return the rejected record's own time, None (now) where it has none or is too old.

        The broker deletes a record by its time: an old one could be gone before it is read.
        """
        if letter.timestamp_ms < 0:
            return None
        age_ms = time.time() * 1000 - letter.timestamp_ms
        is_safe = self._retention_ms < 0 or age_ms < self._retention_ms / 2
        return letter.timestamp_ms if is_safe else None

    async def stop(self) -> None:
        """Close the producer; the next `send` opens another."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None


def _retention_ms(bootstrap: str, topic: str) -> int:
    """Return how long the broker keeps the topic's records; negative: for good."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, {RETENTION: None})
    with open_admin(bootstrap) as admin:
        described = admin.describe_configs([resource], config_filter=ConfigFilterType.ALL)
    return int(described["topic"][topic][RETENTION]["value"])


async def _start_producer(bootstrap: str) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        # A retry within the client must not write a record twice.
        enable_idempotence=True,
        compression_type="lz4",
        max_request_size=MAX_RECORD_BYTES + 64 * 1024,
    )
    await start_or_stop(producer)
    return producer


class _LetterReader:
    """Reads a dead letter topic from its beginnings to the ends it had at the start."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        beginnings: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
    ) -> None:
        self._consumer = consumer
        self._beginnings = beginnings
        self._ends = ends

    @property
    def length(self) -> int:
        """Return how many records there are at most."""
        return sum(end - self._beginnings[place] for place, end in self._ends.items())

    async def fetches(self) -> AsyncIterator[list[SourceRecord]]:
        """Yield the records, partition by partition, in order.

        Raises:
            TransientError: the broker does not answer.
        """
        for place, end in self._ends.items():
            position, last_progress = self._beginnings[place], time.monotonic()
            while position < end:
                fetched = await self._consumer.getmany(
                    place, timeout_ms=FETCH_TIMEOUT_MS, max_records=FETCHED_TOGETHER
                )
                if fetched:
                    yield [to_source_record(one) for one in fetched[place] if one.offset < end]
                reached = await self._consumer.position(place)
                if reached > position:
                    last_progress = time.monotonic()
                elif time.monotonic() - last_progress > STALL_TIMEOUT_S:
                    raise TransientError(f"no records of {place} for {STALL_TIMEOUT_S:g} s")
                position = reached


@asynccontextmanager
async def _open_reader(bootstrap: str, topic: TopicInfo) -> AsyncIterator[_LetterReader]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    try:
        await consumer.start()
        beginnings = await consumer.beginning_offsets(places)
        # Once, for all: aiokafka's stop can wait for ever soon after another assignment.
        consumer.assign(places)
        for place in places:
            consumer.seek(place, beginnings[place])
        yield _LetterReader(consumer, beginnings, await consumer.end_offsets(places))
    finally:
        await consumer.stop()
