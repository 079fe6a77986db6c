"""Changelogs of any range of the history, made when they are asked for."""

import pytest

from graphql_api import changelog_ranges
from schemas.db.pool import Connection
from tests.integration.graphql_api.changelog_stage import document_of
from tests.integration.graphql_api.conftest import Api
from tests.unit.streams.domain.changelog.histories import sha

pytestmark = pytest.mark.integration

GENERATE = """
query($since: String, $until: String, $options: ChangelogOptionsInput) {
  generateChangelog(repo: "acme/rocket", from: $since, to: $until, options: $options) {
    revision updatedAt contentHash commitCount commits(first: 500) markdown
    sections { key entries { subject } } release { name } } }
"""


@pytest.mark.usefixtures("told_repository")
@pytest.mark.parametrize(
    ("since", "until"), [("v1.2.0", "v1.3.0"), (None, "v1.0.0"), ("v2.0.0", None)]
)
async def test_a_range_between_releases_is_the_release(
    api: Api, connection: Connection, since: str | None, until: str | None
) -> None:
    made = (await api.ask(GENERATE, since=since, until=until))["generateChangelog"]

    stored = await document_of(connection, until or "")
    assert made["commits"] == stored["commits"]
    assert [
        (section["key"], [one["subject"] for one in section["entries"]])
        for section in made["sections"]
    ] == [
        (section["key"], [one["subject"] for one in section["entries"]])
        for section in stored["sections"]
    ]
    assert (made["revision"], made["updatedAt"]) == (None, None)


@pytest.mark.usefixtures("told_repository")
async def test_a_range_is_a_function_of_its_input(api: Api) -> None:
    ends = {"since": "v1.0.0", "until": sha("44")[:12]}
    one = (await api.ask(GENERATE, **ends))["generateChangelog"]
    again = (await api.ask(GENERATE, **ends))["generateChangelog"]
    options = {"headings": "KEEP_A_CHANGELOG", "shown": ["added"], "types": []}
    other = (await api.ask(GENERATE, **ends, options=options))["generateChangelog"]

    assert one == again
    assert one["commitCount"] == 35
    assert other["contentHash"] != one["contentHash"]
    assert {section["key"] for section in other["sections"]} <= {"added", "security"}
    assert "### Added" in other["markdown"]


@pytest.mark.usefixtures("told_repository")
@pytest.mark.parametrize(
    ("variables", "argument"),
    [
        ({"since": "v9.9.9"}, "from"),
        ({"until": "zzz"}, "to"),
        ({"until": sha("3")[:5]}, "to"),
        ({"since": "v1.2.0", "until": "v1.1.0"}, "from"),
        ({"since": "v1.2.0", "until": "v1.2.0"}, "from"),
        ({"options": {"shown": ["shiny"]}}, "options"),
        ({"options": {"repositoryUrl": "javascript:alert(1)"}}, "options"),
        ({"options": {"shown": ["added"] * 101}}, "options"),
    ],
)
async def test_a_range_that_is_none_is_refused(
    api: Api, variables: dict[str, object], argument: str
) -> None:
    answer = await (await api.post(GENERATE, variables=variables)).json()

    extensions = answer["errors"][0]["extensions"]
    assert (extensions["code"], extensions["argument"]) == ("BAD_USER_INPUT", argument)


@pytest.mark.usefixtures("told_repository")
async def test_a_long_history_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changelog_ranges, "MAX_STATEMENTS", 20)

    assert await api.refusal(GENERATE) == "QUERY_TOO_BROAD"
