"""Submitting a record: onto the topic once, however often the request is repeated."""

import asyncio
import hashlib
import time
from typing import Final

import msgspec

from graphql_api.context import RequestContext
from graphql_api.errors import ApiError, ErrorCode, bad_input
from graphql_api.store.idempotency import claim_key, set_key_record
from schemas.ids import RecordId, decode_record_id, encode_record_id
from schemas.topics import LOGS_SUBMITTED

MAX_RAW_BYTES: Final = 256 * 1024
_MAX_KEY_LENGTH: Final = 200
_ALLOWED_CONTROLS: Final = frozenset("\t\n\r\x1b")
_REPEAT_S: Final = 0.1


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """A record to write; `request` is what a repeated request has in common with the first."""

    topic: str
    value: bytes
    key: bytes | None = None
    request: bytes


def log_submission(raw: str) -> Submission:
    """Return the submission of a log line.

    Raises:
        ApiError: the line is refused, see `checked_raw`.
    """
    value = checked_raw(raw)
    return Submission(topic=LOGS_SUBMITTED.name, value=value, request=value)


def checked_raw(raw: str) -> bytes:
    """Return the bytes of a submitted line.

    Raises:
        ApiError: it is empty, larger than 256 KiB, or has control characters other than tab,
            line ends and escape.
    """
    if not raw.strip():
        raise bad_input("raw is empty", "raw")
    value = raw.encode()
    if len(value) > MAX_RAW_BYTES:
        raise bad_input(f"raw is larger than {MAX_RAW_BYTES} bytes", "raw")
    if any(one < " " and one not in _ALLOWED_CONTROLS for one in raw):
        raise bad_input("raw has control characters", "raw")
    return value


async def submit(context: RequestContext, submission: Submission, slot: str) -> RecordId:
    """Write a record to its topic and return its coordinates.

    With an Idempotency-Key, `slot` (the response name) tells the mutations of one document apart.

    Raises:
        ApiError: the broker is away, or the key belongs to another request.
    """
    if context.idempotency_key is None:
        return await _produce(context, submission)
    key = _checked_key(context.idempotency_key, slot)
    deadline = time.monotonic() + context.services.settings.submit_timeout_s
    while True:
        record_id = await _claimed(context, submission, key)
        if record_id is not None:
            return record_id
        if time.monotonic() > deadline:
            raise ApiError(ErrorCode.CONFLICT, "the first request with this key is under way")
        await asyncio.sleep(_REPEAT_S)


def _checked_key(key: str, slot: str) -> str:
    if not 1 <= len(key) <= _MAX_KEY_LENGTH or not key.isascii() or not key.isprintable():
        raise ApiError(
            ErrorCode.BAD_REQUEST,
            f"Idempotency-Key must be 1 to {_MAX_KEY_LENGTH} ASCII characters",
        )
    return f"{slot}/{key}"


async def _claimed(context: RequestContext, submission: Submission, key: str) -> RecordId | None:
    """Return the key's record, written now if the key is new; None while another writes it."""
    principal, database = context.principal.subject, context.services.database
    request_hash = hashlib.sha256(submission.request).digest()
    async with database.write() as connection:
        claim = await claim_key(connection, principal, key, request_hash)
    if claim.request_hash != request_hash:
        raise ApiError(ErrorCode.CONFLICT, "this Idempotency-Key was used with another request")
    if claim.record_id is not None:
        return decode_record_id(claim.record_id)
    if not claim.is_ours:
        return None
    # After a failure the claim stays for a minute: the record may have been written all the same.
    record_id = await _produce(context, submission)
    async with database.write() as connection:
        await set_key_record(connection, principal, key, encode_record_id(record_id))
    return record_id


async def _produce(context: RequestContext, submission: Submission) -> RecordId:
    services = context.services
    return await services.producer.produce(
        submission.topic,
        submission.value,
        key=submission.key,
        timeout_s=services.settings.submit_timeout_s,
    )
