"""What every agent does with a batch: prepare, write with the offset, isolate what fails, ack."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final, Generic, Protocol, TypeVar, cast, runtime_checkable
from uuid import UUID

import faust
import structlog

from schemas.db.pool import Connection, Pool
from schemas.errors import AiOpsError, OffsetFenceError
from schemas.records import DeadLetter, Rejection, SourceRecord
from schemas.settings import Settings
from schemas.telemetry import (
    BATCH_SECONDS,
    OFFSET_GAPS,
    RECORDS_DROPPED,
    RECORDS_RECEIVED,
    RECORDS_REJECTED,
    RECORDS_WRITTEN,
)
from streams.batch_delivery import PartitionBatch
from streams.dead_letters import DeadLetterLimit, DeadLetterProducer, insert_dead_letters
from streams.domain.prepared import Prepared
from streams.offsets import OffsetSpan, advance_offset, lock_offset
from streams.retrying import is_transient, retry_transient

log = structlog.get_logger()

# Decoding a slice takes a few milliseconds; in between the event loop gets its turn.
SLICE_RECORDS: Final = 250

_P = TypeVar("_P", bound=Prepared)


class LostBatchError(AiOpsError):
    """Records were fetched and never came here: stop, and go on from the stored offset."""

    def __init__(self, *, topic: str, partition: int, stored: int, follows: int) -> None:
        self.topic = topic
        self.partition = partition
        super().__init__(f"{topic}[{partition}]: stored up to {stored}, batch follows {follows}")


class StreamHandler(Protocol[_P]):
    """What is particular to a stream."""

    def prepare(self, record: SourceRecord) -> _P:
        """Return what became of the record; pure."""

    def reject(self, record: SourceRecord, rejection: Rejection) -> _P:
        """Return the record as rejected."""

    def newest_event_ns(self, records: Sequence[_P]) -> int:
        """Return the newest event time, nanoseconds; 0 when there is none."""

    async def append(self, connection: Connection, span: OffsetSpan, records: Sequence[_P]) -> None:
        """Write the effects of records never stored before, within the caller's transaction."""


@runtime_checkable
class StatefulHandler(Protocol):
    """A handler whose results rest on what is stored."""

    async def warm_up(self, connection: Connection) -> None:
        """Learn what is stored, before the first record."""


class BatchAgent(Generic[_P]):
    """Writes the batches of one stream; one per process, all its partitions in turn."""

    def __init__(
        self,
        handler: StreamHandler[_P],
        *,
        settings: Settings,
        pool: Pool,
        dead_letters: DeadLetterProducer,
        writer: UUID,
    ) -> None:
        self._handler = handler
        self._pool = pool
        self._dead_letters = dead_letters
        self._writer = writer
        # For the watchdog: how far each partition is stored, and which are refused.
        self.stored: dict[tuple[str, int], int] = {}
        self.refused: set[tuple[str, int]] = set()
        self._limits = defaultdict[str, DeadLetterLimit](
            lambda: DeadLetterLimit(
                max_ratio=settings.dead_letter_max_ratio, max_run=settings.dead_letter_max_run
            )
        )

    async def run(self, stream: faust.StreamT[Any]) -> None:
        """Write and ack the stream's batches in order; an exception ends the process."""
        async for event in cast("faust.Stream[Any]", stream).noack().events():
            await self.process_batch(event.value)
            event.ack()

    def note_claimed(self, places: Iterable[tuple[str, int]]) -> None:
        """Forget refusals of partitions that this worker has just become the writer of."""
        self.refused.difference_update(places)

    async def process_batch(self, batch: PartitionBatch) -> None:
        """Write one batch, however long the database is away; repeating changes nothing.

        Raises:
            DeadLetterLimitError: too many records were rejected; nothing was written.
            LostBatchError: the batch does not follow what is stored.
        """
        started = monotonic()
        RECORDS_RECEIVED.labels(batch.topic).inc(len(batch.records))
        prepared = await self._prepare(batch.source_records())
        self._limits[batch.topic].check(batch.topic, [one.is_rejected for one in prepared])
        try:
            written = await self._write_or_isolate(batch, prepared)
        except OffsetFenceError:
            # The partition is another worker's now, which reads from the same stored offset.
            self.refused.add((batch.topic, batch.partition))
            log.warning("batch_refused", topic=batch.topic, partition=batch.partition)
            return
        self.stored[batch.topic, batch.partition] = batch.offset + 1
        _count(batch.topic, written)
        BATCH_SECONDS.labels(batch.topic).observe(monotonic() - started)
        log.info(
            "batch_written",
            topic=batch.topic,
            partition=batch.partition,
            first_offset=batch.records[0].offset,
            next_offset=batch.offset + 1,
            records=len(written),
            duration_s=round(monotonic() - started, 4),
        )

    async def _prepare(self, records: Sequence[SourceRecord]) -> list[_P]:
        prepared: list[_P] = []
        for start in range(0, len(records), SLICE_RECORDS):
            prepared += [self._prepare_one(one) for one in records[start : start + SLICE_RECORDS]]
            await asyncio.sleep(0)
        return prepared

    def _prepare_one(self, record: SourceRecord) -> _P:
        try:
            return self._handler.prepare(record)
        except Exception as exc:  # noqa: BLE001 - a bug of ours must not stop the stream for good
            return self._reject_internal(record, exc)

    def _reject_internal(self, record: SourceRecord, exc: Exception) -> _P:
        log.error(
            "record_failed",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            error=type(exc).__name__,
        )
        return self._handler.reject(record, Rejection("internal", repr(exc)))

    async def _write_or_isolate(self, batch: PartitionBatch, prepared: list[_P]) -> list[_P]:
        """Write the batch; where that fails unexpectedly, try record by record, once."""
        try:
            return await self._write(batch, prepared)
        except Exception as exc:
            if isinstance(exc, AiOpsError) or is_transient(exc):
                raise
            log.exception("batch_failed", topic=batch.topic, partition=batch.partition)
        isolated = [await self._try_alone(batch, one) for one in prepared]
        self._limits[batch.topic].recheck(batch.topic, [one.is_rejected for one in isolated])
        return await self._write(batch, isolated)

    async def _try_alone(self, batch: PartitionBatch, one: _P) -> _P:
        """Return the record as it is when its rows can be written, else as a dead letter."""

        async def attempt() -> None:
            async with self._pool.acquire() as connection, _rolled_back(connection):
                span = _span(batch, one.offset, one.offset + 1)
                await self._append(connection, span, [one])

        try:
            await retry_transient("try_record", attempt)
        except Exception as exc:
            if isinstance(exc, AiOpsError):
                raise
            return self._reject_internal(one.record, exc)
        return one

    async def _write(self, batch: PartitionBatch, prepared: list[_P]) -> list[_P]:
        await self._dead_letters.produce(_letters(prepared))
        return await retry_transient("write_batch", lambda: self._commit(batch, prepared))

    async def _commit(self, batch: PartitionBatch, prepared: list[_P]) -> list[_P]:
        """Write what is not stored yet, in one transaction with the offset; return that part."""
        async with self._pool.acquire() as connection, connection.transaction():
            stored = await lock_offset(connection, batch.topic, batch.partition, self._writer)
            if batch.follows > stored:
                raise LostBatchError(
                    topic=batch.topic,
                    partition=batch.partition,
                    stored=stored,
                    follows=batch.follows,
                )
            fresh = [one for one in prepared if one.offset >= stored]
            if fresh:
                await self._append(connection, _span(batch, stored, batch.offset + 1), fresh)
            return fresh

    async def _append(self, connection: Connection, span: OffsetSpan, fresh: Sequence[_P]) -> None:
        skipped = (span.end - span.first) - len(fresh)
        if skipped:
            OFFSET_GAPS.labels(span.topic, "skipped").inc(skipped)
        await self._handler.append(connection, span, fresh)
        await insert_dead_letters(connection, _letters(fresh))
        await advance_offset(
            connection,
            span,
            max_event_ns=self._handler.newest_event_ns(fresh),
            writer=self._writer,
        )


@asynccontextmanager
async def _rolled_back(connection: Connection) -> AsyncIterator[None]:
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


def _span(batch: PartitionBatch, first: int, end: int) -> OffsetSpan:
    return OffsetSpan(topic=batch.topic, partition=batch.partition, first=first, end=end)


def _letters(prepared: Sequence[Prepared]) -> list[DeadLetter]:
    return [letter for one in prepared if (letter := one.dead_letter) is not None]


def _count(topic: str, written: Sequence[Prepared]) -> None:
    RECORDS_WRITTEN.labels(topic).inc(len(written))
    for one in written:
        if one.dropped is not None:
            RECORDS_DROPPED.labels(topic, one.dropped).inc()
        if one.rejection is not None:
            RECORDS_REJECTED.labels(topic, one.rejection.reason).inc()
