"""Keyset cursors: opaque text that packs the sort key of the last row."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from graphql_api.errors import ApiError, bad_input

MAX_PAGE: Final = 500
_MAX_CURSOR_LENGTH: Final = 1_000

_K = TypeVar("_K")
_T = TypeVar("_T")


def encode_cursor(key: Sequence[str | int]) -> str:
    """Return the cursor of a row with this sort key."""
    return urlsafe_b64encode(msgspec.msgpack.encode(list(key))).rstrip(b"=").decode("ascii")


def decode_cursor(text: str, key_type: type[_K]) -> _K:
    """Return the sort key packed into `text`; `key_type` is a tuple type such as tuple[int, str].

    Raises:
        ApiError: `text` is no cursor of this kind.
    """
    if len(text) > _MAX_CURSOR_LENGTH:
        raise _not_a_cursor()
    try:
        packed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        key: _K = msgspec.msgpack.decode(packed, type=key_type)
        canonical = encode_cursor(key)  # type: ignore[arg-type]  # key_type is a tuple type
    except (Base64Error, ValueError, msgspec.MsgspecError) as exc:
        raise _not_a_cursor() from exc
    if canonical != text:
        raise _not_a_cursor()
    return key


def _not_a_cursor() -> ApiError:
    return bad_input("not a cursor of this list", "after")


def checked_page_size(value: int, argument: str) -> int:
    """Return a page size that is within 1..500.

    Raises:
        ApiError: it is not.
    """
    if not 1 <= value <= MAX_PAGE:
        raise bad_input(f"{argument} must be within 1..{MAX_PAGE}", argument)
    return value


def split_page(rows: Sequence[_T], size: int) -> tuple[Sequence[_T], bool]:
    """Return the page and whether more follow, given up to `size` + 1 rows."""
    return rows[:size], len(rows) > size
