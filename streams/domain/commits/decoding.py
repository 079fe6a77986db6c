"""Records of the commits topic into events: any bytes are answered, nothing is raised."""

from typing import Final

import msgspec

from schemas.errors import MalformedEventError
from schemas.events import JsonValue
from schemas.records import Rejection, SourceRecord
from streams.domain.commits.lenient_json import decode_json
from streams.domain.commits.members import MAX_NAME_BYTES, optional_text
from streams.domain.commits.own_json import ChangelogEvent, Payload, decode_own
from streams.domain.commits.webhooks import decode_webhook, is_release_line, repository_of

MAX_VALUE_BYTES: Final = 8 * 1024 * 1024
TOMBSTONE: Final = "tombstone"
OTHER_BRANCH: Final = "other_branch"
NO_EVENTS: Final = "no_events"

_MS: Final = 1_000


class DecodedCommits(msgspec.Struct, frozen=True, kw_only=True):
    """What a record became: events, or a reason why it was dropped, or a rejection."""

    events: tuple[ChangelogEvent, ...] = ()
    dropped: str | None = None
    rejection: Rejection | None = None


def decode_commit_record(record: SourceRecord) -> DecodedCommits:
    """Return what the record says; a function of the record alone.

    The repository is the one the payload names, else the record's key. A batch with one bad
    member is rejected whole: half of a push would be a changelog with holes.
    """
    if record.value is None:
        return DecodedCommits(dropped=TOMBSTONE)
    try:
        payload = _payload(record.value)
        events = tuple(_events(payload, record))
    except MalformedEventError as exc:
        return DecodedCommits(rejection=Rejection(exc.reason, exc.detail))
    if events:
        return DecodedCommits(events=events)
    is_push = (optional_text(payload, "ref") or "").startswith("refs/heads/")
    is_elsewhere = is_push and not is_release_line(payload)
    return DecodedCommits(dropped=OTHER_BRANCH if is_elsewhere else NO_EVENTS)


def _payload(value: bytes) -> Payload:
    if len(value) > MAX_VALUE_BYTES:
        raise MalformedEventError("too_large", f"{len(value)} bytes")
    try:
        payload = decode_json(value)
    except ValueError as exc:
        raise MalformedEventError("not_json", str(exc)) from exc
    if not isinstance(payload, dict):
        raise MalformedEventError("not_an_object", "the value is JSON, but no object")
    return payload


def _events(payload: Payload, record: SourceRecord) -> list[ChangelogEvent]:
    fallback_s = record.timestamp_ms // _MS if record.timestamp_ms >= 0 else None
    hooked = repository_of(payload)
    if hooked is not None:
        return list(decode_webhook(payload, _checked(hooked), fallback_s))
    named = _own_name(payload.get("repository")) or _own_name(payload.get("repo"))
    key = (record.key or b"").decode("utf-8", "replace")
    return list(decode_own(payload, _checked(named or key), fallback_s))


def _own_name(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _checked(repository: str) -> str:
    if not repository or len(repository.encode()) > MAX_NAME_BYTES or "\0" in repository:
        raise MalformedEventError("no_repository", "neither the payload nor the key names one")
    return repository
