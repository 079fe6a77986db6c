"""Mutations over commits: what is said goes onto the topic, the answer waits for the changelogs."""

import asyncio
import time
from dataclasses import asdict
from enum import Enum
from typing import Annotated, Final, TypeVar

import msgspec
import strawberry

from graphql_api.commits import Repo
from graphql_api.context import Info, RequestContext
from graphql_api.errors import ApiError, ErrorCode, bad_input
from graphql_api.scalars import Instant
from graphql_api.store.commits import select_is_dirty
from schemas.ids import RecordId, encode_record_id
from schemas.records import SourceRecord
from schemas.topics import COMMITS_RAW
from streams.domain.commits.decoding import decode_commit_record

MAX_ITEMS: Final = 500
_POLL_S: Final = 0.1

_T = TypeVar("_T")


@strawberry.enum(description="What has become of something said about a repository.")
class CommitRecordStatus(Enum):
    """What has become of something said about a repository."""

    DONE = strawberry.enum_value("DONE", description="The changelogs hold it.")
    PENDING = strawberry.enum_value(
        "PENDING", description="It is written to the topic; the changelogs will hold it soon."
    )


@strawberry.type(description="What was said about a repository, and whether it is processed.")
class CommitRecord:
    """What was said about a repository, and whether it is processed."""

    id: strawberry.ID = strawberry.field(description="The record's id; opaque.")
    repository: str = strawberry.field(description="The repository.")
    status: CommitRecordStatus = strawberry.field(description="What has become of it.")


@strawberry.input(description="A commit.")
class CommitInput:
    """A commit."""

    sha: str = strawberry.field(description="Its id, 7 to 64 hexadecimal digits.")
    message: str = strawberry.field(description="Its message.")
    parents: list[str] | None = strawberry.field(
        default=None, description="Its parents' ids; null when they are not known."
    )
    author: str = strawberry.field(default="", description="Who wrote it: `Name <address>`.")
    date: Instant | None = strawberry.field(default=None, description="When.")
    tags: list[str] = strawberry.field(default_factory=list, description="Tags that point at it.")
    files: list[str] = strawberry.field(default_factory=list, description="What it changes.")


@strawberry.input(description="Where a tag is.")
class TagInput:
    """Where a tag is."""

    name: str = strawberry.field(description="The tag.")
    sha: str | None = strawberry.field(description="The commit's id; null: the tag is deleted.")
    date: Instant | None = strawberry.field(
        default=None, description="Since when; now if it is left out. The newest statement counts."
    )


@strawberry.input(description="A repair of the entry of a commit; null leaves as it is.")
class EntryOverrideInput:
    """A repair of the entry of a commit; None leaves as it is."""

    category: str | None = strawberry.field(
        default=None, description="The key of the section that it belongs to."
    )
    scope: str | None = strawberry.field(default=None, description='The scope; "" for none.')
    subject: str | None = strawberry.field(default=None, description="What it says.")
    breaking_text: str | None = strawberry.field(
        default=None, description='What it breaks; "" for nothing.'
    )
    hidden: bool | None = strawberry.field(default=None, description="Whether it is left out.")


@strawberry.type
class CommitMutation:
    """Mutations over commits."""

    @strawberry.mutation(
        description="Record commits and tags of a repository; doing it again changes nothing."
    )
    async def record_commits(
        self,
        info: Info,
        repo: Repo,
        commits: Annotated[
            list[CommitInput] | None, strawberry.argument(description="The commits: at most 500.")
        ] = None,
        tags: Annotated[
            list[TagInput] | None, strawberry.argument(description="The tags: at most 500.")
        ] = None,
    ) -> CommitRecord:
        """Write commits and tags to the topic."""
        payload: dict[str, object] = {
            "kind": "batch",
            "commits": [asdict(one) for one in _checked(commits, "commits")],
            "tags": [asdict(one) for one in _checked(tags, "tags")],
        }
        return await say(info.context, repo, payload)

    @strawberry.mutation(description="Cut a release at a commit, whatever tags there are.")
    async def cut_release(
        self,
        info: Info,
        repo: Repo,
        name: Annotated[str, strawberry.argument(description="What the release is called.")],
        sha: Annotated[str, strawberry.argument(description="Its last commit.")],
        commits: Annotated[
            list[str] | None,
            strawberry.argument(
                description="Commits that belong to it whatever their ancestry: at most 500."
            ),
        ] = None,
        date: Annotated[
            Instant | None, strawberry.argument(description="When; now if it is left out.")
        ] = None,
    ) -> CommitRecord:
        """Write a cut release to the topic."""
        payload: dict[str, object] = {
            "kind": "release",
            "name": name,
            "sha": sha,
            "commits": _checked(commits, "commits"),
            "date": date,
        }
        return await say(info.context, repo, payload)

    @strawberry.mutation(
        description="Repair the entry of a commit; the newest repair of a commit counts."
    )
    async def override_entry(
        self,
        info: Info,
        repo: Repo,
        sha: Annotated[str, strawberry.argument(description="The commit.")],
        override: Annotated[
            EntryOverrideInput, strawberry.argument(description="What is to be different.")
        ],
    ) -> CommitRecord:
        """Write an override to the topic."""
        return await say(info.context, repo, {"kind": "override", "sha": sha, **asdict(override)})


def _checked(items: list[_T] | None, argument: str) -> list[_T]:
    if items is not None and len(items) > MAX_ITEMS:
        raise bad_input(f"{argument} must be at most {MAX_ITEMS}", argument)
    return items or []


async def say(context: RequestContext, repository: str, payload: dict[str, object]) -> CommitRecord:
    """Write a payload to the topic and wait until the changelogs hold it, or the time is up.

    Raises:
        ApiError: the stream would reject the payload, or the broker is away.
    """
    value = msgspec.json.encode({"repository": repository, **payload})
    _require_sound(repository, value)
    services = context.services
    timeout_s = services.settings.submit_timeout_s
    record_id = await services.producer.produce(
        COMMITS_RAW.name, value, key=repository.encode(), timeout_s=timeout_s
    )
    is_done = await _is_settled(context, repository, record_id, time.monotonic() + timeout_s)
    return CommitRecord(
        id=strawberry.ID(encode_record_id(record_id)),
        repository=repository,
        status=CommitRecordStatus.DONE if is_done else CommitRecordStatus.PENDING,
    )


def _require_sound(repository: str, value: bytes) -> None:
    record = SourceRecord(
        topic=COMMITS_RAW.name, partition=0, offset=0, value=value, key=repository.encode()
    )
    decoded = decode_commit_record(record)
    if decoded.rejection is not None:
        rejection = decoded.rejection
        raise ApiError(ErrorCode.BAD_USER_INPUT, rejection.detail, reason=rejection.reason)
    if not decoded.events:
        raise bad_input("there is nothing to record", "commits")


async def _is_settled(
    context: RequestContext, repository: str, record_id: RecordId, deadline: float
) -> bool:
    """Tell whether the stream took the record and the changelogs hold it, within the time."""
    services = context.services
    left_s = deadline - time.monotonic()
    if not await services.listener.wait_until_passed(record_id, left_s):
        return False
    while time.monotonic() < deadline:
        try:
            if not await select_is_dirty(services.database, repository):
                return True
        except ApiError:
            # The record is on the topic: its id must reach the client even without Postgres.
            return False
        await asyncio.sleep(_POLL_S)
    return False
