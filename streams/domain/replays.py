"""Replays as they are asked for: bounds in words, and the records of the topic of requests."""

import re
from datetime import UTC, datetime
from typing import Final, TypeAlias

import msgspec

from schemas.errors import AiOpsError
from schemas.events import ReplayCancelEvent, ReplayStartEvent
from schemas.records import Rejection, SourceRecord
from schemas.topics import TICKETS_RAW
from streams.domain.prepared import Prepared

BAD_REQUEST: Final = "bad_replay_request"
TOMBSTONE: Final = "tombstone"
_OFFSET: Final = re.compile(r"\d{1,19}", re.ASCII)

ReplayEvent: TypeAlias = ReplayStartEvent | ReplayCancelEvent
_DECODER: Final = msgspec.json.Decoder(ReplayEvent)


class BadReplayRequestError(AiOpsError):
    """What is asked for makes no sense; `argument` is what is wrong: from, to or retriage."""

    def __init__(self, argument: str, problem: str) -> None:
        self.argument = argument
        self.problem = problem
        super().__init__(f"{argument}: {problem}")


class ReplayRange(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: offsets, or times in milliseconds since 1970; None means all there is."""

    from_offset: int | None = None
    to_offset: int | None = None
    from_ms: int | None = None
    to_ms: int | None = None


def parse_range(begin: str | None, end: str | None) -> ReplayRange:
    """Return the range; each end is an offset (digits) or an RFC 3339 time, UTC unless it says.

    Raises:
        BadReplayRequestError: a text is neither.
    """
    from_offset, from_ms = _parse_bound(begin, "from")
    to_offset, to_ms = _parse_bound(end, "to")
    return ReplayRange(from_offset=from_offset, from_ms=from_ms, to_offset=to_offset, to_ms=to_ms)


def _parse_bound(text: str | None, argument: str) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    if _OFFSET.fullmatch(text):
        return int(text), None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise BadReplayRequestError(
            argument, f"{text!r} is neither an offset nor a time such as 2026-11-25T06:00:00Z"
        ) from exc
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # A broker takes negative times for something else.
    return None, max(int(moment.timestamp() * 1000), 0)


def check_request(asked: ReplayStartEvent) -> None:
    """Raise unless this can be asked for, whatever topics there are.

    Raises:
        BadReplayRequestError: a bound is no bound, or only tickets can be triaged again.
    """
    parse_range(asked.from_bound, asked.to_bound)
    if asked.is_retriage and asked.topic != TICKETS_RAW.name:
        raise BadReplayRequestError("retriage", f"only {TICKETS_RAW.name} can be triaged again")


class PreparedReplayRequest(Prepared, frozen=True, kw_only=True):
    """What became of one record of the topic of requests."""

    event: ReplayEvent | None = None


def prepare_request(record: SourceRecord) -> PreparedReplayRequest:
    """Return the request of the record, or why there is none; never raises for any bytes."""
    if record.value is None:
        return PreparedReplayRequest(record=record, dropped=TOMBSTONE)
    try:
        event = _DECODER.decode(record.value)
        if isinstance(event, ReplayStartEvent):
            check_request(event)
    except (BadReplayRequestError, msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        return PreparedReplayRequest(record=record, rejection=Rejection(BAD_REQUEST, str(exc)))
    return PreparedReplayRequest(record=record, event=event)
