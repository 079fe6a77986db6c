"""InfluxDB line protocol, in which Telegraf writes the log lines it has read."""

import re
from functools import lru_cache
from typing import Final

from streams.domain.decode import resources, severities
from streams.domain.decode.attributes import CANONICAL, CanonicalRule, rules_for, set_canonical
from streams.domain.decode.cleaning import clean
from streams.domain.decode.levels import Attributes, Level, Moment, Ranked, Severity
from streams.domain.decode.resources import ResourceRule
from streams.domain.decode.shapes import KNOWN_KEYS
from streams.domain.decode.times import parse_time

_NAME: Final = re.compile(r"((?:[^\s,=\\]++|\\.)+)")
_TAG: Final = re.compile(r",((?:[^\s,=\\]++|\\.)++)=((?:[^\s,=\\]++|\\.)++)")
_FIELD: Final = re.compile(
    r'((?:[^\s,=\\]++|\\.)++)=(?:"((?:[^"\\]++|\\.)*+)"|([^\s,"]{1,40}))', re.DOTALL
)
_TIME: Final = re.compile(r" (\d{19})")
_NUMBER: Final = re.compile(r"-?\d{1,18}(?:\.\d{0,18})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_INTEGER: Final = re.compile(r"(-?\d{1,19})i|(\d{1,20})u", re.ASCII)
_TRUE: Final = frozenset(("t", "T", "true", "True", "TRUE"))
_FALSE: Final = frozenset(("f", "F", "false", "False", "FALSE"))
_TAG_ESCAPE: Final = re.compile(r"\\([ ,=])")
_FIELD_ESCAPE: Final = re.compile(r'\\(["\\])')
_MAX_MEMBERS: Final = 10_000
_DOCKER: Final = "docker_log"


def read_influx(text: str) -> Level | None:
    """`measurement[,tags] fields 19-digit-ns` with a text field `message` or `value`."""
    if not text[-19:].isdecimal() or text[-20:-19] != " ":
        return None
    head = _NAME.match(text)
    if head is None:
        return None
    tags, position = _read_tags(text, head.end())
    if text[position : position + 1] != " ":
        return None
    read = _read_fields(text, position + 1)
    if read is None:
        return None
    fields, position = read
    body_key = next((key for key in ("message", "value") if isinstance(fields.get(key), str)), None)
    stamp = _TIME.fullmatch(text, position)
    if stamp is None or body_key is None:
        return None
    measurement = _TAG_ESCAPE.sub(r"\1", head[1])
    return _level(measurement, tags, fields, body_key, parse_time(stamp[1]))


def _read_tags(text: str, position: int) -> tuple[Attributes, int]:
    tags: Attributes = {}
    for _ in range(_MAX_MEMBERS):
        match = _TAG.match(text, position)
        if match is None:
            break
        tags[_TAG_ESCAPE.sub(r"\1", match[1])] = _TAG_ESCAPE.sub(r"\1", match[2])
        position = match.end()
    return tags, position


def _read_fields(text: str, position: int) -> tuple[Attributes, int] | None:
    fields: Attributes = {}
    for _ in range(_MAX_MEMBERS):
        match = _FIELD.match(text, position)
        if match is None:
            break
        name = _TAG_ESCAPE.sub(r"\1", match[1])
        if match[2] is not None:
            fields[name] = _FIELD_ESCAPE.sub(r"\1", match[2])
        else:
            value = _typed(match[3])
            if value is None:
                return None
            fields[name] = value
        position = match.end()
        if text[position : position + 1] != ",":
            return fields, position
        position += 1
    return None


def _typed(text: str) -> bool | int | float | None:
    """A value without quotes; None when it is malformed, and the line no line protocol."""
    integer = _INTEGER.fullmatch(text)
    if integer:
        return int(integer[1] or integer[2])
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    return float(text) if _NUMBER.fullmatch(text) else None


def _level(
    measurement: str, tags: Attributes, fields: Attributes, body_key: str, stamp: Moment | None
) -> Level:
    flat = {**tags, **fields}
    body = flat.pop(body_key)
    service_rules, canonical_rules = _rules_of(KNOWN_KEYS.intersection(flat))
    field_time = parse_time(fields.get("timestamp"))
    emitted = [field_time] if field_time else []
    if measurement == _DOCKER and stamp:
        emitted.append(stamp)
    service = _service(flat, service_rules)
    host = _host(flat)
    set_canonical(flat, canonical_rules)
    flat["telegraf.measurement"] = measurement
    return Level(
        body=clean(body) if isinstance(body, str) else None,
        severity=_severity(flat),
        emitted=tuple(emitted),
        collected=None if measurement == _DOCKER else stamp,
        service=service,
        host=host,
        has_container="container.id" in flat,
        attributes=flat,
    )


def _severity(flat: Attributes) -> Severity | None:
    for key in ("severity", "severity_code"):
        severity = severities.parse_level(flat.get(key))
        if severity is not None:
            return severity
    return None


@lru_cache(maxsize=1024)
def _rules_of(
    keys: frozenset[str],
) -> tuple[tuple[ResourceRule, ...], tuple[CanonicalRule, ...]]:
    """The service and attribute rules that members with these names can meet."""
    names = {key: key for key in keys}
    others = {key: key for key in keys if key != "appname"}
    return resources.rules_for(others, resources.SERVICE_RULES), rules_for(names, CANONICAL)


def _service(flat: Attributes, rules: tuple[ResourceRule, ...]) -> Ranked | None:
    appname = resources.name_of(flat.get("appname"))
    service = resources.first_named(flat, rules)
    if appname is None or (service is not None and service[0] <= resources.SYSLOG_TAG):
        return service
    return resources.SYSLOG_TAG, appname


def _host(flat: Attributes) -> Ranked | None:
    for key, rank in (("hostname", resources.SYSLOG_HOST), ("host", resources.SHIPPER_HOST)):
        name = resources.name_of(flat.get(key))
        if name:
            return rank, name
    return None
