"""Times as text and back."""

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.scalars import (
    SCALARS,
    Instant,
    Long,
    instant_from_ns,
    instant_ms_ceil,
    instant_ns,
)

PARSE_INSTANT = SCALARS[Instant].parse_value
PARSE_LONG = SCALARS[Long].parse_value
assert PARSE_INSTANT is not None
assert PARSE_LONG is not None


@given(st.integers(-(2**62), 2**62))
def test_a_time_survives_a_round_trip(ns: int) -> None:
    assert instant_ns(instant_from_ns(ns)) == ns


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-22T08:00:00Z", "2026-11-22T08:00:00.000Z"),
        ("2026-11-22t10:00:00.5+02:00", "2026-11-22T08:00:00.500Z"),
        ("2026-11-22T08:00:00.123456789Z", "2026-11-22T08:00:00.123456789Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
    ],
)
def test_a_time_is_told_in_utc(text: str, utc: str) -> None:
    assert PARSE_INSTANT(text) == utc  # type: ignore[misc]  # asserted above


@pytest.mark.parametrize(
    "value",
    ["", "now", "2026-11-22", "2026-11-22T08:00:00", "2026-13-22T08:00:00Z", 7, None, True,
     "2026-11-22T08:00:60Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
     "2026-11-22T08:00:00.1234567890Z", "2026-11-22T08:00:00+99:00", "²026-11-22T08:00:00Z"],
)  # fmt: skip
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(GraphQLError, match="DateTime"):
        PARSE_INSTANT(value)  # type: ignore[misc]  # asserted above


def test_a_bound_between_milliseconds_is_rounded_up() -> None:
    assert instant_ms_ceil(instant_from_ns(1_000_001)) == 2
    assert instant_ms_ceil(instant_from_ns(1_000_000)) == 1


@pytest.mark.parametrize("value", [2**53, -(2**53), 1.5, "1", True, None])
def test_a_long_is_a_whole_number_of_53_bits(value: object) -> None:
    assert PARSE_LONG(2**53 - 1) == 2**53 - 1  # type: ignore[misc]  # asserted above
    with pytest.raises(GraphQLError, match="Long"):
        PARSE_LONG(value)  # type: ignore[misc]  # asserted above
