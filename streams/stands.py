"""How far the partitions of an app have come: fetched, handed over, stored, and their ends."""

import asyncio
from collections.abc import Mapping
from typing import Final, cast

import msgspec

from streams.batch_delivery import BatchApp, BatchConsumer, BatchScheduler, assigned_partitions

BROKER_TIMEOUT_S: Final = 5.0


class PartitionStand(msgspec.Struct, frozen=True, kw_only=True):
    """Where an assigned partition stands: fetched to, handed to the agent, stored, and its end."""

    topic: str
    partition: int
    fetched: int
    delivered: int
    stored: int
    end: int

    @property
    def is_waiting(self) -> bool:
        """Tell whether a record waits to be fetched or stored (a marker at the end is none)."""
        return self.fetched < self.end or self.stored < self.delivered

    @property
    def lag(self) -> int:
        """Return the records that are not stored, 0 when nothing waits."""
        return self.end - self.stored if self.is_waiting else 0


async def partition_stands(
    app: BatchApp, stored: Mapping[tuple[str, int], int]
) -> list[PartitionStand]:
    """Return how the app's assigned partitions stand; `stored` is what the agent has committed.

    It may be of an earlier time: before another worker had the partition, or not there at all,
    when all that was delivered so far was refused or lost.

    Raises:
        TimeoutError: the broker did not answer in time.
    """
    consumer = cast("BatchConsumer", app.consumer)
    assigned = assigned_partitions(consumer)
    if not assigned or app.rebalancing:
        return []
    scheduler = cast("BatchScheduler", consumer.scheduler)
    async with asyncio.timeout(BROKER_TIMEOUT_S):
        ends = await consumer.highwaters(*assigned)
        fetched = {tp: await consumer.position(tp) or 0 for tp in assigned}
    return [
        PartitionStand(
            topic=tp.topic,
            partition=tp.partition,
            fetched=fetched[tp],
            delivered=scheduler.positions.get(tp, fetched[tp]),
            stored=max(
                stored.get((tp.topic, tp.partition), 0), scheduler.claimed.get(tp, fetched[tp])
            ),
            end=ends[tp],
        )
        for tp in assigned
    ]
