"""Clients of the released schema go on working: nothing of it is removed or narrowed."""

from pathlib import Path

import pytest
from graphql import build_schema, find_breaking_changes

from graphql_api.schema import schema_text

GRAPHQL_API = Path(__file__).parents[3] / "graphql_api"
RELEASED = build_schema((GRAPHQL_API / "schema_released.graphql").read_text(encoding="utf-8"))


def breaking_changes(text: str) -> list[str]:
    return sorted(one.description for one in find_breaking_changes(RELEASED, build_schema(text)))


def test_nothing_that_was_released_is_broken() -> None:
    assert breaking_changes(schema_text()) == [], (
        "keep the old form beside the new one, deprecated; see docs/adr/0142"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  headline: String!\n", "  title: String!\n"),
        ("  headline: String!\n", "  headline: String\n"),
        ("  summarizeLog(\n", "  summarizeLog(\n    urgency: Int!\n"),
        ("  OPERATOR\n", "  OPERATING\n"),
        ("StackTrace", "Trace"),
    ],
    ids=["removed", "nullable", "required argument", "enum value", "renamed type"],
)
def test_a_breaking_change_would_be_found(before: str, after: str) -> None:
    text = schema_text()
    assert before in text

    assert breaking_changes(text.replace(before, after)) != []
