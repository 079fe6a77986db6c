"""Reads parts of a topic's partitions again, with one consumer outside any group."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.errors import TransientError
from schemas.records import SourceRecord
from streams.batch_delivery import to_source_record

FETCH_TIMEOUT_MS: Final = 1_000
MAX_FETCH_RECORDS: Final = 5_000
# No record for so long, and the end not reached: the broker is not answering.
STALL_TIMEOUT_S: Final = 30.0


@asynccontextmanager
async def open_consumer(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a consumer without an assignment.

    Raises:
        TransientError: the broker does not answer, now or within the block.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
    )
    try:
        try:
            await consumer.start()
            # Its tasks must have begun: stopped before, aiokafka cancels them and then us.
            await asyncio.sleep(0)
            yield consumer
        finally:
            await consumer.stop()
    except KafkaError as exc:
        raise TransientError(f"Kafka at {bootstrap}: {exc!r}") from exc


class BlockReader:
    """Reads partitions from where it is told to, as far as told."""

    def __init__(self, consumer: AIOKafkaConsumer, starts: Mapping[TopicPartition, int]) -> None:
        self._consumer = consumer
        self._positions = dict(starts)
        # Once, for all: aiokafka's stop can wait for ever soon after another assignment.
        consumer.assign(list(starts))
        for place, start in starts.items():
            consumer.seek(place, start)

    async def beginning(self, place: TopicPartition) -> int:
        """Return the first offset that the broker still has."""
        return int((await self._consumer.beginning_offsets([place]))[place])

    def seek(self, place: TopicPartition, offset: int) -> None:
        """Go to an offset."""
        if self._positions[place] != offset:
            self._consumer.seek(place, offset)
            self._positions[place] = offset

    async def read_to(self, place: TopicPartition, end: int) -> AsyncIterator[list[SourceRecord]]:
        """Yield the records from here to `end` (exclusive); offsets without one are passed over.

        Raises:
            TransientError: the broker does not answer.
        """
        position, last_progress = self._positions[place], time.monotonic()
        if position >= end:
            return
        while position < end:
            fetched = await self._consumer.getmany(
                place, timeout_ms=FETCH_TIMEOUT_MS, max_records=MAX_FETCH_RECORDS
            )
            yield [to_source_record(one) for one in fetched.get(place, []) if one.offset < end]
            reached = await self._consumer.position(place)
            if reached > position:
                last_progress = time.monotonic()
            elif time.monotonic() - last_progress > STALL_TIMEOUT_S:
                raise TransientError(f"no records of {place} for {STALL_TIMEOUT_S:g} s")
            self._positions[place] = position = reached
        if position > end:
            # The fetch went on: the next call begins where this one ended.
            self.seek(place, end)
