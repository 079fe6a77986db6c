"""Lines of the usual servers: access logs, nginx, Apache, databases, HAProxy."""

import re
from typing import Final

from streams.domain.decode.levels import Attributes, Level, Moment
from streams.domain.decode.line_parts import set_integer, set_request, set_text
from streams.domain.decode.resources import PRODUCT
from streams.domain.decode.severities import POSTGRES_WORDS, parse_word, parse_word_of
from streams.domain.decode.times import match_time

_ACCESS_HEAD: Final = (
    r"(?:([^\s\[\"]+):(\d+) )?([^\s\[\"]+) (\S+) (\S+) \[(\d\d?/[A-Z][^\]]{,40})\] "
)
_ACCESS: Final = re.compile(
    _ACCESS_HEAD + r'"((?:[^"\\\n]++|\\.)*+)" (\d{3}|-) (\d+|-)'
    r'(?: "((?:[^"\\\n]++|\\.)*+)" "((?:[^"\\\n]++|\\.)*+)")?(?=\s|$)',
    re.ASCII,
)
_NGINX: Final = re.compile(r" \[(\w{1,20})\] (\d+)#(\d+): (?:\*(\d+) )?", re.ASCII)
_NGINX_FIELD: Final = re.compile(
    r', (client|server|upstream|request|referrer): ("[^"\n]*"|[^,\n]*)'
)
_APACHE_HEAD: Final = re.compile(r"\[(?=[A-Z][a-z]{2} )")
_APACHE: Final = re.compile(
    r"\] \[(?:([\w.-]*):)?(\w{1,20})\](?: \[pid (\d+)(?::tid (\d+))?\])?"
    r"(?: \[(?:client|remote) ([^\]\s]{1,300})\])? ?",
    re.ASCII,
)
_ADDRESS: Final = re.compile(r"(.+):(\d{1,5})", re.ASCII)
_POSTGRES_LEVEL: Final = (
    "(DEBUG[1-5]?|INFO|NOTICE|WARNING|ERROR|LOG|FATAL|PANIC|DETAIL|HINT|STATEMENT|CONTEXT|QUERY"
    "|LOCATION): +"
)
_POSTGRES: Final = re.compile(
    r"(?: [A-Za-z]{2,5}| [+-]\d\d(?::?\d\d)?)? \[(\d+)(?:-\d+)?\]:? +(?:\[[^\]\n]*\] )?"
    rf"(?:([^\s@]{{1,200}})@([^\s@]{{1,200}}) )?{_POSTGRES_LEVEL}",
    re.ASCII,
)
_POSTGRES_RDS: Final = re.compile(
    r"(?: [A-Z]{2,5})?:([^\s()]{0,255})(?:\((\d+)\))?:([^\s@:]{0,200})@([^\s@:]{0,200}):\[(\d+)\]:"
    + _POSTGRES_LEVEL,
    re.ASCII,
)
_MYSQL: Final = re.compile(
    r" +(\d+) \[([A-Za-z]{1,20})\](?: \[(MY-\d+)\])?(?: \[([A-Za-z_]{1,60})\])? ?", re.ASCII
)
_REDIS: Final = re.compile(r"(\d+):([A-Z]) (?=\d\d? [A-Z])", re.ASCII)
_REDIS_MARK: Final = re.compile(r" ([.\-*#]) ?")
_HAPROXY: Final = re.compile(
    r"([^\s\[\"]{1,255}):(\d+) \[(\d\d?/[A-Z][^\]]{,40})\] (\S+) ([^\s/]+)/(\S+)"
    r" ([+-]?\d+(?:/[+-]?\d+){4}) (-?\d{1,3}) \+?(\d+) ",
    re.ASCII,
)
_HAPROXY_REQUEST: Final = re.compile(r'"([^"\n]*)"?$')


def read_access(text: str) -> Level | None:
    """`[vhost:port ]client ident user [CLF] "request" status bytes[ "referer" "agent"]`."""
    match = _ACCESS.match(text)
    timed = match_time(match[6]) if match else None
    if match is None or timed is None:
        return None
    attributes: Attributes = {}
    set_text(attributes, "server.address", match[1])
    set_integer(attributes, "server.port", match[2])
    set_text(attributes, "client.address", match[3])
    set_text(attributes, "user.name", match[5])
    set_request(attributes, match[7])
    set_integer(attributes, "http.response.status_code", match[8])
    set_integer(attributes, "http.response.body.size", match[9])
    set_text(attributes, "http.request.header.referer", match[10])
    set_text(attributes, "user_agent.original", match[11])
    return Level(body=text, applied=timed[0], attributes=attributes, is_sealed=True)


def read_nginx(text: str, moment: Moment, end: int) -> Level | None:
    """`YYYY/MM/DD HH:MM:SS [level] pid#tid: [*cid ]MSG`."""
    match = _NGINX.match(text, end)
    if match is None:
        return None
    attributes: Attributes = {}
    set_integer(attributes, "process.pid", match[2])
    set_integer(attributes, "thread.id", match[3])
    set_integer(attributes, "nginx.connection", match[4])
    message = text[match.end() :].strip()
    for field in _NGINX_FIELD.finditer(message):
        _set_nginx_field(attributes, field[1], field[2].strip('"'))
    return Level(
        body=message,
        severity=parse_word(match[1]),
        applied=moment,
        service=(PRODUCT, "nginx"),
        attributes=attributes,
    )


def _set_nginx_field(attributes: Attributes, name: str, value: str) -> None:
    if name == "request":
        set_request(attributes, value)
    elif name == "client":
        set_text(attributes, "client.address", value)
    elif name == "server":
        set_text(attributes, "server.address", value)
    elif name == "referrer":
        set_text(attributes, "http.request.header.referer", value)
    else:
        set_text(attributes, name, value)


def read_apache(text: str) -> Level | None:
    """`[Www Mon DD HH:MM:SS YYYY] [module:level] [pid N:tid N] [client A:P] MSG`."""
    head = _APACHE_HEAD.match(text)
    timed = match_time(text, 1) if head else None
    match = _APACHE.match(text, timed[1]) if timed else None
    if timed is None or match is None:
        return None
    attributes: Attributes = {}
    set_text(attributes, "apache.module", match[1])
    set_integer(attributes, "process.pid", match[3])
    set_integer(attributes, "thread.id", match[4])
    _set_address(attributes, match[5])
    return Level(
        body=text[match.end() :].strip(),
        severity=parse_word(match[2]),
        applied=timed[0],
        service=(PRODUCT, "apache"),
        attributes=attributes,
    )


def _set_address(attributes: Attributes, client: str | None) -> None:
    match = _ADDRESS.fullmatch(client) if client else None
    set_text(attributes, "client.address", match[1] if match else client)
    set_integer(attributes, "client.port", match[2] if match else None)


def read_postgres(text: str, moment: Moment, end: int) -> Level | None:
    """`TS ZONE [pid][ user@db] SEVERITY:  MSG`, and RDS's form of it."""
    # The zone may have been read with the time: what must follow is the same.
    attributes: Attributes = {}
    match = _POSTGRES.match(text, end)
    if match:
        pid, user, database, word = match.groups()
    else:
        match = _POSTGRES_RDS.match(text, end)
        if match is None:
            return None
        address, port, user, database, pid, word = match.groups()
        set_text(attributes, "client.address", address)
        set_integer(attributes, "client.port", port)
    set_integer(attributes, "process.pid", pid)
    set_text(attributes, "db.user", user)
    set_text(attributes, "db.namespace", database)
    return Level(
        body=text[match.end() :].strip(),
        severity=parse_word_of(word, POSTGRES_WORDS),
        applied=moment,
        service=(PRODUCT, "postgresql"),
        attributes=attributes,
    )


def read_mysql(text: str, moment: Moment, end: int) -> Level | None:
    """`TS thread [Level] [MY-n] [Subsystem] MSG`, MariaDB without the last two."""
    match = _MYSQL.match(text, end)
    if match is None:
        return None
    attributes: Attributes = {}
    set_integer(attributes, "thread.id", match[1])
    set_text(attributes, "mysql.error_code", match[3])
    message_start = match.end()
    if match[3] is None and match[4] is not None:
        # MariaDB has no subsystem: what stands in brackets belongs to the message.
        message_start = match.start(4) - 1
    else:
        set_text(attributes, "mysql.subsystem", match[4])
    return Level(
        body=text[message_start:].strip(),
        severity=parse_word(match[2]),
        applied=moment,
        service=(PRODUCT, "mysql"),
        attributes=attributes,
    )


def read_redis(text: str) -> Level | None:
    """`pid:role DD Mon YYYY HH:MM:SS.mmm mark MSG`."""
    head = _REDIS.match(text)
    timed = match_time(text, head.end()) if head else None
    mark = _REDIS_MARK.match(text, timed[1]) if timed else None
    if head is None or timed is None or mark is None:
        return None
    attributes: Attributes = {"redis.role": head[2]}
    set_integer(attributes, "process.pid", head[1])
    return Level(
        body=text[mark.end() :].strip(),
        severity=_REDIS_MARKS[mark[1]],
        applied=timed[0],
        service=(PRODUCT, "redis"),
        attributes=attributes,
    )


_REDIS_MARKS: Final = {mark: parse_word(mark) for mark in (".", "-", "*", "#")}


def read_haproxy(text: str) -> Level | None:
    """`client:port [TS] frontend backend/server t/t/t/t/t status bytes ... "request"`."""
    match = _HAPROXY.match(text)
    timed = match_time(match[3]) if match else None
    if match is None or timed is None:
        return None
    attributes: Attributes = {
        "haproxy.frontend": match[4],
        "haproxy.backend": match[5],
        "haproxy.server": match[6],
        "haproxy.timers": match[7],
    }
    set_text(attributes, "client.address", match[1])
    set_integer(attributes, "client.port", match[2])
    set_integer(attributes, "http.response.status_code", match[8])
    set_integer(attributes, "http.response.body.size", match[9])
    request = _HAPROXY_REQUEST.search(text, match.end())
    if request:
        set_request(attributes, request[1])
    return Level(
        body=text,
        applied=timed[0],
        service=(PRODUCT, "haproxy"),
        attributes=attributes,
        is_sealed=True,
    )
