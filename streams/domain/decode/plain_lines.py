"""The fast path: one line of ASCII, `TIME LEVEL [group] message`, whose message has no format.

Most lines of most applications look like this, the level perhaps in brackets, mostly without a
group. What it answers is what the formats of `text_lines` would answer, in a tenth of the time;
where that is not certain it answers None.
"""

import re
from typing import Final

from schemas.events import LogEvent
from streams.domain.decode.line_parts import LEVEL, LEVEL_WORDS
from streams.domain.decode.severities import parse_word
from streams.domain.decode.text_lines import has_no_format
from streams.domain.decode.times import DAY_NS, SECOND_NS, YEAR_2000_NS, fraction_ns, match_iso

MAX_LINE_BYTES: Final = 4_096
_MINUTES_AHEAD_NS: Final = 5 * 60 * SECOND_NS
# A logger (`a.b.C:`) would be a format, and so would a message that starts with no word.
_HEAD: Final = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d):([0-5]\d)(?:[.,](\d{1,9}))?(Z)?"
    rf" {{1,8}}(\[)?({LEVEL})(?(5)\]) {{1,8}}(?=(\[[A-Za-z][\w./-]{{0,60}}\] )?[A-Za-z][!-9;-~]* )",
    re.ASCII,
)
_SEVERITY_NUMBERS: Final = {
    word: parse_word(word).number for word in LEVEL.removeprefix("(?:").removesuffix(")").split("|")
}
_MAX_MINUTES: Final = 1_000


class MinuteCache:
    """Remembers what the first sixteen characters of a time mean; bounded."""

    def __init__(self) -> None:
        self._starts: dict[str, int | None] = {}

    def start_ns(self, minute: str) -> int | None:
        """Return nanoseconds since 1970 of `YYYY-MM-DDTHH:MM` read as UTC, None for no time."""
        try:
            return self._starts[minute]
        except KeyError:
            pass
        if len(self._starts) >= _MAX_MINUTES:
            self._starts.clear()
        timed = match_iso(minute + ":00Z")
        start = self._starts[minute] = timed[0].ns if timed else None
        return start


_MINUTES: Final = MinuteCache()


def read_plain_line(value: bytes, reference_ns: int) -> LogEvent | None:
    """Return the event of the line, None when it is for the formats to say.

    `reference_ns` is the record's time: a time too far behind it or without a zone ahead of it
    has other rules.
    """
    if len(value) > MAX_LINE_BYTES or not value.isascii():
        return None
    text = value.decode("ascii")
    match = _HEAD.match(text)
    if match is None or not text.isprintable() or text[-1] == " ":
        return None
    minute, second, fraction, zone, _, level, group = match.groups()
    body = text[match.end() :]
    if not (_has_no_format_behind(group, body) if group else has_no_format(body)):
        return None
    start_ns = _MINUTES.start_ns(minute)
    if start_ns is None:
        return None
    timestamp_ns = start_ns + int(second) * SECOND_NS + fraction_ns(fraction)
    ahead_ns = DAY_NS if zone else _MINUTES_AHEAD_NS
    if not YEAR_2000_NS <= timestamp_ns <= reference_ns + ahead_ns:
        return None
    return LogEvent(
        timestamp_ns=timestamp_ns,
        body=body,
        severity_number=_SEVERITY_NUMBERS[level],
        severity_text=level,
    )


def _has_no_format_behind(group: str, body: str) -> bool:
    """Tell that a body is a group, which stays part of it, and a message without a format."""
    return group[1:-2].lower() not in LEVEL_WORDS and has_no_format(body[len(group) :])
