"""When a shelf of lines is full, and which shelves are past retention."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

# So many shelves make up the time that lines are kept: what stays for too long is a small part.
SHELVES_KEPT: Final = 12
# Of a shelf whose successor began so long ago nothing is being written any more.
SETTLED_AFTER: Final = timedelta(minutes=10)


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """A partition of the stored lines, and since when lines were put on it."""

    shelf: int
    begun_at: datetime
    newest_record_ms: int | None


def shelf_days(retention_days: int) -> int:
    """Return for how many days lines are put on one shelf."""
    return max(1, -(-retention_days // SHELVES_KEPT))


def is_full(newest: Shelf, now: datetime, retention_days: int) -> bool:
    """Tell whether lines are to be put on another shelf from now on."""
    return now - newest.begun_at >= timedelta(days=shelf_days(retention_days))


def past_retention(shelves: Sequence[Shelf], now: datetime, retention_days: int) -> list[Shelf]:
    """Return those of the shelves, in order, that hold no line stored within the retention.

    The newest shelf is never among them: lines are put on it.
    """
    limit = now - timedelta(days=retention_days)
    return [shelf for shelf, end in _with_ends(shelves) if end <= limit]


def settled(shelves: Sequence[Shelf], now: datetime) -> list[Shelf]:
    """Return those of the shelves, in order, that only a replay can still change."""
    return [shelf for shelf, end in _with_ends(shelves) if end <= now - SETTLED_AFTER]


def _with_ends(shelves: Sequence[Shelf]) -> list[tuple[Shelf, datetime]]:
    """Return the shelves that have a successor, each with when that began."""
    ends = [after.begun_at for after in shelves[1:]]
    return list(zip(shelves, ends, strict=False))


def place_chunks(
    chunks: Sequence[int], stored: dict[int, int], newest_shelf: int
) -> dict[int, int]:
    """Return the shelf of each chunk that is written anew.

    A chunk stays on the shelf that it is `stored` on; one that had no lines joins the chunk before
    it, else the one behind it, so that shelves stay in the order of offsets.
    """
    placed = {}
    shelf = min(stored.values(), default=newest_shelf)
    for chunk in sorted(chunks):
        shelf = placed[chunk] = stored.get(chunk, shelf)
    return placed
