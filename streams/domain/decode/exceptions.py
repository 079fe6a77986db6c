"""Exceptions in text: stack traces of the usual runtimes, read line by line."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from streams.domain.decode.levels import Attributes, Level

_TRACEBACK: Final = "Traceback (most recent call last):"
_SCANNED_CHARS: Final = 262_144
_FRAME: Final = re.compile(r"\n[ \t]+at ")
_GOROUTINE: Final = re.compile(r"\ngoroutine \d+ \[")
_PREFIX: Final = re.compile(
    r'Exception in thread "[^"\n]{0,300}" |Unhandled exception\. |Uncaught |Caused by: '
)
_TYPE: Final = re.compile(r"[A-Za-z_$][\w$.`+]{0,500}")
_GO: Final = re.compile(r"(panic|fatal error): ([^\n]*)")
_RUBY_HEAD: Final = re.compile(r"[^\s:][^\n:]{0,500}:\d{1,9}:in ")
_RUBY_CLASS: Final = re.compile(r"[A-Z]\w*(?:::\w+)*")
_SUFFIXES: Final = ("Error", "Exception", "Throwable")


class Thrown(NamedTuple):
    """An exception named in a text, and where its stack trace begins."""

    type: str
    message: str | None
    start: int


def read_uncaught(text: str) -> Level | None:
    """Return the level of a text that is nothing but an uncaught exception."""
    thrown = find_exception(text)
    if thrown is None or thrown.start != 0:
        return None
    return Level(
        body=text, attributes=_attributes_of(thrown, text), is_exception=True, is_sealed=True
    )


def find_exception(text: str) -> Thrown | None:
    """Return the first exception with a stack trace that the text names."""
    if "\n" not in text:
        return None
    text = text[:_SCANNED_CHARS]
    found = [
        thrown
        for thrown in (_find_python(text), _find_go(text), _find_framed(text), _find_ruby(text))
        if thrown is not None
    ]
    return min(found, key=lambda thrown: thrown.start, default=None)


def set_exception(attributes: Attributes, body: str) -> None:
    """Set the exception's attributes from a body that holds a stack trace, in place."""
    thrown = find_exception(body)
    if thrown is not None:
        for name, value in _attributes_of(thrown, body).items():
            attributes.setdefault(name, value)


def set_exception_of(attributes: Attributes) -> None:
    """Complete the exception's type and message from its stack trace, in place."""
    stack = attributes.get("exception.stacktrace")
    if not isinstance(stack, str):
        return
    thrown = find_exception(stack) or _thrown_at(stack.split("\n", 1)[0], 0)
    if thrown is None:
        return
    attributes.setdefault("exception.type", thrown.type)
    if thrown.message is not None and attributes["exception.type"] == thrown.type:
        attributes.setdefault("exception.message", thrown.message)


def _attributes_of(thrown: Thrown, text: str) -> Attributes:
    attributes: Attributes = {"exception.type": thrown.type}
    if thrown.message is not None:
        attributes["exception.message"] = thrown.message
    attributes["exception.stacktrace"] = text[thrown.start :]
    return attributes


def _lines(text: str, start: int) -> Iterator[tuple[int, str]]:
    """Each line with its offset, from a line's start on."""
    while start <= len(text):
        end = text.find("\n", start)
        if end < 0:
            end = len(text)
        yield start, text[start:end]
        start = end + 1


def _find_python(text: str) -> Thrown | None:
    start = text.find(_TRACEBACK)
    if start < 0:
        return None
    for position, line in _lines(text, start):
        if position == start or not line or line[0] in " \t":
            continue
        name, colon, message = line.partition(":")
        if _TYPE.fullmatch(name):
            return Thrown(name, message.strip() if colon else None, start)
        return None
    return None


def _find_go(text: str) -> Thrown | None:
    goroutine = _GOROUTINE.search(text)
    if goroutine is None:
        return None
    for position, line in _lines(text[: goroutine.start()], 0):
        match = _GO.match(line)
        if match:
            return Thrown(match[1], match[2].strip(), position)
    return None


def _find_framed(text: str) -> Thrown | None:
    """Java, .NET and Node: a line that names a class, then frames that start with `at`."""
    frame = _FRAME.search(text)
    if frame is None:
        return None
    named: Thrown | None = None
    for position, line in _lines(text[: frame.start()], 0):
        thrown = _thrown_at(line, position)
        if thrown is not None:
            return thrown
        named = named or _named_in(line, position)
    return named


def _thrown_at(line: str, position: int) -> Thrown | None:
    """The exception whose class the line begins with."""
    prefix = _PREFIX.match(line)
    rest = line[prefix.end() :] if prefix else line
    name, colon, message = rest.partition(":")
    # Node adds a code: `TypeError [ERR_INVALID_URL]: Invalid URL`.
    name = name.partition(" [")[0]
    if _TYPE.fullmatch(name) and _is_class(name) and (not message or message[0] == " "):
        return Thrown(name, message.strip() if colon else None, position)
    return None


def _is_class(name: str) -> bool:
    last = name.rpartition(".")[2]
    if not last:
        return False
    return last.endswith(_SUFFIXES) or ("." in name and last[0].isupper())


def _named_in(line: str, position: int) -> Thrown | None:
    """An exception that a line names somewhere, as in `failed: java.io.IOException: gone`."""
    words = line.split(" ")
    for index, word in enumerate(words):
        name = word.removesuffix(":")
        if name.endswith(_SUFFIXES) and _TYPE.fullmatch(name):
            message = " ".join(words[index + 1 :]) if word.endswith(":") else None
            return Thrown(name, message, position)
    return None


def _find_ruby(text: str) -> Thrown | None:
    for position, line in _lines(text, 0):
        thrown = _ruby_at(line, position)
        if thrown is not None:
            return thrown
        if position > _RUBY_SCANNED:
            break
    return None


_RUBY_SCANNED: Final = 16_384
"""Ruby prints the exception first: what comes later is not looked at."""


def _ruby_at(line: str, position: int) -> Thrown | None:
    """`file:n:in 'method': message (Class)`."""
    head = _RUBY_HEAD.match(line)
    if head is None or not line.endswith(")"):
        return None
    message, bracket, name = line[head.end() : -1].rpartition(" (")
    _, colon, message = message.partition("': ")
    if bracket and colon and _RUBY_CLASS.fullmatch(name):
        return Thrown(name, message, position)
    return None
