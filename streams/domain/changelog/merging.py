"""Several payloads about one sha as one commit, whatever order they come in."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from schemas.events import CommitEvent

_Ordered = TypeVar("_Ordered", int, tuple[str, ...])


def merge_commits(commits: Iterable[CommitEvent]) -> dict[str, CommitEvent]:
    """Return one commit per sha; repeating payloads or changing their order changes nothing."""
    merged: dict[str, CommitEvent] = {}
    for commit in commits:
        known = merged.get(commit.sha)
        merged[commit.sha] = commit if known is None else merge_pair(known, commit)
    return merged


def merge_pair(one: CommitEvent, other: CommitEvent) -> CommitEvent:
    """Return what two payloads about one sha say together.

    What only one of them knows is taken over; where they disagree the smaller value counts and
    the commit is flagged. Tags and files add up.
    """
    if one == other:
        return one
    disagree = (
        one.message != other.message
        or _differ(one.parents, other.parents)
        or _differ(one.timestamp_s, other.timestamp_s)
    )
    return msgspec.structs.replace(
        one,
        repository=min(one.repository, other.repository),
        message=min(one.message, other.message, key=_text_rank),
        author=min(one.author, other.author, key=_text_rank),
        parents=_smaller(one.parents, other.parents),
        timestamp_s=_smaller(one.timestamp_s, other.timestamp_s),
        tags=tuple(sorted({*one.tags, *other.tags})),
        files=tuple(sorted({*one.files, *other.files})),
        problems=tuple(sorted({*one.problems, *other.problems})),
        conflict=one.conflict or other.conflict or disagree,
    )


def _smaller(one: _Ordered | None, other: _Ordered | None) -> _Ordered | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _text_rank(text: str) -> tuple[bool, str]:
    # An empty text knows nothing, so any other one counts before it.
    return not text, text


def _differ(one: object | None, other: object | None) -> bool:
    return one is not None and other is not None and one != other
