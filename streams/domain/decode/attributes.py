"""Attributes: nested members made flat, and the canonical names set from the usual ones."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from schemas.events import JsonValue
from streams.domain.decode.json_text import compact_json
from streams.domain.decode.levels import Attributes
from streams.domain.decode.numbers import Number

Convert = Callable[[JsonValue], JsonValue]
CanonicalRule = tuple[str, tuple[str, ...], Convert]
"""A canonical name, the keys that may hold it, best first, and how a value is read."""

_LONG_LIST: Final = 10_000
"""A longer list is kept as JSON text: nobody looks into it, and each element costs time."""
_INTEGER: Final = re.compile(r"-?\d{1,18}", re.ASCII)
_CALLER: Final = re.compile(r"(\S[^\n]{0,1000}):(\d{1,9})", re.ASCII)
TAG_PID: Final = re.compile(r"([\w./@-]{1,200})\[(\d{1,9})\]:?", re.ASCII)


def flatten(members: Mapping[str, Any]) -> tuple[Attributes, list[str]]:
    """Return the members with nested objects flattened by dots, nulls left out.

    The names of those that are lists or floats come with them: see `plain_values`.
    """
    flat: Attributes = {}
    odd: list[str] = []
    for name, value in members.items():
        kind = type(value)
        if kind is str or kind is int or kind is bool:
            flat[name] = value
        elif kind is dict:
            _flatten_into(flat, odd, name + ".", value)
        elif value is not None:
            flat[name] = value
            odd.append(name)
    return flat, odd


def _flatten_into(
    flat: Attributes, odd: list[str], prefix: str, members: Mapping[str, Any]
) -> None:
    for name, value in members.items():
        kind = type(value)
        if kind is str or kind is int or kind is bool:
            flat[prefix + name] = value
        elif kind is dict:
            _flatten_into(flat, odd, prefix + name + ".", value)
        elif value is not None:
            flat[prefix + name] = value
            odd.append(prefix + name)


def plain_value(value: JsonValue) -> JsonValue:
    """Return a JSON value in the types of JSON alone: numbers with digits become floats."""
    if isinstance(value, Number):
        # Out of range of a double: the digits say more than infinity, which is not JSON.
        return value.digits if value in (float("inf"), float("-inf")) else float(value)
    if isinstance(value, list):
        if len(value) > _LONG_LIST:
            return compact_json(value)
        return [plain_value(element) for element in value]
    if isinstance(value, dict):
        return {name: plain_value(member) for name, member in value.items()}
    return value


def plain_values(flat: Attributes, odd: list[str]) -> None:
    """Make the odd values of a flat map plain, in place."""
    for name in odd:
        flat[name] = plain_value(flat[name])


def as_text(value: JsonValue) -> JsonValue:
    """Return text that says something, else None."""
    return value if isinstance(value, str) and value not in ("", "-") else None


def as_any_text(value: JsonValue) -> JsonValue:
    """Return text, or an integer as text, else None."""
    if type(value) is int:
        return str(value)
    return as_text(value)


def as_integer(value: JsonValue) -> JsonValue:
    """Return an integer, or the text of one, as an integer, else None."""
    if type(value) is int:
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return None


def _absolute_path(value: JsonValue) -> JsonValue:
    if isinstance(value, str) and (value[:1] == "/" or value[1:3] == ":\\"):
        return value
    return None


def _iostream(value: JsonValue) -> JsonValue:
    return value if value in ("stdout", "stderr") else None


def container_name(value: JsonValue) -> JsonValue:
    """Return the name of a container without Docker's leading slash."""
    return as_text(value.removeprefix("/")) if isinstance(value, str) else None


def _pid_of_tag(value: JsonValue) -> JsonValue:
    match = TAG_PID.match(value) if isinstance(value, str) else None
    return int(match[2]) if match else None


def _caller_file(value: JsonValue) -> JsonValue:
    match = _CALLER.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match else None


def _caller_line(value: JsonValue) -> JsonValue:
    match = _CALLER.fullmatch(value) if isinstance(value, str) else None
    return int(match[2]) if match else None


def _facility_of_pri(value: JsonValue) -> JsonValue:
    number = as_integer(value)
    return number >> 3 if isinstance(number, int) and 0 <= number <= 191 else None


def _severity_of_pri(value: JsonValue) -> JsonValue:
    number = as_integer(value)
    return number & 7 if isinstance(number, int) and 0 <= number <= 191 else None


def _rule(target: str, keys: str, convert: Convert = as_text) -> CanonicalRule:
    return target, tuple(keys.split()), convert


CANONICAL: Final = (
    _rule("log.logger", "logger_name loggerName log.logger logger SourceContext"
          " Properties.SourceContext"),
    _rule("thread.name", "thread_name thread threadName process.thread.name thread.name"),
    _rule("thread.id", "thread.id thread_id threadId process.thread.id thread", as_integer),
    _rule("process.pid", "pid process.pid _PID PID ProcessID procid", as_integer),
    _rule("process.pid", "syslogtag syslog-tag syslog_tag", _pid_of_tag),
    _rule("code.file.path", "code.file.path code.filepath source.file log.origin.file.name"
          " CODE_FILE"),
    _rule("code.file.path", "caller", _caller_file),
    _rule("code.line.number", "code.line.number code.lineno source.line log.origin.file.line"
          " CODE_LINE", as_integer),
    _rule("code.line.number", "caller", _caller_line),
    _rule("code.function.name", "code.function.name code.function source.function"
          " log.origin.function CODE_FUNC funcName"),
    _rule("log.iostream", "log.iostream stream source", _iostream),
    _rule("log.file.path", "log.file.path"),
    _rule("log.file.path", "file filename path source", _absolute_path),
    _rule("container.id", "container_id container.id CONTAINER_ID_FULL docker.container.id"),
    _rule("container.name", "container_name container.name docker.container.name"
          " CONTAINER_NAME", container_name),
    _rule("k8s.namespace.name", "k8s.namespace.name kubernetes.namespace_name"
          " kubernetes.pod_namespace kubernetes.namespace kubernetes.namespace.name"),
    _rule("k8s.pod.name", "k8s.pod.name kubernetes.pod_name kubernetes.pod.name kubernetes.pod"),
    _rule("k8s.container.name", "k8s.container.name kubernetes.container_name"
          " kubernetes.container.name kubernetes.container"),
    _rule("k8s.node.name", "k8s.node.name kubernetes.host kubernetes.node.name"
          " kubernetes.pod_node_name"),
    _rule("syslog.facility.code", "syslog.facility.code SYSLOG_FACILITY syslogfacility"
          " log.syslog.facility.code facility_code facility", as_integer),
    _rule("syslog.facility.code", "pri", _facility_of_pri),
    _rule("syslog.severity.code", "syslog.severity.code syslogseverity log.syslog.severity.code"
          " severity_code", as_integer),
    _rule("syslog.severity.code", "pri", _severity_of_pri),
    _rule("syslog.procid", "syslog.procid procid", as_any_text),
    _rule("syslog.msgid", "syslog.msgid msgid MSGID log.syslog.msgid"),
    _rule("exception.type", "exception.type err.type error.type err.name error.name"),
    _rule("exception.message", "exception.message err.message error.message"),
    _rule("exception.stacktrace", "exception.stacktrace stack_trace error.stack_trace exc_info"
          " stacktrace err.stack @x error.stack"),
    _rule("user_agent.original", "user_agent.original"),
)  # fmt: skip

CLOUDTRAIL: Final = (
    _rule("cloud.region", "awsRegion"),
    _rule("cloud.account.id", "recipientAccountId userIdentity.accountId"),
    _rule("client.address", "sourceIPAddress"),
    _rule("user_agent.original", "userAgent"),
    _rule("user.name", "userIdentity.userName"),
)


def rules_for(
    names: Mapping[str, str], table: tuple[CanonicalRule, ...]
) -> tuple[CanonicalRule, ...]:
    """Return the rules that the keys of one shape can meet; `names` maps look-up names to keys."""
    met = []
    for target, keys, convert in table:
        present = tuple(names[key] for key in keys if key in names)
        if present and not (present == (target,) and convert is as_text):
            met.append((target, present, convert))
    return tuple(met)


def set_canonical(flat: Attributes, rules: tuple[CanonicalRule, ...]) -> None:
    """Set the canonical names of one object, in place; the first rule that yields a value wins."""
    found: set[str] = set()
    for target, keys, convert in rules:
        if target in found:
            continue
        for key in keys:
            value = convert(flat[key])
            if value is not None:
                flat[target] = value
                found.add(target)
                break
