import asyncio
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import LOG_APPEND_TIME, DeadLetter, Rejection, SourceRecord
from streams import dead_letters
from streams.dead_letters import (
    MAX_DETAIL_CHARACTERS,
    RATIO_MIN_RECORDS,
    RATIO_WINDOW_RECORDS,
    DeadLetterLimit,
    DeadLetterLimitError,
    DeadLetterProducer,
    dead_letter_headers,
)


def limit(*, max_ratio: float = 0.5, max_run: int = 1_000) -> DeadLetterLimit:
    return DeadLetterLimit(max_ratio=max_ratio, max_run=max_run)


def check_often(counted: DeadLetterLimit, is_rejected: list[bool]) -> None:
    for _ in range(1_000):
        counted.check("logs.raw", is_rejected)


def fail_in_writing(counted: DeadLetterLimit, is_rejected: list[bool]) -> None:
    """Batches that look good at first and turn out to be rejected when they are written."""
    for _ in range(1_000):
        counted.check("logs.raw", [False] * len(is_rejected))
        counted.recheck("logs.raw", is_rejected)


def test_an_unbroken_run_of_rejections_stops_across_batches() -> None:
    counted = limit(max_run=100)
    counted.check("logs.raw", [False] + [True] * 60)

    with pytest.raises(DeadLetterLimitError) as caught:
        counted.check("logs.raw", [True] * 40)

    assert (caught.value.topic, caught.value.rejected, caught.value.records) == (
        "logs.raw",
        100,
        100,
    )
    assert "AIOPS_DEAD_LETTER_MAX_RUN" in str(caught.value)


def test_one_good_record_ends_a_run() -> None:
    counted = limit(max_run=100)

    for _ in range(50):
        counted.check("logs.raw", [True] * 45 + [False] * 46)


def test_a_ratio_over_the_limit_stops_once_there_are_enough_records() -> None:
    counted = limit(max_ratio=0.5)
    mostly_bad = [True, True, False] * 100
    batches = RATIO_MIN_RECORDS // len(mostly_bad)
    for _ in range(batches):
        counted.check("logs.raw", mostly_bad)

    with pytest.raises(DeadLetterLimitError) as caught:
        counted.check("logs.raw", mostly_bad)

    assert caught.value.records == (batches + 1) * len(mostly_bad)
    assert caught.value.rejected == (batches + 1) * 200


def test_the_ratio_is_over_recent_records_only() -> None:
    counted = limit(max_ratio=0.5)
    for _ in range(50):
        counted.check("logs.raw", [False] * 1_000)

    with pytest.raises(DeadLetterLimitError) as caught:
        check_often(counted, [True, True, True, False] * 250)
    assert caught.value.records <= RATIO_WINDOW_RECORDS


@given(st.lists(st.booleans(), max_size=300), st.integers(1, 40))
def test_no_limit_is_passed_while_at_most_half_are_rejected(
    flags: list[bool], batch_records: int
) -> None:
    counted = limit()
    paired = [flag for one in flags for flag in (one, not one)] * 10

    for start in range(0, len(paired), batch_records):
        counted.check("logs.raw", paired[start : start + batch_records])


def test_a_batch_that_fails_in_writing_counts_once() -> None:
    """Its records look good at first; small batches must not hide that all of them fail."""
    counted = limit(max_run=100)
    counted.check("logs.raw", [False] * 10)
    counted.recheck("logs.raw", [True] * 10)

    with pytest.raises(DeadLetterLimitError) as caught:
        fail_in_writing(counted, [True] * 10)
    assert caught.value.rejected == 100


def test_rechecked_batches_fill_the_ratio_once() -> None:
    counted = limit(max_ratio=0.5)

    with pytest.raises(DeadLetterLimitError) as caught:
        fail_in_writing(counted, [True, True, False] * 10)
    assert caught.value.records < RATIO_MIN_RECORDS + 30


def letter(**changes: object) -> DeadLetter:
    record = SourceRecord(
        topic="logs.raw", partition=3, offset=42, value=b"\x00", timestamp_ms=1_773_475_200_000
    )
    values = {"record": record, "rejection": Rejection("binary", "no text"), **changes}
    return DeadLetter(**values)  # type: ignore[arg-type]  # tests give the fields they are about


def test_headers_tell_where_from_why_and_since_when() -> None:
    headers = dict(dead_letter_headers(letter()))

    failed_at = datetime.fromisoformat(headers.pop("dlq.first_failed_at").decode())
    assert failed_at.utcoffset() is not None
    assert headers == {
        "dlq.reason": b"binary",
        "dlq.detail": b"no text",
        "dlq.topic": b"logs.raw",
        "dlq.partition": b"3",
        "dlq.offset": b"42",
        "dlq.timestamp_ms": b"1773475200000",
        "dlq.timestamp_type": b"CreateTime",
        "dlq.attempts": b"1",
        "dlq.version": b"1",
    }


def test_a_broker_time_is_told_from_a_producers() -> None:
    record = SourceRecord(
        topic="logs.raw", partition=0, offset=0, value=b"", timestamp_type=LOG_APPEND_TIME
    )

    headers = dict(dead_letter_headers(letter(record=record)))

    assert headers["dlq.timestamp_type"] == b"LogAppendTime"


def test_a_long_detail_is_cut_and_odd_characters_are_replaced() -> None:
    headers = dict(
        dead_letter_headers(letter(rejection=Rejection("internal", "\ud800" + "x" * 600)))
    )

    assert headers["dlq.detail"] == b"?" + b"x" * (MAX_DETAIL_CHARACTERS - 1)


class FakeProducer:
    """Takes a turn of the event loop to start, and all letters."""

    def __init__(self, **_: Any) -> None:
        self.is_started = self.is_stopped = False
        self.offsets: list[int] = []

    async def start(self) -> None:
        await asyncio.sleep(0)
        self.is_started = True

    async def send_and_wait(self, _topic: str, *, headers: Any, **_: Any) -> None:
        assert self.is_started
        self.offsets.append(int(dict(headers)["dlq.offset"]))

    async def stop(self) -> None:
        self.is_stopped = True


async def test_agents_that_begin_at_once_share_one_producer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[FakeProducer] = []

    def make(**options: Any) -> FakeProducer:
        made.append(FakeProducer(**options))
        return made[-1]

    monkeypatch.setattr(dead_letters, "AIOKafkaProducer", make)
    shared = DeadLetterProducer("127.0.0.1:9")
    await asyncio.gather(shared.produce([letter()]), shared.produce([letter()]))
    await shared.stop()

    assert [(one.offsets, one.is_stopped) for one in made] == [([42, 42], True)]
