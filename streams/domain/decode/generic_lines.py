"""The generic line: a time, a few groups, a level, a message; whatever of it is there."""

import re
from typing import Final

from streams.domain.decode.levels import Level, Moment
from streams.domain.decode.line_parts import (
    ANY_CASE_LEVEL,
    UPPER_LEVEL,
    after_separators,
)
from streams.domain.decode.severities import parse_word
from streams.domain.decode.times import match_time

_MAX_GROUPS: Final = 3
_STEP: Final = re.compile(
    rf"[\s\-|,:]{{0,64}}(?:\[[ \t]{{0,20}}({ANY_CASE_LEVEL})[ \t]{{0,20}}\]|<({ANY_CASE_LEVEL})>"
    rf"|\(({ANY_CASE_LEVEL})\)|({ANY_CASE_LEVEL}):|({UPPER_LEVEL})(?=[\s|-]|$)"
    r"|\[[^\]\n]{0,300}\]|\([^)\n]{0,300}\))"
)


def read_generic(text: str) -> Level | None:
    """Return the level of a text that starts with a time or a level, None for any other text."""
    bracket = 1 if text[:1] == "[" else 0
    timed = match_time(text, bracket)
    if timed is None:
        return read_behind_time(text, None, 0)
    moment, end = timed
    if bracket:
        if text[end : end + 1] != "]":
            return read_behind_time(text, None, 0)
        end += 1
    elif moment.text == text:
        # Digits alone are a number that somebody logged, not a time without a message.
        return None if text.replace(".", "").isdecimal() else read_behind_time(text, moment, end)
    return read_behind_time(text, moment, end)


def read_behind_time(text: str, moment: Moment | None, end: int) -> Level | None:
    """Return the level of a text whose time ends at `end`; None when it has no time nor level."""
    level = _find_level(text, end)
    if level is not None:
        word = level[level.lastindex or 0]
        return Level(
            body=after_separators(text, level.end()).strip(),
            severity=parse_word(word),
            applied=moment,
        )
    if moment is None:
        return None
    return Level(body=after_separators(text, end).strip(), applied=moment)


def _find_level(text: str, position: int) -> re.Match[str] | None:
    """The level behind separators and at most three groups."""
    for _ in range(_MAX_GROUPS + 1):
        step = _STEP.match(text, position)
        if step is None or step.lastindex:
            return step
        position = step.end()
    return None
