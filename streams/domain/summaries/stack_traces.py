"""Fold a stack trace: the exception's class, and the first frame of the service's own code."""

import re
from typing import Final

from schemas.summaries import StackTrace

_MAX_LINES: Final = 400
_MAX_LINE: Final = 500

# `java.lang.IllegalStateException: msg`, `ValueError: msg`, `Caused by: x.Y: msg`, `FooException`
_EXCEPTION: Final = re.compile(
    r"(?:Caused by: |Unhandled exception\. |Uncaught |Exception in thread \"[^\"]{0,100}\" )?"
    r"(?P<name>[A-Za-z_][\w.$]{0,200}(?:Exception|Error|Exit|Interrupt|Failure|Fault))"
    r"(?::\s|:?\s*$)"
)
_GO_PANIC: Final = re.compile(r"(?P<name>panic|fatal error): ")
_RUBY: Final = re.compile(r"\((?P<name>[A-Z][\w:]{0,200}(?:Error|Exception|Failure))\)\s*$")

_JAVA_FRAME: Final = re.compile(r"\s{1,8}at (?P<frame>[\w.$<>/@]{1,300}\([^)\n]{0,200}\))")
_NET_FRAME: Final = re.compile(r"\s{1,8}at (?P<frame>[\w.<>`]{1,300}\([^)\n]{0,200}\))(?: in |$)")
_NODE_FRAME: Final = re.compile(r"\s{1,8}at (?P<frame>[^\n]{1,300}:\d{1,9}:\d{1,9}\)?)")
_PYTHON_FRAME: Final = re.compile(
    r'\s{1,8}File (?P<frame>"[^"\n]{1,300}", line \d{1,9}(?:, in \S{1,200})?)'
)
_GO_FRAME: Final = re.compile(r"\t(?P<frame>/[^\s]{1,300}\.go:\d{1,9})")
_FRAMES: Final = (_JAVA_FRAME, _NET_FRAME, _NODE_FRAME, _PYTHON_FRAME, _GO_FRAME)

# Code of runtimes and frameworks: never the place an operator wants to see first.
_FOREIGN: Final = re.compile(
    r"^(?:java|javax|jdk|sun|com\.sun|kotlin|scala|akka|org\.(?:apache|springframework|hibernate"
    r"|eclipse|jboss|junit)|io\.(?:netty|grpc|vertx|reactivex)|reactor|System|Microsoft)\."
    r"|site-packages|dist-packages|/lib/python|node_modules|node:internal|internal/|/usr/lib/"
    r"|/usr/local/go/|/pkg/mod/|<frozen"
)


def fold_stack_trace(body: str) -> StackTrace | None:
    """Return the exception and own frame of a multi-line body, None when it shows none.

    Of a chain of causes the innermost exception counts; without a frame of its own code the
    topmost frame is given.
    """
    if "\n" not in body:
        return None
    lines = [line[:_MAX_LINE] for line in body.split("\n", _MAX_LINES)[:_MAX_LINES]]
    exception = _innermost(lines)
    if exception is None:
        return None
    frames = [frame for line in lines if (frame := _frame(line)) is not None]
    if frames and frames[0].startswith('"'):
        frames.reverse()  # Python writes the innermost call last
    own = next((frame for frame in frames if not _FOREIGN.search(frame)), None)
    return StackTrace(exception=exception, frame=own or (frames[0] if frames else None))


def exception_line(line: str) -> str | None:
    """Return the exception class that a line of a stack trace names, None for any other line."""
    if line[:1] in " \t" and "Caused by: " not in line:
        return None
    text = line.strip()
    found = _EXCEPTION.match(text) or _GO_PANIC.match(text) or _RUBY.search(text)
    return found["name"] if found else None


def _innermost(lines: list[str]) -> str | None:
    """Return the class of the last cause; without causes that of the first exception line."""
    first = cause = None
    for line in lines:
        name = exception_line(line)
        if name is None:
            continue
        first = first or name
        if line.lstrip().startswith("Caused by: "):
            cause = name
    return cause or first


def _frame(line: str) -> str | None:
    if line[:1] not in " \t":
        return None
    for pattern in _FRAMES:
        found = pattern.match(line)
        if found:
            return found["frame"]
    return None
