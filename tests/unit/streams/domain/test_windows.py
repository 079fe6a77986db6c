import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.windows import (
    DEFAULT_WIDTH_NS,
    NANOSECONDS,
    format_time,
    parse_time,
    parse_width,
    starts_before,
    window_start,
)

TIMES = st.integers(min_value=0, max_value=4_102_444_800 * NANOSECONDS)
WIDTHS = st.sampled_from([NANOSECONDS, 60 * NANOSECONDS, DEFAULT_WIDTH_NS, 3600 * NANOSECONDS])


@given(TIMES, WIDTHS)
def test_a_time_lies_in_its_window(timestamp_ns: int, width_ns: int) -> None:
    start = window_start(timestamp_ns, width_ns)

    assert start <= timestamp_ns < start + width_ns
    assert start % width_ns == 0


def test_the_end_of_a_window_is_in_the_next_one() -> None:
    assert window_start(DEFAULT_WIDTH_NS - 1) == 0
    assert window_start(DEFAULT_WIDTH_NS) == DEFAULT_WIDTH_NS


def test_the_windows_before_end_where_the_window_starts() -> None:
    assert list(starts_before(900, 2, 300)) == [300, 600]


@given(TIMES)
def test_a_time_survives_its_text(timestamp_ns: int) -> None:
    assert parse_time(format_time(timestamp_ns)) == timestamp_ns


@pytest.mark.parametrize(
    ("timestamp_ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_773_475_200_500_000_000, "2026-03-14T08:00:00.5Z"),
        (1_773_475_200_000_000_001, "2026-03-14T08:00:00.000000001Z"),
    ],
)
def test_a_time_is_written_with_the_decimals_it_needs(timestamp_ns: int, text: str) -> None:
    assert format_time(timestamp_ns) == text


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), (" 1h ", 3600), ("1d", 86400)]
)
def test_a_width_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_width(text) == seconds * NANOSECONDS


@pytest.mark.parametrize("text", ["", "5", "m", "0m", "-5m", "5 m", "90s", "1.5h", "٣m5"])
def test_another_width_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is no window width"):
        parse_width(text)
