"""Commit times: the dates that git, forges and people write, to seconds since 1970 and back."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_ISO: Final = re.compile(
    r"\s*(\d{4})-(\d{2})-(\d{2})(?:[Tt ]\s*(\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,12})?)?)?"
    r"\s*(?:([Zz]|UTC|GMT)|([+-])(\d{1,4}):?(\d{2}))?\s*",
    re.ASCII,
)
_EPOCH: Final = re.compile(r"\s*(-?\d{1,12})(?:\.\d+)?(?:\s+[+-]\d{4,6})?\s*", re.ASCII)
_RAW: Final = re.compile(
    r"\s*(?:[A-Za-z]{3},?\s+)?(\d{1,2})\s+([A-Za-z]{3})\s+(\d{4})\s+(\d{2}):(\d{2}):(\d{2})\s+([+-])(\d{2})(\d{2})\s*",
    re.ASCII,
)
_MONTHS: Final = [
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
]
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST: Final = 100


def parse_time(text: str) -> int | None:
    """Return seconds since 1970-01-01 UTC, None when the text names no instant.

    Read are ISO 8601 with any zone offset (git has stored `+518:00`), git's `1700000000 +0100`
    and RFC 2822. A date without a zone is taken as UTC.
    """
    if len(text) > _LONGEST:
        return None
    epoch = _EPOCH.fullmatch(text)
    if epoch is not None:
        seconds = int(epoch[1])
        return seconds if format_time(seconds) is not None else None
    try:
        return _parse_calendar(text)
    except (ValueError, OverflowError):
        return None


def format_time(timestamp_s: int | None) -> str | None:
    """Return RFC 3339 UTC, None for None and for years that have no four digits."""
    if timestamp_s is None:
        return None
    try:
        instant = _START + timedelta(seconds=timestamp_s)
        return instant.replace(tzinfo=None).isoformat() + "Z"
    except OverflowError:
        return None


def _parse_calendar(text: str) -> int | None:
    iso = _ISO.fullmatch(text)
    if iso is not None:
        numbers = [int(part or 0) for part in iso.groups()[:6]]
        return _seconds(numbers, iso[8], iso[9], iso[10])
    raw = _RAW.fullmatch(text)
    if raw is None or raw[2].lower() not in _MONTHS:
        return None
    month = _MONTHS.index(raw[2].lower()) + 1
    numbers = [int(raw[3]), month, int(raw[1]), int(raw[4]), int(raw[5]), int(raw[6])]
    return _seconds(numbers, raw[7], raw[8], raw[9])


def _seconds(numbers: list[int], sign: str | None, hours: str | None, minutes: str | None) -> int:
    year, month, day, hour, minute, second = numbers
    local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    instant = local + offset if sign == "-" else local - offset
    return int((instant - _START).total_seconds())
