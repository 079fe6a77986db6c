"""Times as sources write them, read without a binary float: text forms, numbers, objects."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

from streams.domain.decode.levels import Moment
from streams.domain.decode.numbers import Number
from streams.domain.decode.tables import names

SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS
YEAR_2000_NS: Final = 946_684_800 * SECOND_NS
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_CACHE_SIZE: Final = 8192

_MONTH_NAMES: Final = names("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec")
MONTHS: Final = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_MONTH: Final = "(" + "|".join(_MONTH_NAMES) + ")"
_DAY_NAME: Final = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_CLOCK: Final = r"(\d\d?:\d\d:\d\d)"
_FRACTION: Final = r"(?:[.,](\d+))?"
_ZONE: Final = r"(?: ?((?:Z|z|UTC|GMT)(?!\w)|[+-]\d\d(?::?\d\d)?(?![\w.]|:\d)))?"
# Abbreviations do not name one offset each, so they are read over. A list, because in a line the
# next word may as well be a level.
_ABBREVIATION: Final = (
    r"(?: (?:CES?T|EES?T|WES?T|MSK|BST|[ECMP][SD]T|AK[SD]T|HST|JST|KST|IST|SGT|HKT"
    r"|A[EWC][SD]T|NZ[SD]T|BRT|ART|CLS?T|SAST|WIB|PKT|TRT)(?!\w))?"
)

ISO: Final = re.compile(
    rf"(\d{{4}}[-/]\d\d[-/]\d\d)(?:[Tt ]| {{2}}(?=\d:)){_CLOCK}{_FRACTION}{_ZONE}{_ABBREVIATION}",
    re.ASCII,
)
_CLF: Final = re.compile(
    rf"(\d\d?)/{_MONTH}/(\d{{4}}):{_CLOCK}{_FRACTION}(?: ([+-]\d{{4}})(?!\w))?", re.ASCII
)
_DAY_FIRST: Final = re.compile(
    rf"(\d\d?) {_MONTH} (\d{{4}}) {_CLOCK}{_FRACTION}{_ZONE}{_ABBREVIATION}", re.ASCII
)
_RFC1123: Final = re.compile(rf"{_DAY_NAME}, (?=\d)", re.ASCII)
_CTIME: Final = re.compile(
    rf"{_DAY_NAME} {_MONTH} ( ?\d\d?) {_CLOCK}{_FRACTION} (\d{{4}})(?!\w)", re.ASCII
)
_MONTH_FIRST: Final = re.compile(
    rf"{_MONTH} ( ?\d\d?)(?: (\d{{4}}))? {_CLOCK}{_FRACTION}(?!\w)", re.ASCII
)
_TWELVE_HOURS: Final = re.compile(
    rf"{_MONTH} (\d\d?), (\d{{4}}),? {_CLOCK}[ \u202f]([AP])M(?!\w)", re.ASCII
)
_KLOG: Final = re.compile(r"(\d\d)(\d\d) (\d\d:\d\d:\d\d)\.(\d{6})(?!\w)", re.ASCII)
_EPOCH: Final = re.compile(r"(\d{9,19})(?:\.(\d+))?(?![\w.])", re.ASCII)
_NUMBER: Final = re.compile(r"(\d{1,40})(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?", re.ASCII)
_AFTER: Final = re.compile(r" ?[A-Z]{2,5}|\[[\w/+-]{1,40}\]")


@lru_cache(maxsize=_CACHE_SIZE)
def _day_ns(text: str) -> int | None:
    """Nanoseconds of midnight of `YYYY?MM?DD`, None when there is no such day."""
    return date_ns(int(text[:4]), int(text[5:7]), int(text[8:10]))


@lru_cache(maxsize=_CACHE_SIZE)
def date_ns(year: int, month: int, day: int) -> int | None:
    """Return the nanoseconds of midnight UTC, None when there is no such day."""
    try:
        return (date(year, month, day).toordinal() - _EPOCH_ORDINAL) * DAY_NS
    except ValueError:
        return None


@lru_cache(maxsize=_CACHE_SIZE)
def _clock_ns(text: str) -> int | None:
    """Nanoseconds after midnight of `H?H:MM:SS`; second 60 is the first of the next minute."""
    hour, minute, second = map(int, text.split(":"))
    if hour > 23 or minute > 59 or second > 60:
        return None
    return ((hour * 60 + minute) * 60 + second) * SECOND_NS


@lru_cache(maxsize=_CACHE_SIZE)
def _offset_ns(zone: str) -> int | None:
    if zone in {"Z", "z", "UTC", "GMT"}:
        return 0
    digits = zone[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 23 or minutes > 59:
        return None
    offset = (hours * 60 + minutes) * 60 * SECOND_NS
    return offset if zone[0] == "+" else -offset


def fraction_ns(digits: str | None) -> int:
    """Return the nanoseconds of a fraction of a second; digits after the ninth are cut."""
    return int(digits[:9].ljust(9, "0")) if digits else 0


def _moment(
    day: int | None, clock: str, fraction: str | None, zone: str | None, text: str
) -> Moment | None:
    time_of_day = _clock_ns(clock)
    offset = _offset_ns(zone) if zone else 0
    if day is None or time_of_day is None or offset is None:
        return None
    ns = day + time_of_day + fraction_ns(fraction) - offset
    return Moment(ns, text, zone is not None, fraction is not None)


Timed = tuple[Moment, int]
"""A time at the start of a text, and where it ends."""


def match_iso(text: str, position: int = 0) -> Timed | None:
    """Return the time in `YYYY-MM-DD` or `YYYY/MM/DD` form that stands at the position."""
    match = ISO.match(text, position)
    if match is None:
        return None
    day, clock, fraction, zone = match.groups()
    moment = _moment(_day_ns(day), clock, fraction, zone, match[0])
    return (moment, match.end()) if moment else None


def _match_clf(text: str, position: int) -> Timed | None:
    match = _CLF.match(text, position)
    if match is None:
        return None
    day, month, year, clock, fraction, zone = match.groups()
    moment = _moment(date_ns(int(year), MONTHS[month], int(day)), clock, fraction, zone, match[0])
    return (moment, match.end()) if moment else None


def _match_day_first(text: str, position: int) -> Timed | None:
    match = _DAY_FIRST.match(text, position)
    if match is None:
        return None
    day, month, year, clock, fraction, zone = match.groups()
    moment = _moment(date_ns(int(year), MONTHS[month], int(day)), clock, fraction, zone, match[0])
    return (moment, match.end()) if moment else None


def _match_rfc1123(text: str, position: int) -> Timed | None:
    match = _RFC1123.match(text, position)
    return _match_day_first(text, match.end()) if match else None


def _match_ctime(text: str, position: int) -> Timed | None:
    match = _CTIME.match(text, position)
    if match is None:
        return None
    month, day, clock, fraction, year = match.groups()
    moment = _moment(date_ns(int(year), MONTHS[month], int(day)), clock, fraction, None, match[0])
    return (moment, match.end()) if moment else None


def match_month_first(text: str, position: int = 0) -> Timed | None:
    """Return the time in `Mon DD [YYYY ]HH:MM:SS` form that stands at the position."""
    match = _MONTH_FIRST.match(text, position)
    if match is None:
        return None
    month, day, year, clock, fraction = match.groups()
    if year is None:
        moment = yearless(MONTHS[month], int(day), clock, fraction, match[0])
    else:
        moment = _moment(
            date_ns(int(year), MONTHS[month], int(day)), clock, fraction, None, match[0]
        )
    return (moment, match.end()) if moment else None


def _match_twelve_hours(text: str, position: int) -> Timed | None:
    match = _TWELVE_HOURS.match(text, position)
    if match is None:
        return None
    month, day, year, clock, half = match.groups()
    hour, rest = clock.split(":", 1)
    if not 1 <= int(hour) <= 12:
        return None
    clock = f"{int(hour) % 12 + (12 if half == 'P' else 0)}:{rest}"
    moment = _moment(date_ns(int(year), MONTHS[month], int(day)), clock, None, None, match[0])
    return (moment, match.end()) if moment else None


def match_klog(text: str, position: int = 0) -> Timed | None:
    """Return the time in `MMDD HH:MM:SS.ffffff` form that stands at the position."""
    match = _KLOG.match(text, position)
    if match is None:
        return None
    month, day, clock, fraction = match.groups()
    moment = yearless(int(month), int(day), clock, fraction, match[0])
    return (moment, match.end()) if moment else None


def _match_epoch(text: str, position: int) -> Timed | None:
    match = _EPOCH.match(text, position)
    if match is None:
        return None
    moment = _epoch(int(match[1]), match[2] or "", match[0])
    return (moment, match.end()) if moment else None


def yearless(month: int, day: int, clock: str, fraction: str | None, text: str) -> Moment | None:
    """Return a time whose year is unknown, None when no year has such a day."""
    time_of_day = _clock_ns(clock)
    if time_of_day is None or date_ns(2000, month, day) is None:
        return None
    ns = time_of_day + fraction_ns(fraction)
    return Moment(ns, text, False, fraction is not None, month, day)  # noqa: FBT003 (hot, by place)


_AT_DIGIT: Final = (match_iso, _match_clf, _match_day_first, match_klog, _match_epoch)
_AT_LETTER: Final = (match_month_first, _match_ctime, _match_rfc1123, _match_twelve_hours)


def match_time(text: str, position: int = 0) -> Timed | None:
    """Return the time, in any text form, that stands at the position."""
    first = text[position : position + 1]
    matchers: tuple[Callable[[str, int], Timed | None], ...]
    if "0" <= first <= "9":
        matchers = _AT_DIGIT
    elif "A" <= first <= "W":
        matchers = _AT_LETTER
    else:
        return None
    for matcher in matchers:
        timed = matcher(text, position)
        if timed is not None:
            return timed
    return None


def parse_time(value: object) -> Moment | None:
    """Return the time that a JSON value is: a text form, or a number counted from 1970."""
    kind = type(value)
    if kind is str:
        return _parse_text(value)  # type: ignore[arg-type] # narrowed by kind, for speed
    if kind is int:
        number: int = value  # type: ignore[assignment] # narrowed by kind
        return _epoch(number, "", str(number)) if 0 < number < 10**20 else None
    if kind is Number:
        return _parse_number(value.digits)  # type: ignore[attr-defined] # narrowed by kind
    if kind is float:
        return _parse_number(repr(value))
    return None


def _parse_text(text: str) -> Moment | None:
    text = text.strip()
    if not 9 <= len(text) <= 80:
        return None
    timed = match_time(text)
    if timed is None:
        return None
    moment, end = timed
    if end == len(text) or _AFTER.fullmatch(text, end):
        return moment
    return None


def _parse_number(digits: str) -> Moment | None:
    match = _NUMBER.fullmatch(digits)
    if match is None:
        return None
    whole, fraction, exponent = match[1], match[2] or "", int(match[3] or 0)
    if exponent:
        point = len(whole) + exponent
        if not 0 < point <= 20:
            return None
        shifted = (whole + fraction).ljust(point, "0")
        whole, fraction = shifted[:point], shifted[point:]
    return _epoch(int(whole), fraction, digits)


_SCALES: Final = ((10**11, 9), (10**14, 6), (10**17, 3), (10**20, 0))
"""A number below the limit has units of 10^-scale ... seconds to nanoseconds."""


def _epoch(number: int, fraction: str, text: str) -> Moment | None:
    for limit, scale in _SCALES:
        if number < limit:
            ns = number * 10**scale
            if scale and fraction:
                ns += int(fraction[:scale].ljust(scale, "0"))
            if ns < YEAR_2000_NS:
                return None
            has_fraction = scale < 9 or bool(fraction)
            return Moment(ns, text, True, has_fraction)  # noqa: FBT003 (hot, by place)
    return None


def parse_epoch_pair(seconds: object, nanos: object) -> Moment | None:
    """Return the time of log4j's `{"epochSecond": ..., "nanoOfSecond": ...}`."""
    if type(seconds) is not int or not 0 <= seconds < 10**11:
        return None
    part = nanos if type(nanos) is int and 0 <= nanos < SECOND_NS else 0
    return Moment(seconds * SECOND_NS + part, f"{seconds}.{part:09d}")


def format_ns(ns: int) -> str:
    """Return RFC 3339 in UTC, with as many digits of the fraction as are needed."""
    seconds, part = divmod(ns, SECOND_NS)
    text = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
    return f"{text}.{part:09d}".rstrip("0") + "Z" if part else text + "Z"
