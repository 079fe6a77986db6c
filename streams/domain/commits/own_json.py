"""The project's own JSON for commits: what `aiops send commits` writes and `aiops try` reads."""

from typing import Final

from schemas.errors import MalformedEventError
from schemas.events import CommitEvent, JsonValue
from streams.domain.changelog.times import parse_time

_MAX_NAMES: Final = 10_000
_HEX: Final = frozenset("0123456789abcdef")
_SHORTEST_SHA: Final = 7
_LONGEST_SHA: Final = 64


def decode_commit(payload: dict[str, JsonValue], repository: str) -> CommitEvent:
    """Return the commit of `{"sha", "parents", "author", "date", "message", "tags", "files"}`.

    Only `sha` and `message` are required. A date that names no instant is noted and left out.

    Raises:
        MalformedEventError: the payload names no commit.
    """
    problems: list[str] = []
    message = payload.get("message")
    if not isinstance(message, str):
        raise MalformedEventError("bad_commit", "`message` is not a text")
    author = payload.get("author")
    return CommitEvent(
        repository=repository,
        sha=read_sha(payload.get("sha"), "sha"),
        message=message,
        author=author if isinstance(author, str) else "",
        timestamp_s=read_time(payload.get("date"), problems),
        parents=_parents(payload.get("parents")),
        tags=read_names(payload.get("tags"), "tags"),
        files=read_names(payload.get("files"), "files"),
        problems=tuple(problems),
    )


def read_sha(value: JsonValue, name: str) -> str:
    """Return a commit id in lower case.

    Raises:
        MalformedEventError: the value is not one.
    """
    sha = value.lower() if isinstance(value, str) else ""
    if not _SHORTEST_SHA <= len(sha) <= _LONGEST_SHA or not _HEX.issuperset(sha):
        raise MalformedEventError("bad_sha", f"`{name}` is not a commit id")
    return sha


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


def read_names(value: JsonValue, name: str) -> tuple[str, ...]:
    """Return a list of texts, sorted and without repetitions.

    Raises:
        MalformedEventError: the value is no list of texts.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise MalformedEventError("bad_commit", f"`{name}` is not a list")
    names = {item for item in value[:_MAX_NAMES] if isinstance(item, str)}
    if len(names) == 0 and value:
        raise MalformedEventError("bad_commit", f"`{name}` is not a list of texts")
    return tuple(sorted(names))


def _parents(value: JsonValue) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise MalformedEventError("bad_commit", "`parents` is not a list")
    return tuple(read_sha(parent, "parents") for parent in value[:_MAX_NAMES])
