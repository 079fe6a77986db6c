"""A text of several lines into the events that it holds."""

import re
from itertools import pairwise
from typing import Final

from schemas.errors import MalformedEventError
from streams.domain.decode.json_text import MAX_EVENTS
from streams.domain.decode.line_parts import LEVEL
from streams.domain.decode.times import match_time

# A cheap look at the start of a line; the dates of candidates are checked afterwards.
_MONTH: Final = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY: Final = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_TIME: Final = (
    r"\[?(?:\d{4}[-/]\d\d[-/]\d\d[Tt ]|\d\d?/" + _MONTH + r"/\d{4}:|\d\d? " + _MONTH + r" \d{4} "
    r"|\d{9,19}(?:\.\d+)?(?![\w.])|\d{4} \d\d:\d\d:\d\d\.\d|"
    + _DAY
    + r",? (?:\d\d? )?"
    + _MONTH
    + " |"
    + _MONTH
    + r" [ \d]?\d[ ,])"
)
_CERTAIN: Final = (
    r"<\d{1,3}>|[DIWEFV]\d{4} \d\d:\d\d:\d\d\.|\d{1,10}:[A-Z] \d\d? " + _MONTH + r" \d{4} "
    r"|[DIWEFAU], \[\d{4}-|(?:[^\s\[\"]{1,255} ){3,4}\[\d\d?/"
    + _MONTH
    + r'/\d{4}:|\{"'
    + r"|\{[^\n]*\}[ \t]*(?:\n|$)|"
    + LEVEL
    + r":[^\s:]{1,300}:"
)
_HEAD: Final = re.compile(rf"\n(?:(?={_CERTAIN})|(?={_TIME}))", re.ASCII)
_IS_CERTAIN: Final = re.compile(_CERTAIN, re.ASCII)


def split_events(text: str) -> list[str]:
    """Return the events of a cleaned text; lines that start none belong to the one before.

    Raises:
        MalformedEventError: `too_many_events`.
    """
    if "\n" not in text:
        return [text]
    starts = [0]
    for match in _HEAD.finditer(text):
        start = match.end()
        if _starts_event(text, start):
            starts.append(start)
            if len(starts) > MAX_EVENTS:
                raise MalformedEventError("too_many_events", f"over {MAX_EVENTS} lines")
    starts.append(len(text))
    parts = (text[start:end].strip() for start, end in pairwise(starts))
    return [part for part in parts if part]


def _starts_event(text: str, start: int) -> bool:
    if _IS_CERTAIN.match(text, start):
        return True
    return match_time(text, start + (text[start] == "[")) is not None
