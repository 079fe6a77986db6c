"""Tumbling event-time windows: half-open, aligned to the epoch, in integer nanoseconds."""

import re
from datetime import UTC, datetime
from typing import Final

NANOSECONDS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * NANOSECONDS
DEFAULT_WIDTH_NS: Final = 5 * MINUTE_NS

_DURATION: Final = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def window_start(timestamp_ns: int, width_ns: int = DEFAULT_WIDTH_NS) -> int:
    """Return the start of the window [start, start + width) that holds the time."""
    return timestamp_ns - timestamp_ns % width_ns


def starts_before(start_ns: int, count: int, width_ns: int = DEFAULT_WIDTH_NS) -> range:
    """Return the starts of the `count` windows before the one at `start_ns`, oldest first."""
    return range(start_ns - count * width_ns, start_ns, width_ns)


def starts_after(start_ns: int, count: int, width_ns: int = DEFAULT_WIDTH_NS) -> range:
    """Return the starts of the `count` windows after the one at `start_ns`, oldest first.

    With the baseline's length as `count` these are the windows whose baseline holds this one.
    """
    return range(start_ns + width_ns, start_ns + (count + 1) * width_ns, width_ns)


def parse_width(text: str) -> int:
    """Return the nanoseconds of a window width such as `30s`, `5m`, `1h`.

    A width over a minute is whole minutes, so that counts by the minute add up to windows.

    Raises:
        ValueError: the text is no such width, or one that cuts minutes apart.
    """
    match = _DURATION.fullmatch(text.strip())
    seconds = int(match[1]) * _UNIT_SECONDS[match[2]] if match else 0
    if not seconds:
        raise ValueError(f"{text!r} is no window width: write a number and s, m, h or d, as in 5m")
    if seconds > 60 and seconds % 60:
        raise ValueError(f"{text!r} is no window width: above a minute it must be whole minutes")
    return seconds * NANOSECONDS


def format_time(timestamp_ns: int) -> str:
    """Return RFC 3339 text in UTC, with as many decimals as needed (`2026-03-14T08:25:00Z`)."""
    seconds, fraction = divmod(timestamp_ns, NANOSECONDS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    decimals = f".{fraction:09d}".rstrip("0") if fraction else ""
    return f"{text}{decimals}Z"


def parse_time(text: str) -> int:
    """Return the nanoseconds of a text that `format_time` wrote.

    Raises:
        ValueError: the text is not of that form.
    """
    whole, _, fraction = text.removesuffix("Z").partition(".")
    moment = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return int(moment.timestamp()) * NANOSECONDS + int(f"{fraction:0<9}" if fraction else 0)
