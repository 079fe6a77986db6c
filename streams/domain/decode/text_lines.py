"""Text lines: the formats that a line's first character allows, in the rule book's order."""

import re
from collections.abc import Callable
from typing import Final

from streams.domain.decode import app_lines, server_lines, transport_lines
from streams.domain.decode.exceptions import read_uncaught
from streams.domain.decode.generic_lines import read_generic
from streams.domain.decode.influx import read_influx
from streams.domain.decode.levels import Level, Moment
from streams.domain.decode.line_parts import LEVEL, LEVEL_WORDS, after_separators
from streams.domain.decode.logfmt import read_logfmt
from streams.domain.decode.severities import parse_word
from streams.domain.decode.tables import names
from streams.domain.decode.times import MONTHS, match_iso, match_month_first

Reader = Callable[[str], Level | None]
TimedReader = Callable[[str, Moment, int], Level | None]

_LEVEL_NEXT: Final = re.compile(rf" +({LEVEL})(?= )")
_MAX_HEAD: Final = 1000
_SPRING_HEAD: Final = 24
# Longer than any opening word, and no longer: a text may be one word of megabytes.
_WORD: Final = re.compile("[A-Za-z]{1,20}")
# Level words, .NET's, and the letters that klog and Ruby's Logger begin with.
_OPENING_WORDS: Final = LEVEL_WORDS | frozenset(
    names("trce dbug info warn fail crit d i w e f a u v sun mon tue wed thu fri sat")
)


def read_line(text: str) -> Level | None:
    """Return what a cleaned text says in the first format that it has, None when it has none."""
    first = text[:1]
    if "0" <= first <= "9":
        timed = match_iso(text)
        if timed is not None:
            return _read_timed(text, *timed)
        readers = _AT_DIGIT
    elif text[:3] in MONTHS:
        readers = _AT_MONTH
    elif _is_plain(text):
        return None
    else:
        readers = _READERS.get(first, _AT_OTHER)
    for reader in readers:
        level = reader(text)
        if level is not None:
            return level
    return None


def has_no_format(text: str) -> bool:
    """Tell quickly that `read_line` knows no format of a text that starts with a letter."""
    return text[:3] not in MONTHS and _is_plain(text)


def _is_plain(text: str) -> bool:
    """Tell quickly that a text is no line of any format: most messages are not."""
    word = _WORD.match(text)
    if word is None or word[0].lower() in _OPENING_WORDS:
        return False
    return not ("=" in text or "[" in text or "\n" in text)


def _read_timed(text: str, moment: Moment, end: int) -> Level | None:
    """A line behind a time in ISO or slash form."""
    level = _LEVEL_NEXT.match(text, end)
    if level is not None:
        return _read_levelled(text, moment, level)
    for timed_reader in _timed_readers(moment):
        read = timed_reader(text, moment, end)
        if read is not None:
            return read
    return read_generic(text)


def _read_levelled(text: str, moment: Moment, level: re.Match[str]) -> Level:
    """`TS LEVEL ...`: Spring, log4j, or a plain message."""
    end, word = level.end(), level[1]
    if text.find(" --- ", end, end + _SPRING_HEAD) >= 0:
        found = app_lines.read_spring(text, moment, end, word)
        if found is not None:
            return found
    found = app_lines.read_log4j(text, moment, end, word)
    if found is not None:
        return found
    return Level(
        body=after_separators(text, end).strip(), severity=parse_word(word), applied=moment
    )


def _timed_readers(moment: Moment) -> tuple[TimedReader, ...]:
    if moment.text[4] == "/":
        return _BEHIND_SLASHES
    is_rfc3339 = moment.is_zoned and moment.text[10] in "Tt"
    return _BEHIND_RFC3339 if is_rfc3339 else _BEHIND_ISO


def _read_month_file(text: str) -> Level | None:
    timed = match_month_first(text)
    return transport_lines.read_syslog_file(text, *timed) if timed else None


def _read_access(text: str) -> Level | None:
    head = text[:_MAX_HEAD]
    return server_lines.read_access(text) if '] "' in head else None


_BEHIND_ISO: Final[tuple[TimedReader, ...]] = (
    server_lines.read_postgres,
    server_lines.read_mysql,
    app_lines.read_logback,
    app_lines.read_python,
    app_lines.read_loguru,
    app_lines.read_zap,
)
_BEHIND_RFC3339: Final[tuple[TimedReader, ...]] = (
    transport_lines.read_cri,
    transport_lines.read_logstash,
    transport_lines.read_syslog_file,
    *_BEHIND_ISO,
)
_BEHIND_SLASHES: Final[tuple[TimedReader, ...]] = (
    server_lines.read_nginx,
    app_lines.read_logback,
    app_lines.read_python,
    app_lines.read_loguru,
)
_AT_END: Final[tuple[Reader, ...]] = (read_influx, read_logfmt, read_uncaught, read_generic)
_AT_OTHER: Final[tuple[Reader, ...]] = (_read_access, server_lines.read_haproxy, *_AT_END)
_AT_DIGIT: Final[tuple[Reader, ...]] = (
    _read_access,
    server_lines.read_redis,
    server_lines.read_haproxy,
    app_lines.read_time_of_day,
    app_lines.read_zerolog,
    *_AT_END,
)
_AT_MONTH: Final[tuple[Reader, ...]] = (
    _read_month_file,
    _read_access,
    app_lines.read_jul,
    *_AT_END,
)
_LETTER: Final[tuple[Reader, ...]] = _AT_OTHER
_READERS: Final[dict[str, tuple[Reader, ...]]] = {
    "<": (transport_lines.read_rfc5424, transport_lines.read_rfc3164, read_generic),
    "[": (server_lines.read_apache, *_AT_OTHER),
    **dict.fromkeys("tdiwfc", (app_lines.read_dotnet, *_LETTER)),
    **dict.fromkeys("TNSC", (app_lines.read_python_basic, *_LETTER)),
    **dict.fromkeys(
        "DIWEFAU", (app_lines.read_klog, app_lines.read_python_basic, app_lines.read_ruby, *_LETTER)
    ),
}
