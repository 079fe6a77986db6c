"""What all feeds have in common: who follows, when to read, what was told last.

Whatever is told while a feed reads must not be lost: notes and the wish for a resync are taken
away before the read they cause, never after it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, Generic, TypeVar

import structlog

from graphql_api.errors import ApiError
from graphql_api.live import Listener
from graphql_api.store.database import Database

_QUEUED_BATCHES: Final = 64
_RETRY_S: Final = 0.5
_READ_AT_ONCE: Final = 200
_REMEMBERED: Final = 10_000

_T = TypeVar("_T")
_K = TypeVar("_K", bound=Hashable)

log = structlog.get_logger(__name__)


class Subscriber(Generic[_T]):
    """A bounded queue of what is new; what does not fit is dropped and counted."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[_T] = asyncio.Queue(_QUEUED_BATCHES)
        self._dropped = 0

    def offer(self, new: _T, weight: int) -> None:
        """Add what is new, or drop it and count its weight."""
        try:
            self._queue.put_nowait(new)
        except asyncio.QueueFull:
            self._dropped += weight

    def take_dropped(self) -> int:
        """Return what was dropped since the last call."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    async def get(self) -> _T:
        """Wait for what is new."""
        return await self._queue.get()


class Feed(Generic[_T]):
    """Runs `_read` whenever something may be new, while there are subscribers."""

    def __init__(self, database: Database, listener: Listener) -> None:
        self._database = database
        self._subscribers: set[Subscriber[_T]] = set()
        self._wake = asyncio.Event()
        self._starting = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._must_resync = False
        listener.on_reconnect.append(self.resync)

    @property
    def is_running(self) -> bool:
        """Tell whether anybody listens."""
        return bool(self._subscribers)

    @property
    def _is_hearing(self) -> bool:
        """Tell whether notes count: from before the cursors are set until nobody listens."""
        return self._task is not None or self._starting.locked()

    @asynccontextmanager
    async def subscribed(self) -> AsyncIterator[Subscriber[_T]]:
        """Lend a queue that gets everything from now on."""
        subscriber: Subscriber[_T] = Subscriber()
        async with self._starting:
            if self._task is None:
                self._must_resync = False
                await self._start()
                self._task = asyncio.create_task(self._run(), name=type(self).__name__)
            self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)
            if not self._subscribers:
                await self.close()

    async def close(self) -> None:
        """Stop reading."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def resync(self) -> None:
        """Ask for everything above the cursors: notifications may have been missed."""
        self._must_resync = True
        self._wake.set()

    def _take_resync(self) -> bool:
        """Return whether a resync is asked for; it counts as done from here on."""
        asked, self._must_resync = self._must_resync, False
        return asked

    def _publish(self, new: _T, weight: int = 1) -> None:
        for subscriber in self._subscribers:
            subscriber.offer(new, weight)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._read()
            except Exception as exc:  # noqa: BLE001 - the top of a task, which must go on
                error = exc.code if isinstance(exc, ApiError) else type(exc).__name__
                log.warning("feed_read_failed", feed=type(self).__name__, error=error)
                self.resync()
                await asyncio.sleep(_RETRY_S)

    async def _start(self) -> None:
        """Forget old notes, then set the cursors to now."""
        raise NotImplementedError

    async def _read(self) -> None:
        """Publish everything above the cursors and move them."""
        raise NotImplementedError


class LastTold:
    """The state that was told last of each key, of the keys that were told last."""

    def __init__(self) -> None:
        self._states: OrderedDict[Hashable, object] = OrderedDict()

    def is_new(self, key: Hashable, state: object) -> bool:
        """Tell whether a key's state is another than was told, and remember it."""
        if self._states.get(key) == state:
            return False
        self._states[key] = state
        self._states.move_to_end(key)
        if len(self._states) > _REMEMBERED:
            self._states.popitem(last=False)
        return True


class RowFeed(Feed[_T], Generic[_K, _T]):
    """Rows that notes name by their keys, as they are when they are read, each state once."""

    def __init__(self, database: Database, listener: Listener) -> None:
        super().__init__(database, listener)
        # In order of arrival, each once: a dict is the set that keeps it.
        self._named: dict[_K, None] = {}
        self._told = LastTold()
        self._newest: datetime | None = None

    def _name(self, key: _K) -> None:
        if self._is_hearing:
            self._named[key] = None
            self._wake.set()

    def _is_new(self, key: _K, state: object, changed_at: datetime) -> bool:
        """Tell whether a row's state was not told yet; a resync asks from the newest change on."""
        self._newest = max(self._newest or changed_at, changed_at)
        return self._told.is_new(key, state)

    async def _start(self) -> None:
        self._named = {}
        self._newest = await self._database.now()

    async def _read(self) -> None:
        if self._take_resync() and self._newest is not None:
            missed = await self._changed_since(self._newest)
            self._named |= dict.fromkeys(missed)
        while self._named:
            keys = list(self._named)[:_READ_AT_ONCE]
            for key in keys:
                del self._named[key]
            try:
                await self._publish_rows(keys)
            except Exception:
                self._named = dict.fromkeys(keys) | self._named
                raise

    async def _changed_since(self, moment: datetime) -> list[_K]:
        """Return the keys of what changed since shortly before a moment, oldest first."""
        raise NotImplementedError

    async def _publish_rows(self, keys: list[_K]) -> None:
        """Read the rows with these keys and publish those whose state is new."""
        raise NotImplementedError
