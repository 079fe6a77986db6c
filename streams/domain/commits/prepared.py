"""Records of the commits topic -> statements about repositories, each with its content's hash."""

from hashlib import blake2b
from typing import Final

import msgspec

from schemas.events import CommitEvent, OverrideEvent, ReleaseEvent, TagEvent
from schemas.records import SourceRecord
from streams.domain.commits.decoding import decode_commit_record
from streams.domain.commits.own_json import ChangelogEvent
from streams.domain.prepared import Prepared

HASH_BYTES: Final = 16
KINDS: Final[dict[str, type[ChangelogEvent]]] = {
    "commit": CommitEvent,
    "tag": TagEvent,
    "release": ReleaseEvent,
    "override": OverrideEvent,
}
_NAMES: Final = {event_type: name for name, event_type in KINDS.items()}
_CANONICAL: Final = msgspec.json.Encoder(order="sorted")


class Statement(msgspec.Struct, frozen=True):
    """An event as it is stored; equal events have equal hashes."""

    kind: str
    repository: str
    payload: bytes
    content_hash: bytes


class PreparedCommits(Prepared, frozen=True, kw_only=True):
    """What became of one record of the commits topic."""

    statements: tuple[Statement, ...] = ()


def prepare_commits(record: SourceRecord) -> PreparedCommits:
    """Return the statements of the record, or why there are none; never raises for any bytes."""
    decoded = decode_commit_record(record)
    return PreparedCommits(
        record=record,
        dropped=decoded.dropped,
        rejection=decoded.rejection,
        statements=tuple(make_statement(event) for event in decoded.events),
    )


def make_statement(event: ChangelogEvent) -> Statement:
    """Return the event in its stored form."""
    kind = _NAMES[type(event)]
    payload = _CANONICAL.encode(event)
    content_hash = blake2b(payload, digest_size=HASH_BYTES, person=kind.encode()).digest()
    return Statement(kind, event.repository, payload, content_hash)


def read_statement(kind: str, payload: bytes) -> ChangelogEvent:
    """Return the event that `make_statement` stored."""
    return msgspec.json.decode(payload, type=KINDS[kind])
