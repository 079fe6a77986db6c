"""What comes while a feed starts or reads, over rows in memory and reads that can be held."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import cast

import pytest

from graphql_api.errors import ApiError, ErrorCode
from graphql_api.feeds.feed import RowFeed, Subscriber
from graphql_api.live import Listener
from graphql_api.store.database import Database

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


class Gate:
    """A place where readers wait while it is shut."""

    def __init__(self) -> None:
        self._arrived = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()

    async def pass_through(self) -> None:
        """Wait until the gate is open."""
        self._arrived.set()
        await self._open.wait()

    def shut(self) -> None:
        """Hold who comes from now on."""
        self._arrived.clear()
        self._open.clear()

    @asynccontextmanager
    async def holding(self) -> AsyncIterator[None]:
        """Hold who comes for the duration of a block, which begins when somebody has come."""
        self.shut()
        async with asyncio.timeout(20):
            await self._arrived.wait()
        yield
        self._open.set()


class Clock:
    """The part of the database that tells the time."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def now(self) -> datetime:
        """Return always the same time."""
        await self._gate.pass_through()
        return MOMENT


class Rows(RowFeed[str, tuple[str, int]]):
    """Rows by their keys, with a state each."""

    def __init__(self, starting: Gate) -> None:
        super().__init__(cast(Database, Clock(starting)), Listener("", max_waiters=0))
        self.states: dict[str, int] = {}
        self.missed: list[str] = []
        self.reading = Gate()
        self.asking = Gate()
        self.failures: list[Exception] = []

    def set(self, key: str, state: int) -> None:
        """Store a row's new state and tell of it."""
        self.states[key] = state
        self._name(key)

    async def _changed_since(self, moment: datetime) -> list[str]:
        missed, self.missed = self.missed, []
        await self.asking.pass_through()
        return missed

    async def _publish_rows(self, keys: list[str]) -> None:
        if self.failures:
            raise self.failures.pop()
        found = {key: self.states[key] for key in keys}
        await self.reading.pass_through()
        for key, state in found.items():
            if self._is_new(key, state, MOMENT):
                self._publish((key, state))


@pytest.fixture
def starting() -> Gate:
    return Gate()


@pytest.fixture
def rows(starting: Gate) -> Rows:
    return Rows(starting)


async def told(subscriber: Subscriber[tuple[str, int]], count: int) -> list[tuple[str, int]]:
    async with asyncio.timeout(20):
        return [await subscriber.get() for _ in range(count)]


async def test_what_changes_while_it_is_read_is_told_again(rows: Rows) -> None:
    async with rows.subscribed() as subscriber:
        rows.set("a", 1)
        async with rows.reading.holding():
            rows.set("a", 2)
            rows.set("b", 1)
        found = await told(subscriber, 3)

    assert found == [("a", 1), ("a", 2), ("b", 1)]


async def test_a_resync_asked_for_during_another_is_not_lost(rows: Rows) -> None:
    async with rows.subscribed() as subscriber:
        rows.resync()
        async with rows.asking.holding():
            rows.states["missed"] = 1
            rows.missed = ["missed"]
            rows.resync()
        found = await told(subscriber, 1)

    assert found == [("missed", 1)]


async def test_what_changes_while_the_cursors_are_set_is_told(rows: Rows, starting: Gate) -> None:
    async def follow() -> list[tuple[str, int]]:
        async with rows.subscribed() as subscriber:
            return await told(subscriber, 1)

    starting.shut()
    following = asyncio.create_task(follow())
    async with starting.holding():
        rows.set("a", 1)

    assert await following == [("a", 1)]


async def test_who_come_at_once_share_one_reader(rows: Rows, starting: Gate) -> None:
    all_follow = asyncio.Barrier(4)

    async def follow() -> list[tuple[str, int]]:
        async with rows.subscribed() as subscriber:
            await all_follow.wait()
            return await told(subscriber, 2)

    starting.shut()
    following = [asyncio.create_task(follow()) for _ in range(3)]
    async with starting.holding():
        pass
    async with asyncio.timeout(20):
        await all_follow.wait()
    readers = [task for task in asyncio.all_tasks() if task.get_name() == "Rows"]
    rows.set("a", 1)
    rows.set("b", 1)

    assert await asyncio.gather(*following) == [[("a", 1), ("b", 1)]] * 3
    assert len(readers) == 1


@pytest.mark.parametrize(
    "failure",
    [
        lambda: ApiError(ErrorCode.DATABASE_UNAVAILABLE, "away"),
        lambda: ValueError("a row that cannot be read"),
    ],
)
async def test_a_read_that_fails_is_done_again(
    rows: Rows, failure: Callable[[], Exception]
) -> None:
    rows.failures = [failure()]
    async with rows.subscribed() as subscriber:
        rows.set("a", 1)
        rows.set("b", 1)
        found = await told(subscriber, 2)

    assert found == [("a", 1), ("b", 1)]
    assert rows.failures == []


async def test_nobody_is_told_what_was_noted_before(rows: Rows) -> None:
    async with rows.subscribed():
        pass
    rows.set("early", 1)
    async with rows.subscribed() as subscriber:
        rows.set("late", 1)
        found = await told(subscriber, 1)

    assert found == [("late", 1)]
