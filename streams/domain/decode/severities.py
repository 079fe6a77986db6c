"""Severities: the source's word or number, and where it stands among OpenTelemetry's 24."""

import re
from functools import lru_cache
from typing import Final

from schemas.severity import MAX_SEVERITY_NUMBER, severity_name
from streams.domain.decode.cleaning import clean
from streams.domain.decode.levels import Severity

_WORDS: Final = {
    1: "trace trc trce finest silly t",
    5: "debug dbg dbug finer verbose debug1 debug2 debug3 debug4 debug5 d d1 d2 d3 d4 d5 v",
    6: "fine",
    7: "config http",
    9: "info inf information informational success log note system ok i",
    10: "notice n *",
    13: "warn wrn warning w #",
    17: "error err eror severe fail failure e",
    18: "crit dpanic c",
    19: "alert panic pnc a",
    21: "critical fatal ftl emerg emergency f",
}
_NUMBERS: Final = {word: number for number, words in _WORDS.items() for word in words.split()}
_NUMBERS["."] = _NUMBERS["-"] = 5

CLEF_WORDS: Final = {"verbose": 1}
WINDOWS_WORDS: Final = {"critical": 18}
DOTNET_WORDS: Final = {"crit": 21}
POSTGRES_WORDS: Final = {"panic": 22, "detail": 0, "hint": 0, "statement": 0} | dict.fromkeys(
    ("context", "query", "location"), 0
)

_SLOG: Final = re.compile(r"(DEBUG|INFO|WARN|ERROR)([+-]\d{1,4})", re.ASCII)
_SMALL: Final = re.compile(r"\d{1,2}", re.ASCII)

SYSLOG: Final = tuple(
    Severity(number, text)
    for number, text in (
        (21, "emerg"), (19, "alert"), (18, "crit"), (17, "err"),
        (13, "warning"), (10, "notice"), (9, "info"), (5, "debug"),
    )
)  # fmt: skip
_PINO: Final = tuple(
    Severity(number, text)
    for number, text in (
        (1, "trace"), (5, "debug"), (9, "info"), (13, "warn"), (17, "error"), (21, "fatal")
    )
)  # fmt: skip
_NXLOG: Final = tuple(
    Severity(number, text)
    for number, text in (
        (5, "DEBUG"), (9, "INFO"), (13, "WARNING"), (17, "ERROR"), (21, "CRITICAL")
    )
)  # fmt: skip
_WINDOWS: Final = tuple(
    Severity(number, text)
    for number, text in (
        (18, "Critical"), (17, "Error"), (13, "Warning"), (9, "Information"), (5, "Verbose")
    )
)  # fmt: skip


@lru_cache(maxsize=4096)
def parse_word(token: str) -> Severity:
    """Return the severity of a word, letter, mark or slog level; 0 for any other word."""
    word = clean(token)
    number = _NUMBERS.get(word.lower())
    if number is None:
        slog = _SLOG.fullmatch(word.upper())
        number = _slog_number(slog) if slog else 0
    return Severity(number, word)


def _slog_number(match: re.Match[str]) -> int:
    number = _NUMBERS[match[1].lower()] + int(match[2])
    return min(max(number, 1), MAX_SEVERITY_NUMBER)


def parse_word_of(token: str, own: dict[str, int]) -> Severity:
    """Return the severity of a word in a format that has some words of its own."""
    number = own.get(token.strip().lower())
    return parse_word(token) if number is None else Severity(number, clean(token))


def parse_level(value: object) -> Severity | None:
    """Return the severity of a JSON level: text, or a number of syslog's or pino's scale.

    None when the value is no level at all: null, an object, a list, a boolean, empty text.
    """
    if type(value) is str:
        return _parse_text(value) if len(value) <= 64 else Severity(0, clean(value))
    number = as_small_number(value)
    return None if number is None else from_number(number)


@lru_cache(maxsize=4096)
def _parse_text(text: str) -> Severity | None:
    number = as_small_number(text)
    severity = parse_word(text) if number is None else from_number(number)
    return severity if severity.text else None


def from_number(number: int) -> Severity:
    """Return the severity of a number: 0-7 syslog, 10-69 pino and bunyan, else unspecified."""
    if 0 <= number <= 7:
        return SYSLOG[number]
    if 10 <= number <= 69:
        return _PINO[number // 10 - 1]
    return Severity(0, str(number))


def as_small_number(value: object) -> int | None:
    """Return an integral JSON number, or text of one or two digits, as an integer."""
    if type(value) is int:
        return value if abs(value) < 10**9 else None
    if isinstance(value, float):
        return int(value) if abs(value) < 10**9 and value == int(value) else None
    if isinstance(value, str) and _SMALL.fullmatch(value.strip()):
        return int(value)
    return None


def _one_to_five(value: object, scale: tuple[Severity, ...]) -> Severity | None:
    number = as_small_number(value)
    return scale[number - 1] if number is not None and 1 <= number <= 5 else None


def from_nxlog(value: object) -> Severity | None:
    """Return the severity of NXLog's `SeverityValue`, 1-5."""
    return _one_to_five(value, _NXLOG)


def from_windows(value: object) -> Severity | None:
    """Return the severity of a Windows event's level: 1-5, or a word."""
    if as_small_number(value) is not None:
        return _one_to_five(value, _WINDOWS) or Severity(0, str(value).strip())
    if isinstance(value, str) and value.strip():
        return parse_word_of(value, WINDOWS_WORDS)
    return None


def from_python(value: object) -> Severity | None:
    """Return the severity of Python's `levelno`, 10-50 by tens."""
    number = as_small_number(value)
    if number is None or number % 10:
        return None
    return _one_to_five(number // 10, _NXLOG)


def from_otel(number: object, text: str | None) -> Severity | None:
    """Return the severity of an OTel number 1-24, named by the text or by OTel."""
    value = as_small_number(number)
    if value is None or not 1 <= value <= MAX_SEVERITY_NUMBER:
        return None
    return Severity(value, text or severity_name(value))
