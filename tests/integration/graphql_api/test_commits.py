"""Changelogs, releases and commits over HTTP, from tables that the stream's own code wrote."""

import json
from typing import Any

import pytest

from graphql_api.app import SERVICES
from schemas.db.pool import Connection
from streams.changelog_writer import ChangelogWriter
from tests.commit_records import REPOSITORY, history
from tests.integration.graphql_api.changelog_stage import document_of, say
from tests.integration.graphql_api.conftest import Api
from tests.integration.graphql_api.sockets import receive, socket, until
from tests.unit.streams.domain.changelog.histories import sha

pytestmark = pytest.mark.integration

WHOLE = """
query($repo: String!, $release: String) { changelog(repo: $repo, release: $release) {
  repository revision updatedAt contentHash inputHash generator commitCount commits markdown
  document
  release { name names version series previous previousStable kind date headSha compareUrl
    attributedBy }
  sections { key title entryCount entries {
    id type category scope subject breaking breakingText mentions shas pullRequest authors timestamp
    securityIds attributedBy decidedBy confidence needsReview noteWorthy reasons
    references { action owner repository prefix issue raw } } }
  folded { previous sections { key entryCount } breaking { text scope shas } }
  breaking { text scope shas }
  excluded { sha reason other subject type category decidedBy confidence noteWorthy }
  bump { base level next nextTag reasons { level reason sha } }
  contributors { name commits firstTime isBot }
  dependencies { name from to shas }
  security { ids subject shas }
  reverts { reverted by effect }
  conflicts stats { name count }
} }
"""


def camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


@pytest.mark.usefixtures("told_repository")
@pytest.mark.parametrize("release", ["v1.2.0", "v2.0.0", None])
async def test_a_changelog_is_the_stored_document_in_full(
    api: Api, connection: Connection, release: str | None
) -> None:
    found = (await api.ask(WHOLE, repo=REPOSITORY, release=release))["changelog"]

    stored = await document_of(connection, release or "")
    entries = [one for section in stored["sections"] for one in section["entries"]]
    typed = [one for section in found["sections"] for one in section["entries"]]
    assert found["document"] == stored
    assert (found["markdown"], found["contentHash"]) == (stored["markdown"], stored["content_hash"])
    assert found["commits"] == stored["commits"]
    assert found["release"]["name"] == release
    for member in ("subject", "shas", "authors", "reasons", "confidence", "decided_by"):
        assert [one[camel(member)] for one in typed] == [one[member] for one in entries]
    assert [one["sha"] for one in found["excluded"]] == [one["sha"] for one in stored["excluded"]]
    assert found["contributors"] == [
        {camel(name): value for name, value in one.items()} for one in stored["contributors"]
    ]
    assert {one["name"]: one["count"] for one in found["stats"]} == stored["stats"]


@pytest.mark.usefixtures("told_repository")
async def test_what_went_wrong_stands_in_the_changelog(api: Api) -> None:
    cut = (await api.ask(WHOLE, repo=REPOSITORY, release="v2.0.0"))["changelog"]
    draft = (await api.ask(WHOLE, repo=REPOSITORY, release=None))["changelog"]

    assert cut["release"]["kind"] == "STABLE"
    assert draft["release"]["kind"] == "UNRELEASED"
    assert draft["conflicts"] == [sha("two")]
    assert draft["reverts"] == [{"reverted": sha("3"), "by": sha("revert"), "effect": "LISTED"}]
    assert r"\<script>" in cut["markdown"]


@pytest.mark.usefixtures("told_repository")
async def test_lists_come_in_parts(api: Api) -> None:
    ask = '{ changelog(repo: "acme/rocket", release: "v1.0.0") { commits(first: 4, offset: %d) } }'
    parts = [(await api.ask(ask % offset))["changelog"]["commits"] for offset in (0, 4, 8, 12)]

    assert [len(one) for one in parts] == [4, 4, 2, 0]
    assert len({one for part in parts for one in part}) == 10
    for wrong in ("first: 0", "first: 501", "offset: -1"):
        text = f'{{ changelog(repo: "acme/rocket") {{ commits({wrong}) }} }}'
        assert await api.refusal(text) == "BAD_USER_INPUT"


@pytest.mark.usefixtures("told_repository")
async def test_what_is_not_there_is_null(api: Api) -> None:
    data = await api.ask(
        '{ a: changelog(repo: "acme/rocket", release: "v9") { markdown } '
        'b: changelog(repo: "none") { markdown } c: nextVersion(repo: "none") { current } '
        'd: generateChangelog(repo: "none") { markdown } '
        'e: releases(repo: "none") { edges { cursor } } }'
    )

    assert data == {"a": None, "b": None, "c": None, "d": None, "e": {"edges": []}}
    assert (
        await api.refusal('{ changelog(repo: "acme/rocket", release: "") { markdown } }')
        == "BAD_USER_INPUT"
    )


async def walk(api: Api, text: str) -> list[dict[str, Any]]:
    """Return the nodes of all pages of a connection; `text` has a place for its cursor."""
    nodes: list[dict[str, Any]] = []
    after = "null"
    while True:
        (page,) = (await api.ask(text.replace("AFTER", after))).values()
        nodes += [edge["node"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            return nodes
        after = json.dumps(page["pageInfo"]["endCursor"])


PAGE = "edges { node { %s } } pageInfo { hasNextPage endCursor }"


@pytest.mark.usefixtures("told_repository")
async def test_releases_are_walked_newest_first(api: Api, connection: Connection) -> None:
    nodes = await walk(
        api,
        '{ releases(repo: "acme/rocket", first: 3, after: AFTER) { '
        + PAGE % "name version revision contentHash changelog { contentHash }"
        + " } }",
    )

    rows = await connection.fetch(
        "SELECT release, version FROM changelogs WHERE release <> '' ORDER BY position DESC"
    )
    assert [(one["name"], one["version"]) for one in nodes] == [tuple(row) for row in rows]
    assert nodes[0]["name"] == "v2.0.0"
    assert all(one["contentHash"] == one["changelog"]["contentHash"] for one in nodes)


@pytest.mark.usefixtures("told_repository")
async def test_commits_are_walked_newest_first_and_by_release(
    api: Api, connection: Connection
) -> None:
    text = (
        '{ commits(repo: "acme/rocket", first: 7, after: AFTER%s) { '
        + PAGE % "sha release"
        + " } }"
    )
    everything = await walk(api, text % "")
    first = await walk(api, text % ', release: "v1.0.0"')
    draft = await walk(api, text % ', release: ""')

    shas = await connection.fetch("SELECT sha FROM commits ORDER BY authored_s DESC, sha DESC")
    assert [one["sha"] for one in everything] == [row["sha"] for row in shas]
    assert [one["sha"] for one in first] == [sha(str(number)) for number in range(9, -1, -1)]
    assert {one["release"] for one in first} == {"v1.0.0"}
    assert {one["sha"] for one in draft} == {sha("revert"), sha("two")}


@pytest.mark.usefixtures("told_repository")
async def test_a_commit_shows_no_address(api: Api) -> None:
    data = await api.ask(
        '{ commits(repo: "acme/rocket", first: 100) { edges { node { author } } } }'
    )

    authors = {edge["node"]["author"] for edge in data["commits"]["edges"]}
    assert authors == {"Anna Lee", "Bob Roe", "Cy", "D\ufffd"}


@pytest.mark.usefixtures("told_repository")
async def test_the_next_version_has_its_evidence(api: Api) -> None:
    data = await api.ask(
        '{ nextVersion(repo: "acme/rocket") { current level version commitCount '
        "bump { nextTag reasons { level sha } } } }"
    )

    assert data["nextVersion"]["current"] == "v2.0.0"
    assert (data["nextVersion"]["level"], data["nextVersion"]["version"]) == ("MINOR", "2.1.0")
    assert data["nextVersion"]["commitCount"] == 2
    assert {"level": "MINOR", "sha": sha("two")} in data["nextVersion"]["bump"]["reasons"]


async def test_without_unreleased_commits_nothing_comes_next(
    api: Api, connection: Connection, changelog_writer: ChangelogWriter
) -> None:
    ten_commits_and_a_tag = history(10)[:11]
    await say(connection, changelog_writer, ten_commits_and_a_tag)

    data = await api.ask(
        '{ nextVersion(repo: "acme/rocket") { current level version commitCount bump { next } } }'
    )

    assert data["nextVersion"] == {
        "current": "v1.0.0",
        "level": "NONE",
        "version": None,
        "commitCount": 0,
        "bump": None,
    }


@pytest.mark.usefixtures("told_repository")
async def test_repositories_are_told(api: Api) -> None:
    assert await api.ask("{ repositories }") == {"repositories": [REPOSITORY]}


async def test_revised_changelogs_are_told_of(
    api: Api, connection: Connection, changelog_writer: ChangelogWriter
) -> None:
    payloads = history(12)
    query = (
        'subscription { changelogRevised(repo: "acme/rocket") '
        "{ release revision changelog { commitCount } } }"
    )
    assert api.client.app is not None
    feed = api.client.app[SERVICES].changelog_feed
    async with socket(api, api.tokens["viewer"]) as ws:
        await ws.send_json({"type": "subscribe", "id": "1", "payload": {"query": query}})
        await until(lambda: feed.is_running)
        await say(connection, changelog_writer, payloads[:3])
        first = await receive(ws)
        await say(connection, changelog_writer, payloads[3:11], first=3)
        later = [await receive(ws) for _ in range(2)]

    told = [one["payload"]["data"]["changelogRevised"] for one in (first, *later)]
    assert told[0] == {"release": None, "revision": 1, "changelog": {"commitCount": 3}}
    assert {(one["release"], one["revision"]) for one in told[1:]} == {(None, 0), ("v1.0.0", 1)}
