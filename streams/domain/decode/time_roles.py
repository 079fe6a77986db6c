"""Whose time a JSON member holds: the application's, the transport's, or the collector's."""

from collections.abc import Callable
from typing import Final

from schemas.events import JsonValue
from streams.domain.decode.levels import Attributes, Moment
from streams.domain.decode.tables import names as names_in
from streams.domain.decode.times import parse_epoch_pair, parse_time

Read = Callable[[Attributes], Moment | None]
Judge = Callable[[Attributes], int]
TimeRule = tuple[Read, Judge | None]
"""How a time is read, and who judges whose it is; None: always the application's."""

APPLIED, EMITTED, COLLECTED, RUNTIME = range(4)

_KEYS: Final = names_in(
    "@timestamp @t timestamp time ts eventTime EventTime event_time datetime date asctime instant"
    " timeMillis t record.time.timestamp ISODATE timereported _time Timestamp timestamp_ms DATE"
)
_SUFFIXES: Final = ("", ".$date", ".$date.$numberLong", ".epochSecond")
_JOURNAL_STAMPS: Final = ("__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP")
_JOURNAL_MARKS: Final = ("SYSLOG_IDENTIFIER", "_SYSTEMD_UNIT", "_TRANSPORT", "_BOOT_ID")
_JOURNAL_BODIES: Final = ("MESSAGE", "PRIORITY", "message")
_CRIBL_KEYS: Final = ("cribl_pipe", "cribl_breaker", "cribl_host", "cribl_wp")
KNOWN_KEYS: Final = (
    *(key + suffix for key in _KEYS for suffix in _SUFFIXES),
    *_JOURNAL_STAMPS, *_JOURNAL_MARKS, *_JOURNAL_BODIES, *_CRIBL_KEYS,
    "EventReceivedTime", "source_type", "@metadata.beat", "agent.type", "log", "stream", "_raw",
    "pri",
)  # fmt: skip
# Tuples, because a member may be a list, which a set can't be asked for.
_VECTOR_EMITTERS: Final = ("kubernetes_logs", "docker_logs", "journald", "syslog")
_BEATS_EMITTERS: Final = ("container", "docker", "journald", "syslog")
_STREAMS: Final = ("stdout", "stderr")


def rules_for(names: dict[str, str]) -> tuple[TimeRule, ...]:
    """Return the times that the keys of one shape may hold, best first."""
    rules: list[TimeRule] = []
    stamps = [key for key in _JOURNAL_STAMPS if key in names]
    rules.extend((read, _emitted) for key in stamps[:1] for read in _readers(names, key))
    for key in _KEYS:
        judge = _judge_of(key, names)
        rules.extend((read, judge) for read in _readers(names, key))
    rules.extend((read, _collected) for read in _readers(names, "EventReceivedTime"))
    return tuple(rules)


def is_journal(keys: set[str]) -> bool:
    """Tell whether an object comes from the systemd journal."""
    return not keys.isdisjoint(_JOURNAL_MARKS) and not keys.isdisjoint(_JOURNAL_BODIES)


def _readers(names: dict[str, str], key: str) -> list[Read]:
    """How a time under a key is read: as it is, `{"$date": ...}`, or log4j's two numbers."""
    paths = (key, key + ".$date", key + ".$date.$numberLong")
    readers = [_direct(names[path]) for path in paths if path in names]
    if key + ".epochSecond" in names:
        readers.append(_pair(names[key + ".epochSecond"], key + ".nanoOfSecond"))
    return readers


def _direct(key: str) -> Read:
    return lambda flat: parse_time(flat[key])


def _pair(seconds_key: str, nanos_key: str) -> Read:
    return lambda flat: parse_epoch_pair(flat[seconds_key], flat.get(nanos_key))


def _judge_of(key: str, names: dict[str, str]) -> Judge | None:
    if key == "@timestamp":
        is_beats = "@metadata.beat" in names or "agent.type" in names
        return _judge_beats if is_beats else _judge_fluent
    if key == "timestamp" and "source_type" in names:
        return _judge_vector
    if key == "time" and "log" in names and "stream" in names:
        return _runtime
    if key == "_time" and (any(name in names for name in ("_raw", *_CRIBL_KEYS))):
        return _emitted
    return None


def _emitted(_: Attributes) -> int:
    return EMITTED


def _collected(_: Attributes) -> int:
    return COLLECTED


def _runtime(_: Attributes) -> int:
    return RUNTIME


def _judge_vector(flat: Attributes) -> int:
    source_type = flat["source_type"]
    if type(source_type) is not str:
        return APPLIED
    return EMITTED if source_type in _VECTOR_EMITTERS else COLLECTED


def _judge_beats(flat: Attributes) -> int:
    agent = flat.get("agent.type")
    if "@metadata.beat" not in flat and not (isinstance(agent, str) and agent.endswith("beat")):
        return _judge_fluent(flat)
    if "stream" in flat or flat.get("input.type") in _BEATS_EMITTERS:
        return EMITTED
    return EMITTED if any(key.startswith("winlog.") for key in flat) else COLLECTED


def _judge_fluent(flat: Attributes) -> int:
    """Fluent Bit writes a number, or keeps the line in `log`; anybody's `@timestamp` otherwise."""
    stamp: JsonValue = flat.get("@timestamp")
    if type(stamp) is str and type(flat.get("log")) is not str:
        return APPLIED
    if flat.get("stream") in _STREAMS or "pri" in flat or is_journal(set(flat)):
        return EMITTED
    return COLLECTED
