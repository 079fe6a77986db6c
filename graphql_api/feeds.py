"""What is new in the tables, read once a process for all who want it.

A feed reads from cursors, never from what a notification says: after a reconnect it asks for
everything above them, so nothing is missed. It rests while nobody listens.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, Generic, TypeVar

import structlog

from graphql_api.errors import ApiError
from graphql_api.live import Listener, Partition, Progress, SummaryNote
from graphql_api.store.database import Database
from graphql_api.store.pieces import (
    SELECT_PAYLOADS,
    LogLine,
    Piece,
    PieceBounds,
    decode_rows,
)
from graphql_api.store.summaries import (
    StoredSummary,
    select_summaries_at,
    select_summaries_since,
)

_QUEUED_BATCHES: Final = 64
# A feed that is further behind than this skips, and says how many.
_MAX_BEHIND: Final = 20_000
_READ_AT_ONCE: Final = 2_048
_RETRY_S: Final = 0.5
_REMEMBERED_WINDOWS: Final = 10_000

_T = TypeVar("_T")
_V = TypeVar("_V")

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

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subscribers: set[Subscriber[_T]] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._must_resync = True

    @property
    def is_running(self) -> bool:
        """Tell whether anybody listens."""
        return bool(self._subscribers)

    @asynccontextmanager
    async def subscribed(self) -> AsyncIterator[Subscriber[_T]]:
        """Lend a queue that gets everything from now on."""
        if self._task is None:
            self._must_resync = True
            await self._start()
            self._task = asyncio.create_task(self._run(), name=type(self).__name__)
        subscriber: Subscriber[_T] = Subscriber()
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

    def _publish(self, new: _T, weight: int = 1) -> None:
        for subscriber in self._subscribers:
            subscriber.offer(new, weight)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._read()
            except ApiError as exc:
                log.warning("feed_read_failed", feed=type(self).__name__, code=exc.code)
                self._must_resync = True
                self._wake.set()
                await asyncio.sleep(_RETRY_S)

    async def _start(self) -> None:
        """Set the cursors to now."""
        raise NotImplementedError

    async def _read(self) -> None:
        """Publish everything above the cursors and move them."""
        raise NotImplementedError


SELECT_OFFSETS: Final = "SELECT topic, partition, next_offset FROM stream_offsets"


class NewLines(Generic[_V]):
    """Lines of one partition in order, and how many before them were skipped."""

    def __init__(self, piece: Piece[_V], skipped: int) -> None:
        self.piece = piece
        self.skipped = skipped


class LineFeed(Feed[NewLines[_V]]):
    """New log lines of all partitions."""

    def __init__(
        self, database: Database, listener: Listener, view: Callable[[LogLine], _V]
    ) -> None:
        super().__init__(database)
        self._view = view
        self._cursors: dict[Partition, int] = {}
        self._targets: dict[Partition, int] = {}
        listener.on_progress.append(self._note)
        listener.on_reconnect.append(self.resync)

    def _note(self, progress: Progress) -> None:
        if self._task is not None:
            self._targets[progress.topic, progress.partition] = progress.next_offset
            self._wake.set()

    async def _start(self) -> None:
        self._cursors = await self._stored_offsets()
        self._targets = {}

    async def _stored_offsets(self) -> dict[Partition, int]:
        rows = await self._database.fetch(SELECT_OFFSETS)
        return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    async def _read(self) -> None:
        if self._must_resync:
            self._targets.update(await self._stored_offsets())
            self._must_resync = False
        for partition in sorted(self._targets):
            await self._read_partition(partition, self._targets[partition])
            self._targets.pop(partition, None)

    async def _read_partition(self, partition: Partition, target: int) -> None:
        cursor = self._cursors.get(partition, 0)
        skipped = max(0, target - cursor - _MAX_BEHIND)
        cursor += skipped
        while cursor < target:
            end = min(target, cursor + _READ_AT_ONCE)
            lines = await self._lines(partition, cursor, end)
            self._cursors[partition] = cursor = end
            if lines or skipped:
                self._publish(NewLines(Piece(lines, self._view), skipped), len(lines) + skipped)
            skipped = 0

    async def _lines(self, partition: Partition, first: int, end: int) -> list[LogLine]:
        bounds = PieceBounds(*partition, first, end, 0, end - first)
        async with self._database.read_lines() as connection:
            rows = await connection.fetch(SELECT_PAYLOADS, *partition, first, end, bounds.shelf)
        return await decode_rows(rows, bounds)


class SummaryFeed(Feed[StoredSummary]):
    """New and revised window summaries."""

    def __init__(self, database: Database, listener: Listener) -> None:
        super().__init__(database)
        self._windows: set[tuple[str, int]] = set()
        self._revisions: OrderedDict[tuple[str, int], int] = OrderedDict()
        self._newest: datetime | None = None
        listener.on_summary.append(self._note)
        listener.on_reconnect.append(self.resync)

    def _note(self, note: SummaryNote) -> None:
        if self._task is not None:
            self._windows.add((note.service, note.start_ns))
            self._wake.set()

    async def _start(self) -> None:
        self._windows = set()
        newest = await self._database.fetchrow("SELECT now() AS now")
        self._newest = newest["now"] if newest else None
        self._must_resync = False

    async def _read(self) -> None:
        found: list[StoredSummary] = []
        if self._must_resync and self._newest is not None:
            found += await select_summaries_since(self._database, self._newest)
            self._must_resync = False
        windows, self._windows = sorted(self._windows), set()
        if windows:
            found += await self._read_windows(windows)
        for summary in found:
            self._publish_once(summary)

    async def _read_windows(self, windows: list[tuple[str, int]]) -> list[StoredSummary]:
        try:
            return await select_summaries_at(self._database, windows)
        except ApiError:
            self._windows.update(windows)
            raise

    def _publish_once(self, summary: StoredSummary) -> None:
        window = (summary.service, summary.start_ns)
        if self._revisions.get(window, 0) >= summary.revision:
            return
        self._revisions[window] = summary.revision
        self._revisions.move_to_end(window)
        if len(self._revisions) > _REMEMBERED_WINDOWS:
            self._revisions.popitem(last=False)
        self._newest = max(self._newest or summary.updated_at, summary.updated_at)
        self._publish(summary)
