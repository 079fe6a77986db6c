"""The fast path: one line of ASCII, `TIME LEVEL [group] message`, whose message has no format.

Most lines of most applications look like this, the level perhaps in brackets, mostly without a
group. Where the parts of such a line lie depends on its digits only by their places, so a line is
looked up with each digit as 0: a layout that was seen before is read by slicing. What it answers is
what the formats of `text_lines` would answer, in a twentieth of the time; where that is not certain
it answers None.
"""

import re
from typing import Final, NamedTuple

from schemas.events import LogEvent
from streams.domain.caches import BoundedCache
from streams.domain.decode.line_parts import LEVEL, LEVEL_WORDS
from streams.domain.decode.severities import parse_word
from streams.domain.decode.text_lines import has_no_format
from streams.domain.decode.times import DAY_NS, SECOND_NS, YEAR_2000_NS, match_iso

MAX_LINE_BYTES: Final = 4_096
_MINUTES_AHEAD_NS: Final = 5 * 60 * SECOND_NS
_DIGITS_AS_ZERO: Final = bytes.maketrans(b"123456789", b"0" * 9)
# Of a line whose digits are zeros. A logger (`a.b.C:`) would be a format, and so would a message
# that starts with no word.
_HEAD: Final = re.compile(
    r"0000-00-00[T ]00:00:00(?:[.,](0{1,9}))?(Z)?"
    rf" {{1,8}}(\[)?({LEVEL})(?(3)\]) {{1,8}}(?=(\[[A-Za-z][\w./-]{{0,60}}\] )?[A-Za-z][!-9;-~]* )",
    re.ASCII,
)
_CLOCK: Final = slice(19)
_FRACTION_START: Final = 20
_SEVERITY_NUMBERS: Final = {
    word: parse_word(word).number for word in LEVEL.removeprefix("(?:").removesuffix(")").split("|")
}
_NO_TIME: Final = 0
_CACHED_CLOCKS: Final = 1_000
_CACHED_LAYOUTS: Final = 8_192
_CACHED_LINE_BYTES: Final = 600


class _Layout(NamedTuple):
    """Where the parts of a line lie, and what is the same in all lines of the layout."""

    fraction_end: int  # 0: no fraction
    fraction_unit_ns: int
    ahead_ns: int
    severity_text: str
    severity_number: int
    body_start: int


_LAYOUTS: Final[BoundedCache[bytes, _Layout]] = BoundedCache(_CACHED_LAYOUTS)
# Nanoseconds since 1970 of `YYYY-MM-DDTHH:MM:SS` read as UTC.
_CLOCKS: Final[BoundedCache[str, int]] = BoundedCache(_CACHED_CLOCKS)


def read_plain_line(value: bytes, reference_ns: int) -> LogEvent | None:
    """Return the event of the line, None when it is for the formats to say.

    `reference_ns` is the record's time: a time too far behind it or without a zone ahead of it
    has other rules.
    """
    if not value[:1].isdigit() or len(value) > MAX_LINE_BYTES:
        return None
    key = value.translate(_DIGITS_AS_ZERO)
    layout = _LAYOUTS.newer.get(key) or _LAYOUTS.get(key) or _learn(key)
    if layout is None:
        return None
    fraction_end, unit_ns, ahead_ns, severity_text, severity_number, body_start = layout
    text = value.decode("ascii")
    clock = text[_CLOCK]
    timestamp_ns = _CLOCKS.newer.get(clock) or _CLOCKS.get(clock) or _clock_ns(clock)
    if fraction_end:
        timestamp_ns += int(text[_FRACTION_START:fraction_end]) * unit_ns
    if not YEAR_2000_NS <= timestamp_ns <= reference_ns + ahead_ns:
        return None
    return LogEvent(
        timestamp_ns=timestamp_ns,
        body=text[body_start:],
        severity_number=severity_number,
        severity_text=severity_text,
    )


def _clock_ns(clock: str) -> int:
    """Return nanoseconds since 1970, 0 for no time: too early for the fast path."""
    timed = match_iso(clock + "Z")
    if timed is None:
        return _NO_TIME
    _CLOCKS.put(clock, timed[0].ns)
    return timed[0].ns


def _learn(key: bytes) -> _Layout | None:
    """Return the layout of a line whose digits are zeros, None when it is not for the fast path."""
    if not key.isascii():
        return None
    text = key.decode("ascii")
    match = _HEAD.match(text)
    if match is None or not text.isprintable() or text[-1] == " ":
        return None
    fraction, zone, _, level, group = match.groups()
    body = text[match.end() :]
    if not (_has_no_format_behind(group, body) if group else has_no_format(body)):
        return None
    layout = _Layout(
        fraction_end=match.end(1) if fraction else 0,
        fraction_unit_ns=10 ** (9 - len(fraction)) if fraction else 0,
        ahead_ns=DAY_NS if zone else _MINUTES_AHEAD_NS,
        severity_text=level,
        severity_number=_SEVERITY_NUMBERS[level],
        body_start=match.end(),
    )
    if len(key) <= _CACHED_LINE_BYTES:
        _LAYOUTS.put(key, layout)
    return layout


def _has_no_format_behind(group: str, body: str) -> bool:
    """Tell that a body is a group, which stays part of it, and a message without a format."""
    return group[1:-2].lower() not in LEVEL_WORDS and has_no_format(body[len(group) :])
