"""Error codes: each is explained, and unexpected errors are masked."""

import re
from pathlib import Path

import asyncpg
from graphql import GraphQLError

from graphql_api.engine import described
from graphql_api.errors import ApiError, ErrorCode, bad_input

PAGE = Path(__file__).parents[3] / "docs" / "errors.md"


def test_every_code_has_a_row() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert rows == [code.value for code in ErrorCode]


def field_error(original: Exception) -> dict[str, object]:
    error = GraphQLError("secret detail", path=["a"], original_error=original)
    return described(error, "request-1")


def test_an_error_of_ours_is_told_as_it_is() -> None:
    assert field_error(bad_input("limit is wrong", "limit")) == {
        "message": "limit is wrong",
        "path": ["a"],
        "extensions": {"code": "BAD_USER_INPUT", "argument": "limit"},
    }


def test_an_unexpected_error_tells_nothing_but_the_request() -> None:
    assert field_error(RuntimeError("secret detail")) == {
        "message": "internal error",
        "path": ["a"],
        "extensions": {"code": "INTERNAL", "requestId": "request-1"},
    }


def test_known_errors_of_libraries_get_a_code() -> None:
    codes = {
        type(error).__name__: field_error(error)["extensions"]
        for error in (
            ConnectionRefusedError("secret"),
            asyncpg.AdminShutdownError("secret"),
            asyncpg.QueryCanceledError("secret"),
            asyncpg.DataError("secret"),
            TimeoutError("secret"),
            asyncpg.UndefinedTableError("secret"),
        )
    }

    assert {name: found["code"] for name, found in codes.items()} == {  # type: ignore[index]
        "ConnectionRefusedError": "DATABASE_UNAVAILABLE",
        "AdminShutdownError": "DATABASE_UNAVAILABLE",
        "QueryCanceledError": "TIMEOUT",
        "DataError": "BAD_USER_INPUT",
        "TimeoutError": "TIMEOUT",
        "UndefinedTableError": "INTERNAL",
    }


def test_the_details_stand_beside_the_code() -> None:
    error = ApiError(ErrorCode.RATE_LIMITED, "wait", retryAfterSeconds=3)

    assert error.formatted()["extensions"] == {"code": "RATE_LIMITED", "retryAfterSeconds": 3}
