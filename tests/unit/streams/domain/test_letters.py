import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import DeadLetter, Headers, Rejection, SourceRecord
from streams.dead_letters import dead_letter_headers
from streams.domain.letters import Letter, original_headers, parse_letter

REJECTED = SourceRecord(
    topic="logs.raw", partition=3, offset=4_711, value=b"\x00\xff", timestamp_ms=1_773_475_200_123
)
HEADERS = st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=9)), max_size=5)


def letter_record(record: SourceRecord = REJECTED, *more: tuple[str, bytes]) -> SourceRecord:
    """Return the record that lies on the dead letter topic."""
    headers = dead_letter_headers(DeadLetter(record=record, rejection=Rejection("binary")))
    return SourceRecord(
        topic=f"{record.topic}.dlq",
        partition=0,
        offset=9,
        value=record.value,
        key=record.key,
        headers=(*record.headers, *headers, *more),
    )


def with_header(name: str, value: bytes) -> SourceRecord:
    """Return a letter with one header replaced: the later one counts."""
    return letter_record(REJECTED, (name, value))


def test_a_letter_knows_which_record_was_rejected() -> None:
    record = letter_record()

    assert parse_letter(record) == Letter(
        record=record,
        reason="binary",
        topic="logs.raw",
        partition=3,
        offset=4_711,
        timestamp_ms=1_773_475_200_123,
        is_truncated=False,
    )


def test_a_truncated_letter_says_so() -> None:
    letter = parse_letter(with_header("dlq.truncated", b"true"))

    assert letter is not None
    assert letter.is_truncated


@given(headers=HEADERS)
def test_the_original_headers_come_back(headers: list[tuple[str, bytes]]) -> None:
    own: Headers = tuple(header for header in headers if not header[0].startswith("dlq."))
    record = SourceRecord(topic="t", partition=0, offset=0, value=b"v", headers=own)

    assert original_headers(letter_record(record).headers) == own


@pytest.mark.parametrize(
    "record",
    [
        REJECTED,
        with_header("dlq.offset", b"many"),
        with_header("dlq.offset", b"9" * 5_000),
        with_header("dlq.partition", b"-1"),
        with_header("dlq.partition", b"2147483648"),
        with_header("dlq.timestamp_ms", b"\xff"),
        letter_record(SourceRecord(topic="t", partition=0, offset=0, value=None)),
    ],
)
def test_a_record_without_a_letters_headers_is_none(record: SourceRecord) -> None:
    letter = parse_letter(record)

    assert letter is None
