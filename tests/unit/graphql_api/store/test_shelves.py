from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.store.shelves import Look, Shelf, next_look

ALL_MS = (-(10**6), 10**6)
times = st.integers(0, 50)
Pieces = list[list[int]]


def shelves_of(pieces: Sequence[Sequence[int]], unknown: frozenset[int]) -> list[Shelf]:
    """Return shelves, newest first, from the record times on each, oldest first."""
    numbered = [
        Shelf(number, None if number in unknown else max(records, default=-1))
        for number, records in enumerate(pieces)
    ]
    return numbered[::-1]


def looks(
    shelves: Sequence[Shelf], since_ms: int, until_ms: int, *, at_least: int = 1
) -> Iterator[Look]:
    """Yield one look after the other, until all was looked at."""
    look = next_look(shelves, since_ms, until_ms, at_least=at_least)
    yield look
    while look.since_ms > since_ms:
        look = next_look(shelves, since_ms, look.since_ms - 1, at_least=look.shelves)
        yield look


def find(
    pieces: Sequence[Sequence[int]], shelves: Sequence[Shelf], bounds: tuple[int, int], count: int
) -> list[int]:
    """Return what a search finds: the newest `count` times within the bounds."""
    found: list[int] = []
    until_ms = bounds[1]
    for look in looks(shelves, *bounds):
        seen = [ms for records in pieces[look.oldest_shelf :] for ms in records]
        found += sorted((ms for ms in seen if look.since_ms <= ms <= until_ms), reverse=True)
        if len(found) >= count:
            break
        until_ms = look.since_ms - 1
    return found[:count]


@given(
    st.lists(st.lists(times, max_size=8), min_size=1, max_size=14),
    st.frozensets(st.integers(0, 13)),
    st.tuples(times, times),
    st.integers(1, 10),
)
def test_a_search_finds_what_looking_everywhere_finds(
    pieces: Pieces, unknown: frozenset[int], bounds: tuple[int, int], count: int
) -> None:
    shelves = shelves_of(pieces, unknown)

    everything = [ms for records in pieces for ms in records if bounds[0] <= ms <= bounds[1]]
    assert find(pieces, shelves, bounds, count) == sorted(everything, reverse=True)[:count]


def test_the_newest_records_are_looked_for_on_the_newest_shelf_alone() -> None:
    shelves = [Shelf(7, None), Shelf(6, 600), Shelf(5, 500), Shelf(4, 400)]

    assert list(looks(shelves, *ALL_MS)) == [
        Look(1, 7, 601),
        Look(2, 6, 501),
        Look(4, 4, ALL_MS[0]),
    ]


def test_a_lone_shelf_takes_one_look() -> None:
    assert list(looks([Shelf(0, None)], *ALL_MS)) == [Look(1, 0, ALL_MS[0])]


def test_shelves_whose_records_are_too_old_are_not_looked_into() -> None:
    shelves = [Shelf(7, None), Shelf(6, 600), Shelf(5, 500), Shelf(4, 400)]

    assert list(looks(shelves, 550, 10**6)) == [Look(1, 7, 601), Look(2, 6, 550)]


def test_a_shelf_of_unknown_age_is_always_looked_into() -> None:
    shelves = [Shelf(2, None), Shelf(1, None), Shelf(0, 100)]

    assert [look.oldest_shelf for look in looks(shelves, *ALL_MS)] == [1, 0]


def test_a_later_page_goes_on_with_the_shelves_of_the_one_before() -> None:
    shelves = [Shelf(n, None if n == 13 else n * 100) for n in range(13, -1, -1)]

    later = looks(shelves, ALL_MS[0], 10**6, at_least=4)

    assert [look.shelves for look in later] == [4, 8, 14]
