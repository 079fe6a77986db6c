"""The project's own JSON: commits, tags, cut releases and overrides, one by one or in a batch."""

from collections.abc import Iterator
from typing import Final, TypeAlias

from schemas.errors import MalformedEventError
from schemas.events import CommitEvent, JsonValue, OverrideEvent, ReleaseEvent, TagEvent
from streams.domain.changelog.config import SECTION_KEYS
from streams.domain.commits.members import (
    checked_name,
    optional_text,
    read_members,
    read_names,
    read_optional_sha,
    read_sha,
    read_tag_name,
    read_text,
    read_time,
)

ChangelogEvent: TypeAlias = CommitEvent | TagEvent | ReleaseEvent | OverrideEvent
Payload: TypeAlias = dict[str, JsonValue]

MAX_PARENTS: Final = 1_000


def decode_own(
    payload: Payload, repository: str, fallback_s: int | None
) -> Iterator[ChangelogEvent]:
    """Yield what a payload says; `kind` is commit (the default), tag, release or override.

    `commits`, `tags`, `releases` and `overrides` hold any number of them in one record. Tags,
    releases and overrides without a date are dated `fallback_s`.

    Raises:
        MalformedEventError: a member has no sense.
    """
    kind = payload.get("kind", "commit")
    if kind == "commit" and "sha" in payload:
        yield decode_commit(payload, repository)
    elif kind == "tag":
        yield _tag(payload, repository, fallback_s)
    elif kind == "release":
        yield _release(payload, repository, fallback_s)
    elif kind == "override":
        yield _override(payload, repository, fallback_s)
    elif kind in ("commit", "batch") and _BATCHES & payload.keys():
        yield from _batch(payload, repository, fallback_s)
    else:
        raise MalformedEventError("unknown_payload", "neither a commit nor any other known kind")


def decode_commit(payload: Payload, repository: str) -> CommitEvent:
    """Return the commit of `{"sha", "parents", "author", "date", "message", "tags", "files"}`.

    Only `sha` and `message` are required. A date that names no instant is noted and left out.

    Raises:
        MalformedEventError: the payload names no commit.
    """
    problems: list[str] = []
    return CommitEvent(
        repository=repository,
        sha=read_sha(payload, "sha"),
        message=read_text(payload, "message"),
        author=optional_text(payload, "author") or "",
        timestamp_s=read_time(payload.get("date"), problems),
        parents=_parents(payload),
        tags=tuple(checked_name(tag, "tags") for tag in read_names(payload, "tags")),
        files=read_names(payload, "files"),
        problems=tuple(problems),
    )


_BATCHES: Final = frozenset({"commits", "tags", "releases", "overrides"})


def _batch(payload: Payload, repository: str, fallback_s: int | None) -> Iterator[ChangelogEvent]:
    for item in read_members(payload, "commits"):
        yield decode_commit(item, repository)
    for item in read_members(payload, "tags"):
        yield _tag(item, repository, fallback_s)
    for item in read_members(payload, "releases"):
        yield _release(item, repository, fallback_s)
    for item in read_members(payload, "overrides"):
        yield _override(item, repository, fallback_s)


def _tag(payload: Payload, repository: str, fallback_s: int | None) -> TagEvent:
    timestamp_s = read_time(payload.get("date"), [])
    return TagEvent(
        repository=repository,
        name=read_tag_name(payload, "name"),
        sha=read_optional_sha(payload, "sha"),
        timestamp_s=fallback_s if timestamp_s is None else timestamp_s,
    )


def _release(payload: Payload, repository: str, fallback_s: int | None) -> ReleaseEvent:
    timestamp_s = read_time(payload.get("date"), [])
    names = read_names(payload, "commits")
    return ReleaseEvent(
        repository=repository,
        name=read_tag_name(payload, "name"),
        sha=read_sha(payload, "sha"),
        timestamp_s=fallback_s if timestamp_s is None else timestamp_s,
        commits=tuple(sorted(name.lower() for name in names)),
    )


def _override(payload: Payload, repository: str, fallback_s: int | None) -> OverrideEvent:
    timestamp_s = read_time(payload.get("date"), [])
    category = optional_text(payload, "category")
    if category is not None and category not in SECTION_KEYS:
        raise MalformedEventError("bad_override", f"no section is called {category!r}")
    is_hidden = payload.get("hidden")
    if not isinstance(is_hidden, bool | None):
        raise MalformedEventError("bad_override", "`hidden` is neither true nor false")
    return OverrideEvent(
        repository=repository,
        sha=read_sha(payload, "sha"),
        timestamp_s=fallback_s if timestamp_s is None else timestamp_s,
        category=category,
        scope=optional_text(payload, "scope"),
        subject=optional_text(payload, "subject"),
        breaking_text=optional_text(payload, "breaking_text"),
        is_hidden=is_hidden,
    )


def _parents(payload: Payload) -> tuple[str, ...] | None:
    value = payload.get("parents")
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MAX_PARENTS:
        raise MalformedEventError("bad_commit", "`parents` is not a list of commit ids")
    return tuple(read_sha({"parents": parent}, "parents") for parent in value)
