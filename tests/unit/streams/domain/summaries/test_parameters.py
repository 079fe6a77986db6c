import random

from hypothesis import given
from hypothesis import strategies as st

from streams.domain.summaries.config import DEFAULT_CONFIG
from streams.domain.summaries.parameters import Parameters, describe_parameters

TEMPLATE = "connect to host=<*> took <*> ms"


def described(now: list[tuple[str, int]], before: list[tuple[str, int]]) -> Parameters:
    def texts(rows: list[tuple[str, int]]) -> list[str]:
        return [f"connect to host={host} took {ms} ms" for host, ms in rows]

    return describe_parameters(TEMPLATE, texts(now), texts(before), DEFAULT_CONFIG)


def spread(values: list[str], count: int) -> list[tuple[str, int]]:
    return [(values[i % len(values)], 100 + i) for i in range(count)]


def test_a_value_that_nearly_all_lines_share_and_few_had_before_sticks() -> None:
    found = described(
        spread(["db-3"], 18) + spread(["db-1"], 2), spread(["db-1", "db-2", "db-3", "db-4"], 40)
    )

    sticky = found.sticky[0]
    assert (sticky.slot, sticky.name, sticky.value) == (0, "host", "db-3")
    assert (sticky.share, sticky.baseline_share) == (0.9, 0.25)


def test_a_value_below_nine_of_ten_does_not_stick() -> None:
    found = described(spread(["db-3"], 17) + spread(["db-1"], 3), spread(["db-1", "db-2"], 40))

    assert found.sticky == ()


def test_a_value_that_most_lines_had_before_is_no_news() -> None:
    found = described(spread(["db-3"], 20), spread(["db-3", "db-3", "db-1"], 30))

    assert found.sticky == ()


def test_without_lines_before_the_share_of_before_is_zero() -> None:
    found = described(spread(["db-3"], 5), [])

    assert [one.baseline_share for one in found.sticky] == [0.0]


def test_two_lines_prove_nothing() -> None:
    assert described(spread(["db-3"], 2), spread(["db-1"], 20)).sticky == ()


def test_numbers_that_vary_have_their_quantiles() -> None:
    found = described(spread(["db-1", "db-2"], 100), [])

    hosts, times = found.varying
    assert (hosts.slot, hosts.distinct, hosts.median) == (0, 2, None)
    assert (times.slot, times.name, times.distinct) == (1, "took", 100)
    assert (times.min, times.median, times.p95, times.max) == (100.0, 149.0, 194.0, 199.0)


def test_lines_that_the_template_does_not_fit_are_left_out() -> None:
    lines = ["connect to host=db-3 took 5 ms"] * 9 + ["something else"] * 9

    found = describe_parameters(TEMPLATE, lines, [], DEFAULT_CONFIG)

    assert [one.value for one in found.sticky] == ["db-3", "5"]


def test_a_sticky_password_is_not_shown() -> None:
    found = describe_parameters(
        "login password=<*> failed", ["login password=hunter2 failed"] * 5, [], DEFAULT_CONFIG
    )

    assert [one.value for one in found.sticky] == ["***"]


def test_a_value_that_sticks_where_values_were_mixed_is_a_shift() -> None:
    before = spread(["db-1", "db-2", "db-3", "db-4"], 40)

    assert described(spread(["db-3"], 20), before).is_shift


def test_a_slot_whose_values_come_in_runs_does_not_shift() -> None:
    before = [row for host in ("db-1", "db-2", "db-4") for row in spread([host], 15)]

    found = described(spread(["db-3"], 20), before)

    assert [one.value for one in found.sticky] == ["db-3"]
    assert not found.is_shift


@given(st.lists(st.tuples(st.sampled_from(["a1", "b2", "c3"]), st.integers(0, 99))), st.randoms())
def test_the_order_of_the_lines_does_not_matter(
    rows: list[tuple[str, int]], rng: random.Random
) -> None:
    mixed = rng.sample(rows, len(rows))

    assert described(rows, rows[:3]) == described(mixed, rows[:3])
