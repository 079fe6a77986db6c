"""Reads back what lies on a topic: the records, and the events they become."""

import asyncio
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.events import LogEvent
from schemas.records import SourceRecord
from streams.batch_delivery import to_source_record
from streams.domain.decode import decode_record

READ_TIMEOUT_S: Final = 60.0


async def read_records(
    bootstrap: str, topic: str, count: int, *, partition: int = 0, first: int = 0
) -> list[SourceRecord]:
    """Return `count` records of a partition from offset `first` on, awaiting them."""
    place = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        consumer.assign([place])
        consumer.seek(place, first)
        async with asyncio.timeout(READ_TIMEOUT_S):
            return [to_source_record(await anext(consumer)) for _ in range(count)]
    finally:
        await consumer.stop()


def events_of(records: Sequence[SourceRecord]) -> list[LogEvent]:
    """Return the events of all records; none of them may be dropped or rejected."""
    decoded = [decode_record(record, fallback_ms=0) for record in records]
    assert not [one for one in decoded if one.dropped or one.rejection]
    return [event for one in decoded for event in one.events]
