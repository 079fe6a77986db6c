"""What goes out as JSON, whatever its types."""

from enum import StrEnum

import pytest

from graphql_api.wire import encoded


class Text(str):
    """A text of a type of its own."""

    __slots__ = ()


class Kind(StrEnum):
    """A text that is one of a few."""

    NEW = "new"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2**80, b"1208925819614629174706176"),
        (float("nan"), b"null"),
        (Text("a\x01\u2028"), b'"a\\u0001\xe2\x80\xa8"'),
        (Kind.NEW, b'"new"'),
        ({"a": (1, None, True)}, b'{"a":[1,null,true]}'),
    ],
)
def test_values_go_out_as_json(value: object, expected: bytes) -> None:
    assert encoded(value) == expected


def test_what_is_no_json_is_an_error() -> None:
    with pytest.raises(TypeError, match="complex is not JSON"):
        encoded({"a": 1j})
