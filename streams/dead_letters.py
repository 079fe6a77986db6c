"""Rejected records go to `<topic>.dlq`, unchanged, and are durable before the offset moves on."""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from schemas.db.pool import Connection
from schemas.errors import AiOpsError, TransientError
from schemas.records import LOG_APPEND_TIME, DeadLetter, SourceRecord
from schemas.topics import MAX_RECORD_BYTES, dead_letter_topic
from streams.offsets import OffsetSpan
from streams.retrying import retry_transient

log = structlog.get_logger()

HEADER_VERSION: Final = "1"
MAX_DETAIL_CHARACTERS: Final = 500
TRUNCATED_VALUE_BYTES: Final = 64 * 1024
VALUE_HEAD_BYTES: Final = 256
# Acknowledgements waited for together.
PRODUCED_AT_ONCE: Final = 64
RATIO_WINDOW_RECORDS: Final = 10_000
RATIO_MIN_RECORDS: Final = 1_000


class DeadLetterLimitError(AiOpsError):
    """Too many records are rejected: more likely a bug of ours than bad input, so stop."""

    def __init__(self, *, topic: str, rejected: int, records: int) -> None:
        self.topic = topic
        self.rejected = rejected
        self.records = records
        super().__init__(
            f"{topic}: {rejected} of the last {records} records were rejected; stopped before they "
            "drain into the dead letters (AIOPS_DEAD_LETTER_MAX_RATIO, AIOPS_DEAD_LETTER_MAX_RUN)"
        )


class DeadLetterLimit:
    """Counts rejections of one topic, by ratio over recent records and by unbroken run."""

    def __init__(self, *, max_ratio: float, max_run: int) -> None:
        self._max_ratio = max_ratio
        self._max_run = max_run
        self._recent: deque[tuple[int, int]] = deque()  # (records, rejected) a batch
        self._records = 0
        self._rejected = 0
        self._run = 0
        self._run_before = 0

    def check(self, topic: str, is_rejected: Sequence[bool]) -> None:
        """Count a batch, in order.

        Raises:
            DeadLetterLimitError: a limit is passed; nothing of the batch must be written.
        """
        self._run_before = self._run
        self._add(len(is_rejected), sum(is_rejected))
        for rejected in is_rejected:
            self._run = self._run + 1 if rejected else 0
            if self._run >= self._max_run:
                raise DeadLetterLimitError(topic=topic, rejected=self._run, records=self._run)
        while self._records > RATIO_WINDOW_RECORDS and len(self._recent) > 1:
            self._forget(*self._recent.popleft())
        too_many = self._rejected > self._records * self._max_ratio
        if too_many and self._records >= RATIO_MIN_RECORDS:
            raise DeadLetterLimitError(topic=topic, rejected=self._rejected, records=self._records)

    def recheck(self, topic: str, is_rejected: Sequence[bool]) -> None:
        """Count the batch checked last once more, in place of the first time.

        Raises:
            DeadLetterLimitError: a limit is passed; nothing of the batch must be written.
        """
        self._forget(*self._recent.pop())
        self._run = self._run_before
        self.check(topic, is_rejected)

    def _add(self, records: int, rejected: int) -> None:
        self._recent.append((records, rejected))
        self._records += records
        self._rejected += rejected

    def _forget(self, records: int, rejected: int) -> None:
        self._records -= records
        self._rejected -= rejected


class DeadLetterProducer:
    """Produces dead letters and waits for the broker's acknowledgement."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None
        # The agents of a process share this: two that begin at once must not start two producers.
        self._starting = asyncio.Lock()

    async def stop(self) -> None:
        """Close the connection, if one was opened."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def produce(self, letters: Sequence[DeadLetter]) -> None:
        """Return when the broker has all letters; retried for as long as it takes.

        A crash between here and the commit produces them again: a duplicate, never a loss.
        """
        for start in range(0, len(letters), PRODUCED_AT_ONCE):
            waiting = list(letters[start : start + PRODUCED_AT_ONCE])
            await retry_transient("produce_dead_letters", partial(self._produce, waiting))

    async def _produce(self, waiting: list[DeadLetter]) -> None:
        """Send the letters that wait; those that the broker has wait no more."""
        try:
            producer = await self._started()
            outcomes = await asyncio.gather(
                *(_send_fitting(producer, letter) for letter in waiting), return_exceptions=True
            )
        except KafkaError as exc:
            raise TransientError(f"no connection for dead letters: {exc!r}") from exc
        failed = [
            (letter, outcome)
            for letter, outcome in zip(waiting, outcomes, strict=True)
            if outcome is not None
        ]
        waiting[:] = [letter for letter, _ in failed]
        for _, outcome in failed:
            if isinstance(outcome, KafkaError):
                raise TransientError(f"dead letter not acknowledged: {outcome!r}") from outcome
            raise outcome

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                self._producer = await self._start()
            return self._producer

    async def _start(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            compression_type="lz4",
            max_request_size=MAX_RECORD_BYTES + 64 * 1024,
            request_timeout_ms=30_000,
        )
        await start_or_stop(producer)
        return producer


async def start_or_stop(producer: AIOKafkaProducer) -> None:
    """Start a producer; one that does not start leaves nothing running."""
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise


async def _send_fitting(producer: AIOKafkaProducer, letter: DeadLetter) -> None:
    """Send the letter whole, or its beginning when the broker refuses its size."""
    value = letter.record.value
    headers = [*letter.record.headers, *dead_letter_headers(letter)]
    try:
        await _send(producer, letter.record, value, headers)
    except MessageSizeTooLargeError:
        if value is None:
            raise
        headers.append(("dlq.truncated", b"true"))
        headers.append(("dlq.value_sha256", sha256(value).hexdigest().encode()))
        await _send(producer, letter.record, value[:TRUNCATED_VALUE_BYTES], headers)


async def _send(
    producer: AIOKafkaProducer,
    record: SourceRecord,
    value: bytes | None,
    headers: list[tuple[str, bytes]],
) -> None:
    await producer.send_and_wait(
        dead_letter_topic(record.topic), value=value, key=record.key, headers=headers
    )


def dead_letter_headers(letter: DeadLetter) -> list[tuple[str, bytes]]:
    """Return the `dlq.*` headers (wire rules, section 12): where from, why, since when."""
    record, rejection = letter.record, letter.rejection
    is_append_time = record.timestamp_type == LOG_APPEND_TIME
    texts = {
        "dlq.reason": rejection.reason,
        "dlq.detail": rejection.detail[:MAX_DETAIL_CHARACTERS],
        "dlq.topic": record.topic,
        "dlq.partition": str(record.partition),
        "dlq.offset": str(record.offset),
        "dlq.timestamp_ms": str(record.timestamp_ms),
        "dlq.timestamp_type": "LogAppendTime" if is_append_time else "CreateTime",
        "dlq.first_failed_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "dlq.attempts": "1",
        "dlq.version": HEADER_VERSION,
    }
    return [(name, text.encode("utf-8", "replace")) for name, text in texts.items()]


INSERT_DEAD_LETTERS: Final = """
INSERT INTO dead_letters (topic, partition, "offset", reason, detail, value_head, value_bytes)
SELECT * FROM unnest(
    $1::text[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::bytea[], $7::integer[])
ON CONFLICT (topic, partition, "offset") DO NOTHING
"""


async def insert_dead_letters(connection: Connection, letters: Sequence[DeadLetter]) -> None:
    """Note the letters in the transaction of the offset; repeating is safe."""
    if not letters:
        return
    rows = [_dead_letter_row(letter.record, letter) for letter in letters]
    await connection.execute(INSERT_DEAD_LETTERS, *zip(*rows, strict=True))


DELETE_DEAD_LETTERS: Final = """
DELETE FROM dead_letters
WHERE topic = $1 AND partition = $2 AND "offset" >= $3 AND "offset" < $4
  AND NOT "offset" = ANY($5::bigint[])
"""

SELECT_DEAD_LETTER_OFFSETS: Final = """
SELECT "offset" FROM dead_letters
WHERE topic = $1 AND partition = $2 AND "offset" >= $3 AND "offset" < $4
"""


async def replace_dead_letters(
    connection: Connection, span: OffsetSpan, letters: Sequence[DeadLetter]
) -> list[DeadLetter]:
    """Note these letters as all there are of the span; return those that were none before."""
    place = (span.topic, span.partition, span.first, span.end)
    offsets = [letter.record.offset for letter in letters]
    await connection.execute(DELETE_DEAD_LETTERS, *place, offsets)
    rows = await connection.fetch(SELECT_DEAD_LETTER_OFFSETS, *place)
    known = {row["offset"] for row in rows}
    fresh = [letter for letter in letters if letter.record.offset not in known]
    await insert_dead_letters(connection, fresh)
    return fresh


def _dead_letter_row(record: SourceRecord, letter: DeadLetter) -> tuple[object, ...]:
    value = record.value or b""
    detail = letter.rejection.detail[:MAX_DETAIL_CHARACTERS].replace("\0", "")
    return (
        record.topic,
        record.partition,
        record.offset,
        letter.rejection.reason,
        detail.encode("utf-8", "replace").decode(),
        value[:VALUE_HEAD_BYTES],
        len(value),
    )
