"""Lines with a transport's header: syslog in its forms, CRI, Logstash's plain codec."""

import re
from typing import Final

from streams.domain.decode.cleaning import clean
from streams.domain.decode.levels import Attributes, Level, Moment
from streams.domain.decode.line_parts import LEVEL_WORDS, TAG, set_integer, set_text
from streams.domain.decode.resources import SHIPPER_HOST, SYSLOG_HOST, SYSLOG_TAG, name_of
from streams.domain.decode.severities import SYSLOG
from streams.domain.decode.shapes import SPAN_NAMES, TRACE_NAMES
from streams.domain.decode.times import match_iso, match_month_first
from streams.domain.decode.traces import parse_span_id, parse_trace_id, parse_traceparent

_MAX_PRI: Final = 191
_PRI: Final = re.compile(r"<(\d{1,3})>", re.ASCII)
_RFC5424: Final = re.compile(r"1 (\S+) (\S+) (\S+) (\S+) (\S+) (?=[-\[])")
_SD_ELEMENT: Final = re.compile(r"\[([^\s=\]\"]{1,200})")
_SD_PARAMETER: Final = re.compile(r' +([^\s=\]"]{1,200})="((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_MAX_PARAMETERS: Final = 10_000
_SD_ESCAPE: Final = re.compile(r'\\(["\\\]])')
_HOST: Final = re.compile(r"[A-Za-z0-9][\w.:%-]{0,254}", re.ASCII)
_CRI: Final = re.compile(r" (stdout|stderr) ([FP](?::[^\s]{0,100})?)(?: |$)")
_LOGSTASH: Final = re.compile(r" (?:\{([A-Za-z_.]{1,100}=[^\n]{0,2000}?)\}|%\{host\})(?: |$)")
_NESTED: Final = re.compile(r"\{[^{}]*\}")
_LOGSTASH_HOST: Final = re.compile(r"(?:^|, ?)(?:host)?name=([^,]{1,255})")


def read_rfc5424(text: str) -> Level | None:
    """`<PRI>1 TS HOST APP PROCID MSGID SD[ MSG]`."""
    pri = _PRI.match(text)
    head = _RFC5424.match(text, pri.end()) if pri else None
    if pri is None or head is None or int(pri[1]) > _MAX_PRI:
        return None
    stamp, host, application, procid, msgid = head.groups()
    timed = match_iso(stamp)
    if stamp != "-" and (timed is None or timed[1] != len(stamp)):
        return None
    attributes = _pri_attributes(int(pri[1]))
    end = _read_structured_data(text, head.end(), attributes)
    set_text(attributes, "syslog.procid", procid)
    set_integer(attributes, "process.pid", procid)
    set_text(attributes, "syslog.msgid", msgid)
    trace_id, span_id = _trace_of(attributes)
    return _level(
        text[end:],
        timed[0] if timed else None,
        attributes,
        host=host,
        tag=application,
        trace=(trace_id, span_id),
    )


def _read_structured_data(text: str, position: int, attributes: Attributes) -> int:
    """Set the parameters of the elements at the position; return where they end."""
    if text[position] == "-":
        return position + 1
    start = position
    count = len(attributes)
    while element := _SD_ELEMENT.match(text, position):
        position = element.end()
        while parameter := _SD_PARAMETER.match(text, position):
            count += 1
            if count > _MAX_PARAMETERS:
                return start
            name = f"syslog.structured_data.{element[1]}.{parameter[1]}"
            attributes[name] = _SD_ESCAPE.sub(r"\1", parameter[2])
            position = parameter.end()
        if text[position : position + 1] != "]":
            # Broken structured data is a part of the message.
            return start
        position += 1
    return position


def _trace_of(attributes: Attributes) -> tuple[str | None, str | None]:
    trace_id = span_id = None
    for path, value in attributes.items():
        name = path.rpartition(".")[2]
        if not path.startswith("syslog.structured_data."):
            continue
        if name in TRACE_NAMES or path.endswith(".trace.id"):
            trace_id = trace_id or parse_trace_id(value)
        elif name in SPAN_NAMES or path.endswith(".span.id"):
            span_id = span_id or parse_span_id(value)
        elif name == "traceparent" and trace_id is None:
            trace_id, span_id = parse_traceparent(value)
    return trace_id, span_id


def _pri_attributes(pri: int) -> Attributes:
    return {"syslog.facility.code": pri >> 3, "syslog.severity.code": pri & 7}


def read_rfc3164(text: str) -> Level | None:
    """`<PRI>[TS ][HOST ]TAG MSG`."""
    pri = _PRI.match(text)
    if pri is None or int(pri[1]) > _MAX_PRI:
        return None
    attributes = _pri_attributes(int(pri[1]))
    position = pri.end()
    while text[position : position + 1] == " ":
        position += 1
    timed = match_month_first(text, position) or match_iso(text, position)
    if timed is None:
        tag = TAG.match(text, position)
        return (
            _tagged(text, tag, None, attributes)
            if tag
            else _level(text[position:], None, attributes)
        )
    moment, end = timed
    return _after_time(text, end, moment, attributes)


def _after_time(text: str, end: int, moment: Moment, attributes: Attributes) -> Level:
    start = _skip_spaces(text, end)
    tag = TAG.match(text, start)
    if tag:
        return _tagged(text, tag, moment, attributes)
    host_end = _token_end(text, start)
    host = text[start:host_end]
    tag = TAG.match(text, _skip_spaces(text, host_end))
    if tag:
        return _tagged(text, tag, moment, attributes, host=host)
    return _level(text[host_end:], moment, attributes, host=host)


def _skip_spaces(text: str, position: int) -> int:
    while text[position : position + 1] == " ":
        position += 1
    return position


_TOKEN: Final = re.compile(r"\S*")


def _token_end(text: str, position: int) -> int:
    match = _TOKEN.match(text, position)
    return match.end() if match else position


def _tagged(
    text: str,
    tag: re.Match[str],
    moment: Moment | None,
    attributes: Attributes,
    *,
    host: str | None = None,
) -> Level:
    if tag[2]:
        set_integer(attributes, "process.pid", tag[2])
        attributes["syslog.procid"] = tag[2]
    return _level(text[tag.end() :], moment, attributes, host=host, tag=tag[1])


def _level(
    message: str,
    moment: Moment | None,
    attributes: Attributes,
    *,
    host: str | None = None,
    tag: str | None = None,
    trace: tuple[str | None, str | None] = (None, None),
) -> Level:
    """A syslog level; a header time with a zone was stamped at emission, one without was not."""
    code = attributes.get("syslog.severity.code")
    service, host = name_of(tag), name_of(host)
    is_emitted = moment is not None and moment.is_zoned
    return Level(
        body=clean(message),
        weak_severity=SYSLOG[code] if isinstance(code, int) else None,
        applied=None if is_emitted else moment,
        emitted=(moment,) if moment is not None and is_emitted else (),
        service=(SYSLOG_TAG, service) if service else None,
        host=(SYSLOG_HOST, host) if host else None,
        trace_id=trace[0],
        span_id=trace[1],
        attributes=attributes,
    )


def read_syslog_file(text: str, moment: Moment, end: int) -> Level | None:
    """`TIME HOST TAG MSG`, as rsyslog and syslog-ng write files."""
    start = _skip_spaces(text, end)
    host = _HOST.match(text, start)
    if start == end or host is None or text[host.end() : host.end() + 1] != " ":
        return None
    tag = TAG.match(text, _skip_spaces(text, host.end()))
    if tag is None or host[0].lower() in LEVEL_WORDS or tag[1].lower() in LEVEL_WORDS:
        return None
    return _tagged(text, tag, moment, {}, host=host[0])


def read_cri(text: str, moment: Moment, end: int) -> Level | None:
    """`RFC3339 stdout|stderr F|P[:...] MSG`."""
    match = _CRI.match(text, end)
    if match is None:
        return None
    return Level(
        body=text[match.end() :].strip(),
        runtime_stamp=moment,
        attributes={"log.iostream": match[1], "logtag": match[2]},
    )


def read_logstash(text: str, moment: Moment, end: int) -> Level | None:
    """`TIME {k=v, ...}|%{host} MSG`; Logstash prints the time at which it read the line."""
    match = _LOGSTASH.match(text, end) if moment.has_fraction else None
    if match is None:
        return None
    host_map = _NESTED.sub("", match[1] or "")
    named = _LOGSTASH_HOST.search(host_map)
    host = name_of(named[1]) if named else None
    return Level(
        body=text[match.end() :].strip(),
        collected=moment,
        host=(SHIPPER_HOST, host) if host else None,
    )
