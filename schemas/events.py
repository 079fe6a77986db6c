"""Decoded payloads: what a Kafka record says, in our own words."""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None


class LogEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One log line or structured log record, in the words of OpenTelemetry.

    `timestamp_ns` counts nanoseconds since 1970-01-01 UTC; `severity_number` is 0 (unspecified)
    to 24; `attributes` is flat with dotted names; `trace_id` and `span_id` are 32 and 16 lower-case
    hexadecimal digits.
    """

    timestamp_ns: int
    body: str
    severity_number: int = 0
    severity_text: str | None = None
    service: str | None = None
    host: str | None = None
    attributes: dict[str, JsonValue] = msgspec.field(default_factory=dict)
    trace_id: str | None = None
    span_id: str | None = None


class CommitEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One commit of a repository; (repository, sha) is unique.

    `parents` is None when the source did not say; `timestamp_s` counts seconds since 1970-01-01
    UTC, None when the source's date cannot be one. `problems` names what was wrong with the
    payload, `conflict` tells that two payloads disagreed about this sha.
    """

    repository: str
    sha: str
    message: str
    author: str
    timestamp_s: int | None = None
    parents: tuple[str, ...] | None = None
    tags: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    conflict: bool = False


class TagEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A tag as of `timestamp_s`; `sha` is None once it is deleted. The newest statement counts."""

    repository: str
    name: str
    sha: str | None
    timestamp_s: int | None = None


class ReleaseEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A release cut by a person at `sha`; `commits` are part of it whatever their ancestry says."""

    repository: str
    name: str
    sha: str
    timestamp_s: int | None = None
    commits: tuple[str, ...] = ()


class OverrideEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A person's repair of the entry of one commit; the newest counts, None leaves as it is."""

    repository: str
    sha: str
    timestamp_s: int | None = None
    category: str | None = None
    scope: str | None = None
    subject: str | None = None
    breaking_text: str | None = None
    is_hidden: bool | None = None


class TicketEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of a ticket; (project, ticket_id, revision) is unique.

    `revision` orders the revisions: the time of the update in nanoseconds since 1970-01-01 UTC, 0
    when the source has none. `labels` are the values the source itself gives to fields (category,
    priority, team ...), `metadata` whatever else it says, as text. `source` names the shape the
    payload was recognised by.
    """

    ticket_id: str
    project: str
    title: str
    body: str = ""
    status: str | None = None
    reporter: str | None = None
    url: str | None = None
    created_ns: int | None = None
    revision: int = 0
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    source: str = "own"
    alert_key: str | None = None


class FeedbackEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said a ticket's fields are: corrected (False) or confirmed (True).

    It holds the ticket as it was when it was triaged, so that learning needs nothing else.
    """

    ticket: TicketEvent
    labels: dict[str, str]
    is_confirmation: bool = False
    actor: str | None = None
    timestamp_ns: int = 0


TopicName: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,249}\Z")]
PartitionNumber: TypeAlias = Annotated[int, Meta(ge=0, lt=2**31)]
ReplayId: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,400}\Z")]
PrintableName: TypeAlias = Annotated[str, Meta(pattern=r"^[^\x00-\x1f]{1,200}\Z")]
BoundText: TypeAlias = Annotated[str, Meta(pattern=r"^[^\x00-\x1f]{1,40}\Z")]


class ReplayStartEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="start"):
    """What to replay, as asked: each bound an offset or a time, None for all that is stored."""

    topic: TopicName
    partition: PartitionNumber | None = None
    from_bound: BoundText | None = None
    to_bound: BoundText | None = None
    is_retriage: bool = False
    is_dry_run: bool = False
    requested_by: PrintableName


class ReplayCancelEvent(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="cancel"
):
    """A replay that is to go on no further."""

    run_id: ReplayId
    requested_by: PrintableName
