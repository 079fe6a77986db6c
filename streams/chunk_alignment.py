"""Ends batches where chunks end, while the rest of a chunk is sure to come.

A chunk that is written in one piece costs half of one that grows: nothing is read back, packed
anew, or left for autovacuum. While there is a backlog the next fetch brings what is missing.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from operator import attrgetter
from time import monotonic
from typing import Any, Final, TypeAlias

from aiokafka import TopicPartition

from schemas.ids import CHUNK_RECORDS

# What lies on the broker may be nothing but aborted transactions: nobody waits longer for it,
# whatever other partitions bring meanwhile.
MAX_HOLD_S: Final = 10.0
# Over all partitions: a few chunks of short lines, or none where lines are long.
MAX_HELD_BYTES: Final = 16 * 2**20

# aiokafka records of one partition, in order.
Records: TypeAlias = list[Any]
# The offset behind the last record that can be fetched; None: unknown.
EndOf: TypeAlias = Callable[[TopicPartition], int | None]


class _Held:
    __slots__ = ("records", "since", "size")

    def __init__(self, records: Records, since: float) -> None:
        self.records = records
        self.since = since
        self.size = sum(len(record.value or b"") for record in records)


class ChunkAligner:
    """Holds back the beginnings of chunks, each for a moment."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._held: dict[TopicPartition, _Held] = {}

    def forget(self) -> None:
        """Drop what is held back: it will be fetched again."""
        self._held.clear()

    def align(
        self,
        fetched: Mapping[TopicPartition, Records],
        end_of: Callable[[TopicPartition], int | None],
    ) -> dict[TopicPartition, Records]:
        """Return what to hand over now, with what was held back before.

        A chunk's beginning is held back while the chunk's end lies before that of its partition
        and fetches bring anything at all.
        """
        handed_over = {}
        for tp, records in fetched.items():
            if ready := self._ready(tp, records, end_of(tp) or 0):
                handed_over[tp] = ready
        return handed_over | self._overdue(MAX_HOLD_S if fetched else 0)

    def _ready(self, tp: TopicPartition, records: Records, end: int) -> Records:
        now, held = self._clock(), self._held.pop(tp, None)
        # Where the fetch began anew at an earlier offset it brings them again.
        if held is not None and held.records[-1].offset < records[0].offset:
            records = [*held.records, *records]
        cut = _count_ready(records, end)
        since = now if held is None or cut else held.since
        rest = _Held(records[cut:], since)
        if not rest.records or rest.size + self._held_bytes() > MAX_HELD_BYTES:
            return records
        self._held[tp] = rest
        return records[:cut]

    def _held_bytes(self) -> int:
        return sum(held.size for held in self._held.values())

    def _overdue(self, hold_s: float) -> dict[TopicPartition, Records]:
        latest = self._clock() - hold_s
        overdue = [tp for tp, held in self._held.items() if held.since <= latest]
        return {tp: self._held.pop(tp).records for tp in overdue}


def before_last_chunk_end(records: Records) -> int:
    """Return how many of the records lie before the last end of a chunk among them; 0: none."""
    boundary = (records[-1].offset + 1) // CHUNK_RECORDS * CHUNK_RECORDS
    return bisect_left(records, boundary, key=attrgetter("offset"))


def _count_ready(records: Records, end: int) -> int:
    """Return how many of the records go out while `end` is the end of what can be fetched."""
    next_chunk = (records[-1].offset + 1) // CHUNK_RECORDS + 1
    return before_last_chunk_end(records) if next_chunk * CHUNK_RECORDS <= end else len(records)
