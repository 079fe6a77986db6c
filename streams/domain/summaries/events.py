"""The headline of a single record: what happened, with its own values, within 200 characters."""

import re
from typing import Final

from schemas.headlines import clipped, default_headline, with_severity
from streams.domain.summaries.stack_traces import exception_line

_MAX_LINES: Final = 400
_MAX_LINE: Final = 800
# A longer first line leaves no room for the cause.
_MAX_FIRST_LINE: Final = 120
_CAUSED_BY: Final = "Caused by: "

# How severe a line of a multi-line record calls itself, most severe first.
_LEVELS: Final = re.compile(
    r"\b(?:(?P<fatal>FATAL|PANIC|CRITICAL|EMERG)|(?P<error>ERROR|SEVERE)|(?P<warn>WARN(?:ING)?))\b"
)
_RANKS: Final = {None: 0, "warn": 1, "error": 2, "fatal": 3}

# First lines that only announce a stack trace; what happened stands in the exception's line.
_ANNOUNCEMENTS: Final = ("Traceback (most recent call last)", "Stack trace:", "stacktrace:")


def summarize_event(severity_number: int, severity_text: str | None, body: str) -> str:
    """Return the headline of one record; deterministic, linear in the body."""
    override = headline_override(severity_number, severity_text, body)
    if override is None:
        return default_headline(severity_number, severity_text, body)
    return override


def headline_override(severity_number: int, severity_text: str | None, body: str) -> str | None:
    """Return the headline where it is not the default form of the record, else None.

    Only a body of several lines can have one: its exception, else its most severe line.
    """
    if "\n" not in body:
        return None
    lines = [line[:_MAX_LINE] for line in body.strip().split("\n", _MAX_LINES)[:_MAX_LINES]]
    told = _exception_headline(lines) or _most_severe(lines)
    if told is None:
        return None
    text = clipped(with_severity(severity_number, severity_text, " ".join(told.split())))
    return None if text == default_headline(severity_number, severity_text, body) else text


def _exception_headline(lines: list[str]) -> str | None:
    """Return the first line with the root cause behind it; None without an exception."""
    named = [line.strip() for line in lines if exception_line(line) is not None]
    if not named:
        return None
    causes = [line for line in named if line.startswith(_CAUSED_BY)]
    first = lines[0].strip()
    is_announcement = first.startswith(_ANNOUNCEMENTS)
    # Java and .NET name the outermost exception first, Python the one that ended it all last.
    cause = causes[-1] if causes else named[-1 if is_announcement else 0]
    if is_announcement or cause == first:
        return cause.removeprefix(_CAUSED_BY)
    if len(first) > _MAX_FIRST_LINE:
        return first
    return f"{first.rstrip(':')}: {cause.removeprefix(_CAUSED_BY)}"


def _most_severe(lines: list[str]) -> str | None:
    """Return the first line that is more severe than the first one calls itself."""
    ranks = [_level_rank(line) for line in lines]
    highest = max(ranks)
    return lines[ranks.index(highest)] if highest > ranks[0] else None


def _level_rank(line: str) -> int:
    found = _LEVELS.search(line)
    return _RANKS[found.lastgroup] if found else 0
