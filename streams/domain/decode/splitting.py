"""A text of several lines into the events that it holds."""

import re
from itertools import pairwise
from typing import Final

from schemas.errors import MalformedEventError
from streams.domain.decode.json_text import MAX_EVENTS
from streams.domain.decode.line_parts import LEVEL
from streams.domain.decode.times import match_time

_MONTH: Final = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY: Final = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
# A cheap look at the start of a line; the dates of candidates are checked afterwards.
_TIMES: Final = (
    r"\d{4}[-/]\d\d[-/]\d\d[Tt ]",
    rf"\d\d?/{_MONTH}/\d{{4}}:",
    rf"\d\d? {_MONTH} \d{{4}} ",
    r"\d{9,19}(?:\.\d+)?(?![\w.])",
    r"\d{4} \d\d:\d\d:\d\d\.\d",
    rf"{_DAY},? (?:\d\d? )?{_MONTH} ",
    rf"{_MONTH} [ \d]?\d[ ,]",
)
_HEADERS: Final = (
    r"<\d{1,3}>",
    r"[DIWEFV]\d{4} \d\d:\d\d:\d\d\.",
    rf"\d{{1,10}}:[A-Z] \d\d? {_MONTH} \d{{4}} ",
    r"[DIWEFAU], \[\d{4}-",
    r'\{"',
    r"\{[^\n]*\}[ \t]*(?:\n|$)",
    rf"{LEVEL}:[^\s:]{{1,300}}:",
)
_ACCESS: Final = rf"(?:[^\s\[\"]{{1,255}} ){{3,4}}\[\d\d?/{_MONTH}/\d{{4}}:"
_TIME: Final = rf"\[?(?:{'|'.join(_TIMES)})"
_CERTAIN: Final = re.compile("|".join((*_HEADERS, _ACCESS)), re.ASCII)
# The class in front keeps the alternatives from most lines: they cannot begin in any of them.
_HEAD: Final = re.compile(
    rf"\n(?:(?=[<\[{{0-9A-Z])(?={'|'.join(_HEADERS)}|{_TIME})|(?={_ACCESS}))", re.ASCII
)


_SEARCHED_CHARS: Final = 16 * 1024 * 1024
"""Beyond the size of a value, as after gunzip, no line starts an event."""
_MAX_LINES: Final = 1_000_000
_SEARCHED_CHARS_OF_MANY_LINES: Final = 2 * 1024 * 1024
"""The same when there are so many lines: each is a candidate to be looked at."""


def split_events(text: str) -> list[str]:
    """Return the events of a cleaned text; lines that start none belong to the one before.

    Raises:
        MalformedEventError: `too_many_events`.
    """
    if "\n" not in text:
        return [text]
    starts = [0]
    for match in _HEAD.finditer(text, 0, _searched_chars(text)):
        start = match.end()
        if _starts_event(text, start):
            starts.append(start)
            if len(starts) > MAX_EVENTS:
                raise MalformedEventError("too_many_events", f"over {MAX_EVENTS} lines")
    starts.append(len(text))
    parts = (text[start:end].strip() for start, end in pairwise(starts))
    return [part for part in parts if part]


def _searched_chars(text: str) -> int:
    has_many_lines = text.count("\n", 0, _SEARCHED_CHARS) > _MAX_LINES
    return _SEARCHED_CHARS_OF_MANY_LINES if has_many_lines else _SEARCHED_CHARS


def _starts_event(text: str, start: int) -> bool:
    if _CERTAIN.match(text, start):
        return True
    return match_time(text, start + (text[start] == "[")) is not None
