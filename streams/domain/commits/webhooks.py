"""Push and tag webhooks of GitHub and GitLab as events; their commits come without parents."""

import re
from collections.abc import Iterator
from typing import Final

from schemas.errors import MalformedEventError
from schemas.events import CommitEvent, JsonValue, TagEvent
from streams.domain.commits.members import (
    checked_name,
    optional_text,
    read_members,
    read_names,
    read_object,
    read_optional_sha,
    read_sha,
    read_text,
    read_time,
)
from streams.domain.commits.own_json import ChangelogEvent, Payload

OTHER_BRANCH: Final = "other_branch"

_TAGS: Final = "refs/tags/"
_BRANCHES: Final = "refs/heads/"
# Lines that releases are cut from; what lies on other branches may never be merged as it is.
_RELEASE_LINE: Final = re.compile(
    r"(?:main|master|trunk|develop)|(?:release|releases|rel|maint|maintenance|stable|support|hotfix)[/_-].+"
    r"|v?\d+(?:\.\d+)*(?:[.-]x)?|.+[-_/]stable"
)


def repository_of(payload: Payload) -> str | None:
    """Return the full name of the repository of a webhook, None if the payload is no webhook."""
    if "object_kind" in payload:
        return optional_text(read_object(payload, "project"), "path_with_namespace")
    if "ref" in payload:
        return optional_text(read_object(payload, "repository"), "full_name")
    return None


def decode_webhook(
    payload: Payload, repository: str, fallback_s: int | None
) -> Iterator[ChangelogEvent]:
    """Yield the commits or the tag of a push; `fallback_s` dates a tag without a time.

    Nothing comes of a push to a branch that no release is cut from, nor of other webhooks.

    Raises:
        MalformedEventError: a member has no sense.
    """
    ref = optional_text(payload, "ref") or ""
    if ref.startswith(_TAGS) or payload.get("ref_type") == "tag":
        yield from _tag(payload, repository, ref.removeprefix(_TAGS), fallback_s)
    elif ref.startswith(_BRANCHES) and is_release_line(payload):
        for commit in read_members(payload, "commits"):
            yield _commit(commit, repository)


def is_release_line(payload: Payload) -> bool:
    """Return whether a push goes to the default branch, or to one that releases are cut from."""
    branch = (optional_text(payload, "ref") or "").removeprefix(_BRANCHES)
    home = read_object(payload, "project" if "object_kind" in payload else "repository")
    return branch == home.get("default_branch") or _RELEASE_LINE.fullmatch(branch) is not None


def _tag(
    payload: Payload, repository: str, name: str, fallback_s: int | None
) -> Iterator[TagEvent]:
    if not name:
        raise MalformedEventError("bad_member", "`ref` names no tag")
    pushed_s = read_time(read_object(payload, "repository").get("pushed_at"), [])
    # A push of an annotated tag gives the tag object as `after`, the commit beside it.
    commit = read_object(payload, "head_commit").get("id") or payload.get("checkout_sha")
    members: dict[str, JsonValue] = {"after": commit or payload.get("after")}
    is_deletion = payload.get("deleted") is True or payload.get("after") is None
    if payload.get("ref_type") == "tag" and "after" not in payload and "master_branch" in payload:
        # GitHub's `create` does not say where the tag is; the push beside it does.
        return
    yield TagEvent(
        repository=repository,
        name=checked_name(name, "ref"),
        sha=None if is_deletion else read_optional_sha(members, "after"),
        timestamp_s=fallback_s if pushed_s is None else pushed_s,
    )


def _commit(payload: Payload, repository: str) -> CommitEvent:
    problems: list[str] = []
    files = {
        path for name in ("added", "modified", "removed") for path in read_names(payload, name)
    }
    return CommitEvent(
        repository=repository,
        sha=read_sha(payload, "id"),
        message=read_text(payload, "message"),
        author=_author(read_object(payload, "author")),
        timestamp_s=read_time(payload.get("timestamp"), problems),
        files=tuple(sorted(files)),
        problems=tuple(problems),
    )


def _author(person: Payload) -> str:
    name = optional_text(person, "name") or optional_text(person, "username") or ""
    address = optional_text(person, "email")
    return f"{name} <{address}>".strip() if address else name
