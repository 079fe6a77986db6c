"""Scalars of the schema: times, 53-bit whole numbers and JSON."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from schemas.events import JsonValue

Instant = NewType("Instant", str)
"""A time as RFC 3339 text in UTC, with 3, 6 or 9 digits of the second's fraction."""

Long = NewType("Long", int)
"""A whole number that JavaScript holds exactly."""

Json = NewType("Json", object)
"""Any JSON value."""

_NS_PER_S: Final = 1_000_000_000
_NS_PER_MS: Final = 1_000_000
_MAX_SAFE: Final = 2**53 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
# datetime ends in the year 9999; event times are 64-bit nanoseconds and end in 2262.
_MAX_NS: Final = 2**63 - 1


def instant_from_ns(ns: int) -> Instant:
    """Return the text of a time in nanoseconds since 1970 UTC."""
    seconds, fraction = divmod(ns, _NS_PER_S)
    digits = f"{fraction:09d}"
    if fraction % _NS_PER_MS == 0:
        digits = digits[:3]
    elif fraction % 1_000 == 0:
        digits = digits[:6]
    return Instant(f"{_second_text(seconds)}.{digits}Z")


def instant_from_ms(ms: int) -> Instant:
    """Return the text of a time in milliseconds since 1970 UTC."""
    seconds, milliseconds = divmod(ms, 1_000)
    return Instant(f"{_second_text(seconds)}.{milliseconds:03d}Z")


# Lists are in order of time: neighbours share their second.
@lru_cache(maxsize=4_096)
def _second_text(seconds: int) -> str:
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}"


def instant_from_datetime(moment: datetime) -> Instant:
    """Return the text of an aware datetime."""
    microseconds = (moment - _EPOCH) // timedelta(microseconds=1)
    return instant_from_ns(microseconds * 1_000)


def instant_ns(instant: Instant) -> int:
    """Return the nanoseconds since 1970 UTC of an instant."""
    return _parse_ns(instant)


def instant_ms_ceil(instant: Instant) -> int:
    """Return the first whole millisecond since 1970 UTC that is not before the instant."""
    return -(-_parse_ns(instant) // _NS_PER_MS)


def _parse_ns(text: str) -> int:
    matched = _RFC3339.fullmatch(text)
    if matched is None:
        raise ValueError("not an RFC 3339 time")
    date, clock, fraction, offset = matched.groups()
    zone = "+00:00" if offset in "Zz" else offset
    moment = datetime.fromisoformat(f"{date}T{clock}{zone}")
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    ns = seconds * _NS_PER_S + int((fraction or "0").ljust(9, "0"))
    if abs(ns) > _MAX_NS:
        raise ValueError("outside the years 1678 to 2262")
    return ns


def _parse_instant(value: object) -> Instant:
    if not isinstance(value, str):
        raise GraphQLError("DateTime must be a string with an RFC 3339 time")
    try:
        return instant_from_ns(_parse_ns(value))
    except (ValueError, OverflowError):
        raise GraphQLError(
            "DateTime must be an RFC 3339 time such as 2026-11-22T08:00:00Z"
        ) from None


def _parse_long(value: object) -> Long:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MAX_SAFE:
        raise GraphQLError("Long must be a whole number of at most 53 bits")
    return Long(value)


def _parse_json(value: object) -> JsonValue:
    return value  # type: ignore[return-value]  # it came from JSON


SCALARS: Final[Mapping[object, ScalarDefinition]] = {
    Instant: strawberry.scalar(
        name="DateTime",
        description="An RFC 3339 time; answers are in UTC.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        parse_value=_parse_instant,
    ),
    Long: strawberry.scalar(
        name="Long",
        description="A whole number of at most 53 bits: counts and offsets.",
        parse_value=_parse_long,
    ),
    Json: strawberry.scalar(name="JSON", description="Any JSON value.", parse_value=_parse_json),
}
