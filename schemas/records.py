"""Kafka envelopes: what arrives from a topic and what is sent to its dead letters."""

from typing import Final

import msgspec

Headers = tuple[tuple[str, bytes], ...]

CREATE_TIME: Final = 0
LOG_APPEND_TIME: Final = 1


class SourceRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One Kafka record as it was read; `timestamp_ms` is -1 when the record has none."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    timestamp_ms: int = -1
    timestamp_type: int = CREATE_TIME


class Rejection(msgspec.Struct, frozen=True):
    """Why a record became a dead letter: a reason code, and a detail for people."""

    reason: str
    detail: str = ""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A record we rejected, unchanged, with the reason."""

    record: SourceRecord
    rejection: Rejection
