import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.summaries.statistics import Rate, above_noise, rank_rarity, rarity

STEADY = Rate(10.0, 1.0, 22, 20)


def test_the_usual_count_is_not_rare() -> None:
    assert rarity(10, STEADY) == pytest.approx(0.0)


@given(st.integers(min_value=11, max_value=10_000))
def test_more_lines_are_rarer(count: int) -> None:
    assert rarity(count + 1, STEADY) > rarity(count, STEADY)


@given(st.integers(min_value=1, max_value=9))
def test_fewer_lines_are_rarer(count: int) -> None:
    assert rarity(count - 1, STEADY) > rarity(count, STEADY)


def test_a_restless_template_must_deviate_further() -> None:
    restless = Rate(10.0, 8.0, 22, 20)

    assert rarity(30, restless) < rarity(30, STEADY)


def test_a_short_past_makes_less_sure() -> None:
    assert rarity(30, Rate(10.0, 1.0, 4, 2)) < rarity(30, STEADY)


def test_absence_of_a_poisson_count_has_its_exact_chance() -> None:
    many = Rate(10.0, 1.0, 10**9, 10**9)

    assert rarity(0, many) == pytest.approx(10.0 * 0.4342944819)


def test_an_enormous_count_stays_finite() -> None:
    assert 0.0 < rarity(10**12, STEADY) <= 300.0


def test_an_event_of_every_window_is_not_rare() -> None:
    assert rank_rarity(20, 20) < 0.001


def test_an_unseen_event_is_rarer_after_a_longer_past() -> None:
    assert rank_rarity(0, 20) > rank_rarity(0, 5) > rank_rarity(0, 1) > rank_rarity(0, 0) == 0.0


@given(st.integers(min_value=0, max_value=19), st.integers(min_value=1, max_value=20))
def test_an_event_seen_more_often_is_never_rarer(seen: int, windows: int) -> None:
    assert rank_rarity(seen + 1, windows) <= rank_rarity(seen, windows)


def test_what_stands_in_the_noise_counts_little_and_nothing_passes_the_limit() -> None:
    assert above_noise(1.0, 4.0, 6.0) < 0.01
    assert above_noise(4.0, 4.0, 6.0) < 0.5
    assert 5.5 < above_noise(300.0, 2.0, 6.0) < 6.0
