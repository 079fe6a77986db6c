from base64 import urlsafe_b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import (
    BLOCK_RECORDS,
    CHUNK_RECORDS,
    InvalidIdError,
    RecordId,
    block_of,
    chunk_of,
    decode_record_id,
    encode_record_id,
)

RECORD_IDS = st.builds(
    RecordId,
    topic=st.text(
        st.sampled_from("abcXYZ019._-"),
        min_size=1,
        max_size=249,
    ),
    partition=st.integers(0, 2**31 - 1),
    offset=st.integers(0, 2**63 - 1),
    index=st.integers(0, 9_999),
)


@given(RECORD_IDS)
def test_an_id_leads_back_to_its_record(record_id: RecordId) -> None:
    assert decode_record_id(encode_record_id(record_id)) == record_id


@given(RECORD_IDS)
def test_an_id_needs_no_escaping_in_a_url(record_id: RecordId) -> None:
    text = encode_record_id(record_id)

    assert text.isascii()
    assert not set(text) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.text(max_size=60))
def test_any_other_text_is_no_id_or_the_canonical_one(text: str) -> None:
    with suppress(InvalidIdError):
        assert encode_record_id(decode_record_id(text)) == text


@given(RECORD_IDS)
def test_only_the_canonical_spelling_is_an_id(record_id: RecordId) -> None:
    text = encode_record_id(record_id)

    for other in (text + "=", text + "\n", " " + text, text[:4] + "\n" + text[4:]):
        with pytest.raises(InvalidIdError) as caught:
            decode_record_id(other)
        assert caught.value.text == other


def packed(version: int, topic: bytes) -> str:
    head = bytes([version]) + bytes(4) + bytes(8) + bytes(2)
    return urlsafe_b64encode(head + topic).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AA",
        "x" * 401,
        packed(2, b"logs.raw"),
        packed(1, b""),
        packed(1, b"\xff\xfe"),
    ],
)
def test_what_was_never_given_out_is_refused(text: str) -> None:
    with pytest.raises(InvalidIdError, match="not a valid id"):
        decode_record_id(text)


@pytest.mark.parametrize(
    "record_id",
    [
        RecordId("logs.raw", -1, 0),
        RecordId("logs.raw", 0, -1),
        RecordId("logs.raw", 0, 2**64),
        RecordId("logs.raw", 0, 0, 65_536),
    ],
)
def test_coordinates_that_cannot_be_packed_are_an_error(record_id: RecordId) -> None:
    with pytest.raises(ValueError, match="out of range"):
        encode_record_id(record_id)


def test_ids_sort_like_their_coordinates() -> None:
    ids = [RecordId("b", 0, 0), RecordId("a", 1, 0), RecordId("a", 0, 10), RecordId("a", 0, 9)]

    assert sorted(ids) == ids[::-1]


def test_a_block_is_sixteen_chunks() -> None:
    assert BLOCK_RECORDS == 16 * CHUNK_RECORDS
    assert (block_of(BLOCK_RECORDS - 1), block_of(BLOCK_RECORDS)) == (0, 1)
    assert (chunk_of(CHUNK_RECORDS - 1), chunk_of(CHUNK_RECORDS)) == (0, 1)
