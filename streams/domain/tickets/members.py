"""Members of a tracker's payload as text, times and metadata."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from schemas.events import JsonValue
from streams.domain.decode.times import match_iso

Payload = dict[str, JsonValue]

MAX_ENTRIES: Final = 64
MAX_VALUE_CHARS: Final = 1_000
MAX_NAME_CHARS: Final = 200
_SECOND_NS: Final = 1_000_000_000
_MS_NS: Final = 1_000_000
# Above this a number of seconds would lie beyond the year 5000: it counts milliseconds.
_MS_FROM: Final = 100_000_000_000
LATEST_NS: Final = 4_102_444_800 * _SECOND_NS
_LARGEST_NUMBER: Final = 1e15
_ENCODER: Final = msgspec.json.Encoder()


def object_at(payload: Mapping[str, JsonValue], *names: str) -> Payload:
    """Return the object under a path of members, an empty one when it is not there."""
    value: JsonValue = dict(payload)
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def text_of(value: JsonValue) -> str:
    """Return a text, number or named object as text; empty for anything else.

    Trackers give a person or a priority as text or as an object with a name.
    """
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").strip()  # Postgres stores no NUL
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict):
        names = ("display_value", "displayName", "name", "login", "username", "summary", "value")
        return first_text(value, *names)
    return ""


def first_text(payload: Mapping[str, JsonValue], *names: str) -> str:
    """Return the first of the members that says something."""
    for name in names:
        text = text_of(payload.get(name))
        if text:
            return text
    return ""


def first_time(payload: Mapping[str, JsonValue], *names: str) -> int | None:
    """Return the first of the members that is a time, in nanoseconds since 1970-01-01 UTC."""
    for name in names:
        ns = time_ns(payload.get(name))
        if ns is not None:
            return ns
    return None


def time_ns(value: JsonValue) -> int | None:
    """Return an ISO date or a count of (milli)seconds in nanoseconds, None for anything else."""
    if isinstance(value, str):
        timed = match_iso(value.strip())
        return timed[0].ns if timed is not None and 0 < timed[0].ns <= LATEST_NS else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 < value < _LARGEST_NUMBER:
        return None
    ns = int(value * _MS_NS) if value >= _MS_FROM else int(value * _SECOND_NS)
    return ns if ns <= LATEST_NS else None


def metadata_of(values: Mapping[str, JsonValue]) -> dict[str, str]:
    """Return what says something, as text, sorted by name and bounded."""
    texts = {
        text_of(name)[:MAX_NAME_CHARS]: _flat(value)[:MAX_VALUE_CHARS]
        for name, value in sorted(values.items())
    }
    said = [(name, text) for name, text in texts.items() if text]
    return dict(said[:MAX_ENTRIES])


def labels_of(**values: str) -> dict[str, str]:
    """Return the fields to which the source gives a value."""
    return {field: value for field, value in values.items() if value}


def names_in(value: JsonValue) -> str:
    """Return the names in a list of texts or named objects, sorted, separated by commas."""
    items: Iterable[JsonValue] = value if isinstance(value, list) else ()
    return ", ".join(sorted({text_of(item) or _title_of(item) for item in items} - {""}))


def _title_of(value: JsonValue) -> str:
    return first_text(value, "title") if isinstance(value, dict) else ""


def _flat(value: JsonValue) -> str:
    if isinstance(value, list):
        return names_in(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return text_of(value) or _ENCODER.encode(value).decode()
    return text_of(value)
