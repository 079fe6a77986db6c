from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.chunks import RawText, pack_lines, unpack_lines
from schemas.records import SourceRecord
from streams.domain.log_lines import (
    MAX_CACHED_SHAPE_IDS,
    NO_TIMESTAMP_MS,
    LinePreparer,
    raw_text,
)
from streams.domain.templates import shape_id

INT64 = range(-(2**63), 2**63)
PREPARER = LinePreparer()

HOSTILE = st.sampled_from(
    [
        b'{"message": "big", "n": ' + b"9" * 400 + b"}",
        b'{"message": "big", "n": 18446744073709551616}',
        b'{"message": "\\ud800 half", "service": "\\udfff"}',
        b'{"message": "nul \\u0000 inside", "service": "a\\u0000b"}',
        b'{"message": "x", "time": 9e99, "f": 1e400}',
        b'{"timestamp": "9999-12-31T23:59:59Z", "msg": "far"}',
        b'{"timestamp": "0001-01-01T00:00:00Z", "msg": "old"}',
        b"\x00\x01\x02",
        b"a\x00b",
        b"\xff\xfe not utf-8",
        b"\x1f\x8b\x08\x00",
        b"[" * 500,
        b"\n\n\n",
    ]
)
VALUES = st.none() | st.binary(max_size=80) | st.text(max_size=80).map(str.encode) | HOSTILE
RECORDS = st.builds(
    SourceRecord,
    topic=st.just("logs.raw"),
    partition=st.just(0),
    offset=st.integers(0, 2**62),
    value=VALUES,
    key=st.none() | st.binary(max_size=8),
    timestamp_ms=st.sampled_from([-1, 0, 1_773_475_200_000, 2**62]),
)


@given(RECORDS)
def test_whatever_a_record_holds_can_be_stored(record: SourceRecord) -> None:
    """Times and ids fit bigint, text is free of NUL and halves of pairs, chunks can be packed."""
    prepared = PREPARER.prepare(record)

    payload = pack_lines([line.stored for line in prepared.lines])
    assert pack_lines(unpack_lines(payload)) == payload
    for line in prepared.lines:
        assert line.stored.event.timestamp_ns in INT64
        assert line.stored.shape_id in INT64
        for text in (line.shape, line.stored.event.body):
            assert "\0" not in text
            text.encode()


@given(RECORDS)
def test_what_a_record_becomes_does_not_depend_on_those_before(record: SourceRecord) -> None:
    assert LinePreparer().prepare(record) == PREPARER.prepare(record)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_the_original_value_can_be_had_back(value: bytes) -> None:
    raw = raw_text(value)

    assert (b64decode(raw.text) if raw.is_base64 else raw.text.encode()) == value


def test_the_original_value_stands_at_the_first_event_only() -> None:
    value = b'[{"message": "one"}, {"message": "two"}]'
    record = SourceRecord(topic="logs.raw", partition=0, offset=7, value=value)

    first, second = PREPARER.prepare(record).lines

    assert first.stored.raw == RawText(value.decode())
    assert second.stored.raw is None
    assert [first.stored.index, second.stored.index] == [0, 1]


def test_a_record_without_any_time_is_filed_at_the_beginning_of_time() -> None:
    record = SourceRecord(topic="logs.raw", partition=0, offset=7, value=b"no time at all")

    (line,) = PREPARER.prepare(record).lines

    assert line.stored.event.timestamp_ns == NO_TIMESTAMP_MS * 1_000_000


@pytest.mark.parametrize("timestamp_ms", [-1, -(2**63), 2**63 - 1])
def test_a_record_time_that_no_calendar_has_is_not_stored(timestamp_ms: int) -> None:
    record = SourceRecord(
        topic="logs.raw", partition=0, offset=7, value=b"two\nlines", timestamp_ms=timestamp_ms
    )

    lines = PREPARER.prepare(record).lines

    assert {line.stored.record_ms for line in lines} == {NO_TIMESTAMP_MS}


def test_a_flood_of_shapes_leaves_the_caches_bounded_and_the_ids_right() -> None:
    preparer = LinePreparer()
    for number in range(MAX_CACHED_SHAPE_IDS + 10):
        key = (None, f"shape {number}")
        assert preparer._shape_id(*key) == shape_id(*key)
    assert len(preparer._shape_ids) <= MAX_CACHED_SHAPE_IDS
