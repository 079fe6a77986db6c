import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.templates import coarse_shape, fold_shapes

COUNTS = st.dictionaries(
    st.lists(st.sampled_from(["a", "b", "c", "<*>"]), min_size=1, max_size=4).map(" ".join),
    st.integers(1, 5),
    max_size=30,
)


@given(COUNTS, st.integers(1, 12))
def test_at_most_the_cap_remains(counts: dict[str, int], cap: int) -> None:
    folded = fold_shapes(counts, cap)

    assert len({folded.get(shape, shape) for shape in counts}) <= cap


@given(COUNTS, st.integers(1, 12), st.randoms(use_true_random=False))
def test_the_order_of_the_counts_does_not_matter(counts: dict[str, int], cap: int, random) -> None:  # type: ignore[no-untyped-def]  # hypothesis hands over its own Random
    items = list(counts.items())
    random.shuffle(items)

    assert fold_shapes(dict(items), cap) == fold_shapes(counts, cap)


def test_nothing_gives_way_while_there_is_room() -> None:
    assert fold_shapes({"a b": 1, "c d": 1}, 2) == {}


def test_the_rare_give_way_to_the_shape_of_their_first_word() -> None:
    counts = {"get a": 9, "get b": 8} | {f"put {n}x": 1 for n in range(5)} | {"odd": 1}
    folded = fold_shapes(counts, 5)

    assert {folded.get(shape, shape) for shape in counts} == {"get a", "get b", "put <*>", "<*>"}


def test_a_coarse_shape_keeps_the_first_word() -> None:
    assert coarse_shape("disk <*> is full") == "disk <*>"
    assert coarse_shape("restart.") == "<*>"
    assert coarse_shape("disk <*>") == "disk <*>"


def test_a_cap_below_one_is_an_error() -> None:
    with pytest.raises(ValueError, match="cap 0"):
        fold_shapes({}, 0)
