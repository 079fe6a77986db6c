"""Which lines of a partition the live tail tells, whenever notes come."""

import asyncio
from collections.abc import Callable
from typing import cast

from graphql_api.feeds.feed import Subscriber
from graphql_api.feeds.lines import LineFeed, NewLines
from graphql_api.live import Listener, Partition, Progress
from graphql_api.store.database import Database
from graphql_api.store.pieces import LogLine
from schemas.ids import RecordId
from tests.integration.graphql_api.seeding import make_line

PARTITION: Partition = ("logs.raw", 0)


class Tail(LineFeed[int]):
    """A tail over lines in memory; something may happen during a read."""

    def __init__(self) -> None:
        self.listener = Listener("", max_waiters=0)
        super().__init__(cast(Database, None), self.listener, lambda line: line.record_id.offset)
        self.stored = 0
        self.during_read: list[Callable[[], None]] = []
        self.after_offsets: list[Callable[[], None]] = []

    def store(self, next_offset: int) -> None:
        """Store lines up to an offset and tell of them."""
        self.stored = next_offset
        self.tell(next_offset)

    def tell(self, next_offset: int) -> None:
        """Tell of lines up to an offset."""
        for told in self.listener.on_progress:
            told(Progress(*PARTITION, next_offset))

    async def _stored_offsets(self) -> dict[Partition, int]:
        found = {PARTITION: self.stored}
        if self.after_offsets:
            self.after_offsets.pop()()
        return found

    async def _lines(self, partition: Partition, first: int, end: int) -> list[LogLine]:
        if self.during_read:
            self.during_read.pop()()
        return [
            LogLine(RecordId(*partition, offset), make_line(offset), None)
            for offset in range(first, end)
        ]


async def told(subscriber: Subscriber[NewLines[int]], last: int) -> list[int]:
    """Return the offsets of all lines up to one."""
    found: list[int] = []
    async with asyncio.timeout(20):
        while not found or found[-1] < last:
            new = await subscriber.get()
            found += [line.record_id.offset for line in new.piece.lines]
    return found


async def test_lines_stored_while_others_are_read_are_told() -> None:
    tail = Tail()
    async with tail.subscribed() as subscriber:
        tail.during_read = [lambda: tail.store(5)]
        tail.store(3)
        found = await told(subscriber, 4)

    assert found == [0, 1, 2, 3, 4]


async def test_lines_stored_while_a_resync_asks_for_offsets_are_told() -> None:
    tail = Tail()
    async with tail.subscribed() as subscriber:
        tail.after_offsets = [lambda: tail.store(5)]
        tail.stored = 3
        tail.resync()
        found = await told(subscriber, 4)

    assert found == [0, 1, 2, 3, 4]


async def test_lines_stored_while_the_tail_starts_are_told() -> None:
    tail = Tail()
    tail.store(2)
    tail.after_offsets = [lambda: tail.store(4)]
    async with tail.subscribed() as subscriber:
        found = await told(subscriber, 3)

    assert found == [2, 3]


async def test_a_topic_that_was_forgotten_is_followed_from_its_new_start() -> None:
    tail = Tail()
    async with tail.subscribed() as subscriber:
        tail.store(5)
        first = await told(subscriber, 4)
        tail.store(2)
        second = await told(subscriber, 1)

    assert (first, second) == ([0, 1, 2, 3, 4], [0, 1])


async def test_a_late_note_takes_nothing_back() -> None:
    tail, asked = Tail(), asyncio.Event()
    async with tail.subscribed() as subscriber:
        tail.stored = 5
        tail.resync()
        first = await told(subscriber, 4)
        tail.after_offsets = [asked.set]
        tail.tell(3)
        async with asyncio.timeout(20):
            await asked.wait()
        tail.store(6)
        second = await told(subscriber, 5)

    assert (first, second) == ([0, 1, 2, 3, 4], [5])
