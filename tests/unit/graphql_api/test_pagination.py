"""Cursors survive a round trip, and nothing else is a cursor."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.errors import ApiError
from graphql_api.pagination import (
    MAX_PAGE,
    checked_page_size,
    decode_cursor,
    encode_cursor,
    split_page,
)

INT64 = st.integers(-(2**63), 2**63 - 1)


@given(INT64, st.text(max_size=50))
def test_a_cursor_survives_a_round_trip(number: int, text: str) -> None:
    assert decode_cursor(encode_cursor([number, text]), tuple[int, str]) == (number, text)


@given(st.text(max_size=80))
def test_only_its_own_text_decodes_to_a_cursor(text: str) -> None:
    with suppress(ApiError):
        assert encode_cursor(decode_cursor(text, tuple[int, str])) == text


def test_a_cursor_of_another_list_is_refused() -> None:
    for other in (encode_cursor(["a"]), encode_cursor([1, "a", 2]), "x" * 2_000, "*"):
        with pytest.raises(ApiError):
            decode_cursor(other, tuple[int, str])


def test_a_page_has_1_to_500_rows() -> None:
    assert [checked_page_size(size, "first") for size in (1, MAX_PAGE)] == [1, MAX_PAGE]
    for size in (0, -1, MAX_PAGE + 1):
        with pytest.raises(ApiError, match="first"):
            checked_page_size(size, "first")


def test_a_page_knows_whether_more_follow() -> None:
    assert split_page([1, 2, 3], 2) == ([1, 2], True)
    assert split_page([1, 2], 2) == ([1, 2], False)
