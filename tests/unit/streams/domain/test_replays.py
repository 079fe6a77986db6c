from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import ReplayCancelEvent, ReplayStartEvent
from schemas.records import SourceRecord
from streams.domain.replays import (
    BadReplayRequestError,
    PreparedReplayRequest,
    ReplayRange,
    check_request,
    parse_range,
    prepare_request,
)

NOON_MS = 1_795_608_000_000


def prepared(value: bytes | None) -> PreparedReplayRequest:
    record = SourceRecord(topic="replays.requested", partition=0, offset=7, value=value)
    return prepare_request(record)


def start(**members: object) -> bytes:
    asked = {"action": "start", "topic": "logs.raw", "requested_by": "anna", **members}
    return msgspec.json.encode(asked)


def test_a_bound_is_an_offset_or_a_time() -> None:
    assert parse_range("17", None) == ReplayRange(from_offset=17)
    assert parse_range(None, "2026-11-25T12:00:00Z") == ReplayRange(to_ms=NOON_MS)


def test_a_time_without_a_zone_is_utc() -> None:
    assert parse_range("2026-11-25T12:00:00", None).from_ms == NOON_MS
    assert parse_range("2026-11-25T13:00:00+01:00", None).from_ms == NOON_MS


@given(st.datetimes(), st.integers(-23, 23))
def test_any_time_is_one_that_a_broker_understands(moment: datetime, zone: int) -> None:
    text = moment.replace(tzinfo=timezone(timedelta(hours=zone))).isoformat()

    found = parse_range(text, None).from_ms
    assert found is not None
    assert found >= 0


@given(st.integers(0, 10**18))
def test_any_offset_is_itself(offset: int) -> None:
    assert parse_range(str(offset), str(offset)) == ReplayRange(
        from_offset=offset, to_offset=offset
    )


@pytest.mark.parametrize(
    "text", ["", "-1", "yesterday", "1.5", "٣", "9" * 20, "2026-13-01", "2026-11-25T25:00"]
)
def test_what_is_no_bound_is_told_with_its_argument(text: str) -> None:
    with pytest.raises(BadReplayRequestError) as caught:
        parse_range(None, text)

    assert caught.value.argument == "to"


def test_only_tickets_are_triaged_again() -> None:
    check_request(ReplayStartEvent(topic="tickets.raw", is_retriage=True, requested_by="anna"))
    with pytest.raises(BadReplayRequestError, match=r"only tickets\.raw"):
        check_request(ReplayStartEvent(topic="logs.raw", is_retriage=True, requested_by="anna"))


def test_a_request_survives_the_topic() -> None:
    asked = ReplayStartEvent(
        topic="tickets.raw",
        partition=3,
        from_bound="0",
        to_bound="2026-11-25T12:00:00Z",
        is_retriage=True,
        is_dry_run=True,
        requested_by="anna",
    )
    cancelled = ReplayCancelEvent(run_id="AQAA-_9", requested_by="anna")

    assert prepared(msgspec.json.encode(asked)).event == asked
    assert prepared(msgspec.json.encode(cancelled)).event == cancelled


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"no json",
        b"[]",
        b"{}",
        b'{"action": "stop"}',
        b'{"action": "cancel", "requested_by": "anna"}',
        b'{"action": "cancel", "requested_by": "anna", "run_id": "a b"}',
        start(topic="logs raw"),
        start(topic="logs.raw\n"),
        start(partition=-1),
        start(partition=2**31),
        start(from_bound="soon"),
        start(to_bound="1" * 41),
        start(is_retriage=True),
        start(requested_by="a\0b"),
        start(requested_by=""),
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_done_is_a_dead_letter(value: bytes) -> None:
    found = prepared(value)

    assert found.event is None
    assert found.rejection is not None
    assert found.rejection.reason == "bad_replay_request"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_dead_letter(value: bytes) -> None:
    found = prepared(value)

    assert (found.event is None) == found.is_rejected


def test_a_tombstone_asks_for_nothing() -> None:
    assert prepared(None).dropped == "tombstone"
