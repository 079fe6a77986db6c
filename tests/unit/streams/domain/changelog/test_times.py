import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.changelog.times import format_time, parse_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.678+01:00", "2026-01-02T02:04:05Z"),
        ("2026-01-02 03:04:05 -0700", "2026-01-02T10:04:05Z"),
        ("2011-02-03T04:05:06+518:00", "2011-01-12T14:05:06Z"),
        ("2026-01-02", "2026-01-02T00:00:00Z"),
        ("1700000000 +0100", "2023-11-14T22:13:20Z"),
        ("1700000000", "2023-11-14T22:13:20Z"),
        ("Fri, 2 Jan 2026 03:04:05 +0100", "2026-01-02T02:04:05Z"),
    ],
)
def test_a_date_of_any_usual_form_names_its_instant(text: str, expected: str) -> None:
    assert format_time(parse_time(text)) == expected


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-13-01", "2026-02-30T00:00:00Z", "2026-01-01T25:00:00Z", "9" * 12,
     "0001-01-01T00:00:00+14:00", "2" * 1_000, "31 Foo 2026 00:00:00 +0000"],
)  # fmt: skip
def test_what_names_no_instant_is_none(text: str) -> None:
    assert parse_time(text) is None


@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_an_instant_survives_the_round_trip(timestamp_s: int) -> None:
    text = format_time(timestamp_s)

    assert text is not None
    assert parse_time(text) == timestamp_s


def test_years_without_four_digits_have_no_text() -> None:
    assert format_time(None) is None
    assert format_time(10**15) is None
