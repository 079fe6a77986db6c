"""Variables that only the whole line shows: dates in words, request lines, lists, names."""

import re
from collections.abc import Callable
from typing import Final

from streams.domain.templates.lexicon import (
    HTTP_METHODS,
    MESSAGE_KEYS,
    MONTH,
    NAMING_WORDS,
    UNITS,
    WEEKDAY,
    ZONE,
    is_status_word,
)
from streams.domain.templates.masking import DATE, NUMBER, TIME, WEAK, WILDCARD

_UNIT: Final = f"(?i:{'|'.join(sorted(UNITS, key=len, reverse=True))})"


def _mask_name(match: re.Match[str]) -> str:
    """Return "user <*>" for "user alice", but "user unknown" as it is."""
    cue, name = match.groups()
    if name.lower() in _NO_NAMES or is_status_word(name):
        return match.group(0)
    return f"{cue} {WILDCARD}"


def _mask_quoted_name(match: re.Match[str]) -> str:
    """Return `pod "<*>"` for `pod "web"`, but `pod "failed"` as it is."""
    cue, between, quote, name = match.groups()
    if cue.lower() not in NAMING_WORDS or is_status_word(name):
        return match.group(0)
    return f"{cue}{between}{quote}{WILDCARD}{quote}"


def _mask_compound_name(match: re.Match[str]) -> str:
    """Return `key <*>` for `key user:7:cart`, `lease <*>` for `lease kube/scheduler`."""
    cue = match.group(1)
    return f"{cue} {WILDCARD}" if cue.lower() in NAMING_WORDS else match.group(0)


_NAME_PART: Final = r"(?:[a-z0-9_.@$+~-]|<\*>)++"
_NO_NAMES: Final = frozenset({"authentication", "id", "is", "name", "request", "session", "was"})
_LINE_RULES: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(f"[{WEAK}{NUMBER}]"), WILDCARD),
    # Dates in words, and date plus time: one value.
    (
        re.compile(rf"(?:\b{WEEKDAY},? )?\b{MONTH} <\*>,? (?:<\*> )?{TIME}(?: {ZONE})?(?: <\*>)?"),
        WILDCARD,
    ),
    (
        re.compile(rf"(?:\b{WEEKDAY},? )?<\*> {MONTH} <\*> {TIME}(?: {ZONE}| [+-]?<\*>)?"),
        WILDCARD,
    ),
    (re.compile(rf"{DATE}[ T]{TIME}"), WILDCARD),
    (re.compile(f"[{DATE}{TIME}]"), WILDCARD),
    # A request line: target and version are one value.
    (
        re.compile(rf"\b({'|'.join(sorted(HTTP_METHODS))}) (?:/|<\*>)[^\s\"]*(?: HTTP/<\*>)?"),
        rf"\1 {WILDCARD}",
    ),
    # "1536 bytes (1.5 KB)" says it twice; "<1 sec" is a value.
    (re.compile(rf"(<\*> {_UNIT}) \(<\*> {_UNIT}\)"), r"\1"),
    (re.compile(rf"(?<![^ =:(])<<\*> {_UNIT}\b"), WILDCARD),
    # An access log: who, when; referrer and agent.
    (re.compile(r"^<\*> [^\s\"]+ [^\s\"]+ \[<\*>[^\]\"]*\]"), f"{WILDCARD} [{WILDCARD}]"),
    (
        re.compile(r"(?<=\") ([1-5]?<\*> (?:<\*>|-)) \"[^\"]*\" \"[^\"]*\""),
        rf' \1 "{WILDCARD}" "{WILDCARD}"',
    ),
    # What cron and sudo ran, and for whom.
    (re.compile(r"^\([^()]+\) CMD \(.*\)$"), f"({WILDCARD}) CMD ({WILDCARD})"),
    (
        re.compile(r"^\S+ : (.*?)TTY=\S+ ; PWD=[^;]+ ; USER=\S+ ; COMMAND=.*$"),
        rf"{WILDCARD} : \1TTY={WILDCARD} ; PWD={WILDCARD} ; USER={WILDCARD} ; COMMAND={WILDCARD}",
    ),
    (re.compile(r"\[ (?=<\*>\])"), "["),
    # A value that is not shown.
    (re.compile(r"(?<=<\*> )\*{3,}(?= <\*>)"), WILDCARD),
    # A long list is one value, whatever its length.
    (re.compile(r"(?<![^ (\[{])((?:[^\s<]{0,40})<\*>[^\s<,;]{0,40})([,;]? )(?:\1\2){3,}\1"), r"\1"),
    # Who: "user alice from", "for root from <*>".
    (
        re.compile(
            r"\b([Uu]ser(?:name)?) ([\w.@$'\\-]*\w)"
            r"(?=\.?$|:? from\b| by\b| on\b| at\b| via\b| logged\b| \[| \(|,|;)"
        ),
        _mask_name,
    ),
    # A name that says what it is: pod "web", host: 'db', key user:<*>:cart.
    (
        re.compile(r"(?<![\w.-])([A-Za-z]{2,16})(:? )([\"'])((?:[\w.@$/: -]|<\*>)++)\3"),
        _mask_quoted_name,
    ),
    (
        re.compile(
            rf"(?<![\w.-])([A-Za-z]{{2,16}}) {_NAME_PART}(?:[:/]+{_NAME_PART})+(?=[\s,;)]|\.?$|: )"
        ),
        _mask_compound_name,
    ),
    (re.compile(r"\b(for) ([\w.@$\\-]+)(?= from (?:<\*>|[\w.-]+ port <\*>))"), _mask_name),
)
_QUOTED_VALUE: Final = re.compile(r"(?<![\w.-])([\w.-]+)=\"([^\"]*)\"")


def _mask_quoted(match: re.Match[str]) -> str:
    if match.group(1).lower() in MESSAGE_KEYS or not match.group(2):
        return match.group(0)
    return f'{match.group(1)}="{WILDCARD}"'


def mask_line(text: str) -> str:
    """Return the shape of a line from its joined masked tokens: rules that see more than one."""
    if '="' in text:
        text = _QUOTED_VALUE.sub(_mask_quoted, text)
    for rule, replacement in _LINE_RULES:
        text = rule.sub(replacement, text)
    return text
