"""New log lines, in the order of their partitions."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from graphql_api.feeds.feed import Feed
from graphql_api.live import Listener, Partition, Progress
from graphql_api.store.database import Database
from graphql_api.store.pieces import (
    SELECT_PAYLOADS,
    LogLine,
    Piece,
    PieceBounds,
    decode_rows,
)

# A feed that is further behind than this skips, and says how many.
_MAX_BEHIND: Final = 20_000
_READ_AT_ONCE: Final = 2_048

_V = TypeVar("_V")

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
        super().__init__(database, listener)
        self._view = view
        self._cursors: dict[Partition, int] = {}
        self._targets: dict[Partition, int] = {}
        listener.on_progress.append(self._note)

    def _note(self, progress: Progress) -> None:
        if self._is_hearing:
            self._targets[progress.topic, progress.partition] = progress.next_offset
            self._wake.set()

    async def _start(self) -> None:
        self._targets = {}
        self._cursors = await self._stored_offsets()

    async def _stored_offsets(self) -> dict[Partition, int]:
        rows = await self._database.fetch(SELECT_OFFSETS)
        return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    async def _read(self) -> None:
        if self._take_resync() or self._is_any_below_its_cursor():
            await self._ask_for_offsets()
        targets, self._targets = self._targets, {}
        for partition in sorted(targets):
            await self._read_partition(partition, targets[partition])

    def _is_any_below_its_cursor(self) -> bool:
        """Tell whether a note is late, or of a topic that was forgotten and begins anew."""
        return any(
            target < self._cursors.get(partition, 0) for partition, target in self._targets.items()
        )

    async def _ask_for_offsets(self) -> None:
        stored = await self._stored_offsets()
        # What was read before was stored by then: where less is stored now, it was forgotten.
        self._cursors = {
            partition: cursor
            for partition, cursor in self._cursors.items()
            if cursor <= stored.get(partition, 0)
        }
        # What was noted meanwhile may be newer.
        for partition, offset in stored.items():
            self._targets[partition] = max(offset, self._targets.get(partition, 0))

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
