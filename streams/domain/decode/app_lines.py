"""Lines of application loggers: klog, Spring, logback, Python, Ruby, loguru, zap, .NET, Java."""

import re
from typing import Final

from streams.domain.decode.attributes import flatten, plain_values
from streams.domain.decode.json_text import read_object
from streams.domain.decode.levels import Attributes, Level, Moment, Severity
from streams.domain.decode.line_parts import LEVEL, set_integer
from streams.domain.decode.logfmt import read_pairs, unquote
from streams.domain.decode.resources import HEADER_APPLICATION, name_of
from streams.domain.decode.severities import DOTNET_WORDS, parse_word, parse_word_of
from streams.domain.decode.times import match_iso, match_klog, match_time
from streams.domain.decode.traces import parse_span_id, parse_trace_id

_KLOG: Final = re.compile(r" +(\d+) ([^\]\s:]{1,300}):(\d+)\] ?", re.ASCII)
_KLOG_MESSAGE: Final = re.compile(r'"((?:[^"\\]++|\\.)*+)"(?: +|$)', re.DOTALL)
_SPRING: Final = re.compile(
    r" +(\d+)? *--- ((?:\[[^\]\n]{0,300}\] ?)*+)([^\s\[]\S*) +: ?", re.ASCII
)
_SPRING_GROUP: Final = re.compile(r"\[ *([^\]\n]*?) *\]")
_SPRING_TRACE: Final = re.compile(r"([0-9a-f]{32})-([0-9a-f]{16})")
_CLASS: Final = r"[A-Za-z_$][\w$-]*+(?:[./][\w$-]++)++"
_LOG4J: Final = re.compile(rf" +({_CLASS})(?: \[([^\]\n]{{0,300}})\]|:)(?: +|$)")
_LOGBACK: Final = re.compile(rf" \[([^\]\n]{{0,300}})\] ({LEVEL}) +(\S+) -(?: |$)")
_TIME_OF_DAY: Final = re.compile(r"\d\d:\d\d:\d\d[.,]\d{1,9}(?= \[)", re.ASCII)
_PYTHON: Final = re.compile(rf" - (\S{{1,300}}) - ({LEVEL}) - ?")
_PYTHON_BASIC: Final = re.compile(rf"({LEVEL}):([^\s:]{{1,300}}):")
_RUBY: Final = re.compile(r"([DIWEFAU]), \[")
_RUBY_REST: Final = re.compile(r" #(\d+)\] +([A-Z]{3,7}) -- ([^:\n]{0,300}):(?: |$)", re.ASCII)
_LOGURU: Final = re.compile(
    r" \| ([A-Z]{4,20}) *\| ([^\s:]{1,300}):([^\s:]{1,300}):(\d+) - ?", re.ASCII
)
_ZAP_CALLER: Final = re.compile(r"(\S{1,500}\.go):(\d{1,9})", re.ASCII)
_ZAP_LEVEL: Final = re.compile(r"\t([A-Za-z]{4,6})\t")
_ZEROLOG: Final = re.compile(r"\d\d?:\d\d[AP]M (TRC|DBG|INF|WRN|ERR|FTL|PNC)(?: |$)", re.ASCII)
_DOTNET: Final = re.compile(
    r"(trce|dbug|info|warn|fail|crit): ([^\s\[][^\n\[]{0,300})\[(-?\d{1,9})\](?=\n|$)", re.ASCII
)
_JUL: Final = re.compile(
    r" ([\w.$]{1,300})(?: ([\w.$<>]{1,200}))?\n"
    r"(SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): ?",
)


def read_klog(text: str) -> Level | None:
    """`[IWEF]MMDD HH:MM:SS.uuuuuu pid file:line] MSG`, MSG possibly `"text" k=v ...`."""
    timed = match_klog(text, 1)
    match = _KLOG.match(text, timed[1]) if timed else None
    if timed is None or match is None:
        return None
    attributes: Attributes = {"code.file.path": match[2]}
    body = text[match.end() :].strip()
    structured = _KLOG_MESSAGE.match(body)
    pairs = read_pairs(body, structured.end()) if structured else None
    if structured and pairs is not None:
        body = unquote(structured[1])
        plain_values(pairs, list(pairs))
        attributes = pairs | attributes
    set_integer(attributes, "process.pid", match[1])
    set_integer(attributes, "code.line.number", match[3])
    return Level(body=body, severity=parse_word(text[0]), applied=timed[0], attributes=attributes)


def read_spring(text: str, moment: Moment, end: int, level: str) -> Level | None:
    """`TS LEVEL pid --- [group]... logger : MSG`, from behind the level on."""
    match = _SPRING.match(text, end)
    if match is None:
        return None
    groups = [group for group in _SPRING_GROUP.findall(match[2]) if group]
    attributes: Attributes = {"log.logger": match[3]}
    set_integer(attributes, "process.pid", match[1])
    trace = _SPRING_TRACE.fullmatch(groups[-1]) if groups else None
    if trace:
        groups.pop()
    if groups:
        attributes["thread.name"] = groups[-1]
    application = name_of(groups[-2]) if len(groups) > 1 else None
    return Level(
        body=text[match.end() :].strip(),
        severity=parse_word(level),
        applied=moment,
        service=(HEADER_APPLICATION, application) if application else None,
        trace_id=parse_trace_id(trace[1]) if trace else None,
        span_id=parse_span_id(trace[2]) if trace else None,
        attributes=attributes,
    )


def read_log4j(text: str, moment: Moment, end: int, level: str) -> Level | None:
    """`TS LEVEL dotted.logger [thread] MSG` or `TS LEVEL dotted.logger: MSG`, behind the level."""
    match = _LOG4J.match(text, end)
    if match is None:
        return None
    attributes: Attributes = {"log.logger": match[1]}
    if match[2]:
        attributes["thread.name"] = match[2].strip()
    return _applied(text[match.end() :], level, moment, attributes)


def read_logback(text: str, moment: Moment | None, end: int) -> Level | None:
    """`TS [thread] LEVEL logger - MSG`."""
    match = _LOGBACK.match(text, end)
    if match is None:
        return None
    attributes: Attributes = {"log.logger": match[3], "thread.name": match[1].strip()}
    return _applied(text[match.end() :], match[2], moment, attributes)


def read_time_of_day(text: str) -> Level | None:
    """`HH:MM:SS.f [thread] LEVEL logger - MSG`: no event time, the day is unknown."""
    match = _TIME_OF_DAY.match(text)
    return read_logback(text, None, match.end()) if match else None


def read_python(text: str, moment: Moment, end: int) -> Level | None:
    """`TS - name - LEVEL - MSG`."""
    match = _PYTHON.match(text, end)
    if match is None:
        return None
    return _applied(text[match.end() :], match[2], moment, {"log.logger": match[1]})


def read_python_basic(text: str) -> Level | None:
    """`LEVEL:name:MSG`."""
    match = _PYTHON_BASIC.match(text)
    if match is None:
        return None
    return _applied(text[match.end() :], match[1], None, {"log.logger": match[2]})


def read_ruby(text: str) -> Level | None:
    """`L, [TS #pid] LEVEL -- prog: MSG`."""
    head = _RUBY.match(text)
    timed = match_iso(text, head.end()) if head else None
    match = _RUBY_REST.match(text, timed[1]) if timed else None
    if timed is None or match is None:
        return None
    attributes: Attributes = {}
    set_integer(attributes, "process.pid", match[1])
    program = name_of(match[3])
    return Level(
        body=text[match.end() :].strip(),
        severity=parse_word(match[2]),
        applied=timed[0],
        service=(HEADER_APPLICATION, program) if program else None,
        attributes=attributes,
    )


def read_loguru(text: str, moment: Moment, end: int) -> Level | None:
    """`TS | LEVEL | module:function:line - MSG`."""
    match = _LOGURU.match(text, end)
    if match is None:
        return None
    attributes: Attributes = {"log.logger": match[2], "code.function.name": match[3]}
    set_integer(attributes, "code.line.number", match[4])
    return _applied(text[match.end() :], match[1], moment, attributes)


def read_zap(text: str, moment: Moment, end: int) -> Level | None:
    """`TS<TAB>LEVEL<TAB>[logger<TAB>][file.go:n<TAB>]MSG[<TAB>{json}]` and further lines."""
    match = _ZAP_LEVEL.match(text, end)
    severity = parse_word(match[1]) if match else None
    if match is None or severity is None or severity.number == 0:
        return None
    first, _, further = text[match.end() :].partition("\n")
    parts = first.split("\t")
    attributes: Attributes = {}
    fields = read_object(parts[-1]) if len(parts) > 1 and parts[-1][:1] == "{" else None
    if fields is not None:
        parts.pop()
        attributes, odd = flatten(fields)
        plain_values(attributes, odd)
    body = _read_zap_head(parts, attributes)
    return Level(
        body=f"{body}\n{further}".strip() if further else body.strip(),
        severity=severity,
        applied=moment,
        attributes=attributes,
    )


def _read_zap_head(parts: list[str], attributes: Attributes) -> str:
    """Take logger and caller from the front of the parts; return the message."""
    callers = [_ZAP_CALLER.fullmatch(part) for part in parts[:2]]
    caller = next((caller for caller in callers if caller), None)
    if caller and len(parts) > 1:
        attributes["code.file.path"] = caller[1]
        set_integer(attributes, "code.line.number", caller[2])
        index = callers.index(caller)
        if index:
            attributes["log.logger"] = parts[0]
        return "\t".join(parts[index + 1 :])
    if len(parts) > 1:
        attributes["log.logger"] = parts[0]
        return "\t".join(parts[1:])
    return parts[0]


def read_zerolog(text: str) -> Level | None:
    """`H:MMAM|PM LVL MSG`."""
    match = _ZEROLOG.match(text)
    return _applied(text[match.end() :], match[1], None, {}) if match else None


def read_dotnet(text: str) -> Level | None:
    """`warn: Category[id]`, the message indented on the lines below."""
    match = _DOTNET.match(text)
    if match is None:
        return None
    lines = text[match.end() :].removeprefix("\n").split("\n")
    body = "\n".join(line.removeprefix("      ") for line in lines).strip()
    return Level(
        body=body,
        severity=parse_word_of(match[1], DOTNET_WORDS),
        attributes={"log.logger": match[2], "event.id": int(match[3])},
    )


def read_jul(text: str) -> Level | None:
    """`Mon D, YYYY H:MM:SS AM|PM class method`, then `LEVEL: MSG`."""
    timed = match_time(text)
    match = _JUL.match(text, timed[1]) if timed else None
    if timed is None or match is None:
        return None
    attributes: Attributes = {"log.logger": match[1]}
    if match[2]:
        attributes["code.function.name"] = match[2]
    return _applied(text[match.end() :], match[3], timed[0], attributes)


def _applied(message: str, level: str, moment: Moment | None, attributes: Attributes) -> Level:
    severity: Severity = parse_word(level)
    return Level(body=message.strip(), severity=severity, applied=moment, attributes=attributes)
