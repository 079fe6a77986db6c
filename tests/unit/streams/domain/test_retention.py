from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.retention import (
    SETTLED_AFTER,
    SHELVES_KEPT,
    Shelf,
    is_full,
    past_retention,
    place_chunks,
    settled,
    shelf_days,
)

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ages = st.lists(st.integers(0, 10_000), min_size=1, max_size=20)
retentions = st.integers(1, 3_650)


def shelves(*ages_h: float) -> list[Shelf]:
    """Return shelves begun so many hours ago, numbered in order."""
    begun = [NOW - timedelta(hours=hours) for hours in sorted(ages_h, reverse=True)]
    return [Shelf(shelf=n, begun_at=at, newest_record_ms=None) for n, at in enumerate(begun)]


@pytest.mark.parametrize(("days", "width"), [(1, 1), (12, 1), (13, 2), (90, 8), (365, 31)])
def test_a_shelf_takes_a_twelfth_of_the_retention_and_a_day_at_least(days: int, width: int) -> None:
    assert shelf_days(days) == width


@given(retentions)
def test_shelves_are_few_and_hold_the_whole_retention(days: int) -> None:
    assert shelf_days(days) * SHELVES_KEPT >= days
    assert days < SHELVES_KEPT or (shelf_days(days) - 1) * SHELVES_KEPT < days


def test_a_shelf_is_full_after_its_days() -> None:
    (shelf,) = shelves(24)

    assert is_full(shelf, NOW, 7)
    assert not is_full(shelf, NOW - timedelta(seconds=1), 7)
    assert not is_full(shelf, NOW, 13)


def test_a_shelf_leaves_when_its_successor_is_as_old_as_the_retention() -> None:
    kept = shelves(24 * 9, 24 * 8, 24 * 7, 1)

    assert [one.shelf for one in past_retention(kept, NOW, 7)] == [0, 1]
    assert [one.shelf for one in past_retention(kept, NOW - timedelta(seconds=1), 7)] == [0]


def test_the_shelf_that_lines_are_put_on_never_leaves() -> None:
    assert past_retention(shelves(1_000_000), NOW, 1) == []


@given(ages, retentions)
def test_no_line_leaves_before_its_time(hours: list[int], days: int) -> None:
    kept = shelves(*hours)

    for gone in past_retention(kept, NOW, days):
        # The last line of a shelf was stored when the next one began, at the latest.
        assert NOW - kept[gone.shelf + 1].begun_at >= days * DAY


@given(ages, retentions, st.integers(1, 100))
def test_a_longer_retention_keeps_more(hours: list[int], days: int, more: int) -> None:
    kept = shelves(*hours)

    assert set(past_retention(kept, NOW, days + more)) <= set(past_retention(kept, NOW, days))


def test_a_shelf_is_settled_a_while_after_the_next_one_began() -> None:
    minutes = SETTLED_AFTER / timedelta(minutes=1)
    kept = shelves(3, 2, minutes / 60, (minutes - 1) / 60)

    assert [one.shelf for one in settled(kept, NOW)] == [0, 1]


def test_chunks_stay_on_their_shelves_and_new_ones_join_those_before_them() -> None:
    placed = place_chunks(range(8), {2: 4, 5: 6}, newest_shelf=9)

    assert placed == {0: 4, 1: 4, 2: 4, 3: 4, 4: 4, 5: 6, 6: 6, 7: 6}


def test_chunks_of_which_none_is_stored_go_on_the_newest_shelf() -> None:
    assert place_chunks([3, 4], {}, newest_shelf=9) == {3: 9, 4: 9}


@given(st.dictionaries(st.integers(0, 15), st.integers(0, 12)), st.integers(12, 20))
def test_shelves_stay_in_the_order_of_offsets(numbers: dict[int, int], newest: int) -> None:
    stored = dict(zip(sorted(numbers), sorted(numbers.values()), strict=True))

    placed = place_chunks(range(16), stored, newest)

    assert list(placed) == list(range(16))
    assert list(placed.values()) == sorted(placed.values())
    assert stored.items() <= placed.items()
