"""Members of a decoded JSON object, each with the check that makes it believable."""

from collections.abc import Iterator, Mapping
from typing import Final

from schemas.errors import MalformedEventError
from schemas.events import JsonValue
from streams.domain.changelog.times import parse_time

_MAX_NAMES: Final = 10_000
# Names are keys of indexes, which hold at most 2,704 bytes; git itself stops at a file's name.
MAX_NAME_BYTES: Final = 500
_HEX: Final = frozenset("0123456789abcdef")
_SHORTEST_SHA: Final = 7
_LONGEST_SHA: Final = 64


def read_text(payload: Mapping[str, JsonValue], name: str) -> str:
    """Return a member that has to be a text.

    Raises:
        MalformedEventError: it is not there, or something else.
    """
    value = payload.get(name)
    if not isinstance(value, str):
        raise MalformedEventError("bad_member", f"`{name}` is not a text")
    return value


def read_tag_name(payload: Mapping[str, JsonValue], name: str) -> str:
    """Return the name of a tag or release.

    Raises:
        MalformedEventError: it is empty, too long, or none that a tag can have.
    """
    return checked_name(read_text(payload, name), name)


def checked_name(text: str, member: str) -> str:
    """Return a name that can be stored and looked up.

    Raises:
        MalformedEventError: it is empty, longer than 500 bytes, or has a NUL character.
    """
    if not text or "\0" in text or len(text.encode(errors="replace")) > MAX_NAME_BYTES:
        raise MalformedEventError("bad_name", f"`{member}` is empty, too long or holds a NUL")
    return text


def optional_text(payload: Mapping[str, JsonValue], name: str) -> str | None:
    """Return a member that may be a text, None when it is anything else."""
    value = payload.get(name)
    return value if isinstance(value, str) else None


def read_sha(payload: Mapping[str, JsonValue], name: str) -> str:
    """Return a commit id in lower case.

    Raises:
        MalformedEventError: the member is not one.
    """
    value = payload.get(name)
    sha = value.lower() if isinstance(value, str) else ""
    if not _SHORTEST_SHA <= len(sha) <= _LONGEST_SHA or not _HEX.issuperset(sha):
        raise MalformedEventError("bad_sha", f"`{name}` is not a commit id")
    return sha


def read_optional_sha(payload: Mapping[str, JsonValue], name: str) -> str | None:
    """Return a commit id, None for null and for the zeros with which a forge says the same."""
    value = payload.get(name)
    if value is None or (isinstance(value, str) and value and not value.strip("0")):
        return None
    return read_sha(payload, name)


def read_time(value: JsonValue, problems: list[str]) -> int | None:
    """Return seconds since 1970 of a date in any usual form; what is none is noted."""
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    text = value if isinstance(value, str) else str(value) if is_number else ""
    timestamp_s = parse_time(text)
    if timestamp_s is None:
        problems.append("bad_date")
    return timestamp_s


def read_names(payload: Mapping[str, JsonValue], name: str) -> tuple[str, ...]:
    """Return a list of texts, sorted and without repetitions; empty when it is not there.

    Raises:
        MalformedEventError: the member is no list of texts.
    """
    value = payload.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise MalformedEventError("bad_member", f"`{name}` is not a list of texts")
    return tuple(sorted({item for item in value[:_MAX_NAMES] if isinstance(item, str)}))


def read_members(payload: Mapping[str, JsonValue], name: str) -> Iterator[dict[str, JsonValue]]:
    """Yield the objects of a list; none when it is not there.

    Raises:
        MalformedEventError: the member is no list of objects.
    """
    value = payload.get(name, [])
    if not isinstance(value, list):
        raise MalformedEventError("bad_member", f"`{name}` is not a list")
    for item in value:
        if not isinstance(item, dict):
            raise MalformedEventError("bad_member", f"`{name}` holds something else than objects")
        yield item


def read_object(payload: Mapping[str, JsonValue], name: str) -> dict[str, JsonValue]:
    """Return a member that is an object, an empty one when it is anything else."""
    value = payload.get(name)
    return value if isinstance(value, dict) else {}
