"""Which partitions of the stored lines a search looks into: those with new lines first."""

import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from schemas.db.pool import Connection

# Shelves change once a day or so.
REFRESH_S: Final = 5.0


class Shelf(msgspec.Struct, frozen=True):
    """A partition of the stored lines; no record on it is newer than this, None: unknown."""

    shelf: int
    newest_record_ms: int | None


class Look(msgspec.Struct, frozen=True):
    """All pieces with records from a time on lie on this shelf or on newer ones.

    `shelves` are so many; those begun since they were read are newer ones too.
    """

    shelves: int
    oldest_shelf: int
    since_ms: int


def next_look(shelves: Sequence[Shelf], since_ms: int, until_ms: int, *, at_least: int = 1) -> Look:
    """Return where to look for pieces of [since_ms, until_ms], the newest of them at least.

    `shelves` are in order, newest first. At least so many are taken in, and twice as many again
    while what they hold for certain is all newer than `until_ms`. The pieces before the look's own
    `since_ms` are for the next look.
    """
    count = min(at_least, len(shelves))
    while True:
        floor_ms = _floor_ms(shelves[count:], since_ms, until_ms)
        if floor_ms <= until_ms or count == len(shelves):
            return Look(count, shelves[count - 1].shelf, floor_ms)
        count = min(2 * count, len(shelves))


def _floor_ms(others: Sequence[Shelf], since_ms: int, until_ms: int) -> int:
    """Return the time from which on these shelves hold no records."""
    floor_ms = since_ms
    for shelf in others:
        newest_ms = until_ms if shelf.newest_record_ms is None else shelf.newest_record_ms
        floor_ms = max(floor_ms, newest_ms + 1)
    return floor_ms


SELECT_SHELVES: Final = "SELECT shelf, newest_record_ms FROM log_shelves ORDER BY shelf DESC"


class ShelfCache:
    """The shelves, read again every few seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._read_s = 0.0
        self._shelves: list[Shelf] = []

    async def get(self, connection: Connection) -> Sequence[Shelf]:
        """Return the shelves, newest first."""
        now_s = self._clock()
        if not self._shelves or now_s - self._read_s >= REFRESH_S:
            rows = await connection.fetch(SELECT_SHELVES)
            self._shelves = [Shelf(row["shelf"], row["newest_record_ms"]) for row in rows]
            self._read_s = now_s
        return self._shelves
