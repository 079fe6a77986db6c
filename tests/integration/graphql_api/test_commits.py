"""Changelogs, releases and commits over HTTP, from tables that the stream's own code wrote."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from graphql_api import changelog_ranges
from graphql_api.app import SERVICES
from graphql_api.store.commits import (
    SELECT_CHANGELOG,
    SELECT_COMMITS,
    SELECT_COMMITS_OF_RELEASE,
    SELECT_RELEASES,
    SELECT_STATEMENTS,
)
from schemas.db.pool import Connection
from streams.changelog_writer import ChangelogWriter
from streams.domain.changelog.config import ChangelogConfig
from streams.offsets import OffsetSpan
from streams.store.commits import append_statements
from tests.commit_records import REPOSITORY, TOPIC, Payload, history, prepare_payloads
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
GENERATE = """
query($since: String, $until: String, $options: ChangelogOptionsInput) {
  generateChangelog(repo: "acme/rocket", from: $since, to: $until, options: $options) {
    revision updatedAt contentHash commitCount commits(first: 500) markdown
    sections { key entries { subject } } release { name } } }
"""


@pytest.fixture
async def writer(connection: Connection) -> ChangelogWriter:
    return ChangelogWriter(connection, ChangelogConfig())


async def say(
    connection: Connection, writer: ChangelogWriter, payloads: Sequence[Payload], first: int = 0
) -> None:
    """Store what payloads say, and the changelogs made of it, as the workers do."""
    span = OffsetSpan(topic=TOPIC, partition=0, first=first, end=first + len(payloads))
    async with connection.transaction():
        await append_statements(connection, span, prepare_payloads(payloads, first_offset=first))
    await writer.run_cycle()


@pytest.fixture
async def told(connection: Connection, writer: ChangelogWriter) -> None:
    """A repository with six releases, one cut by hand, and a draft."""
    await say(connection, writer, history())


def camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


async def document_of(connection: Connection, release: str) -> dict[str, Any]:
    stored = await connection.fetchval(
        "SELECT document FROM changelogs WHERE release = $1", release
    )
    document: dict[str, Any] = json.loads(stored)
    return document


@pytest.mark.usefixtures("told")
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


@pytest.mark.usefixtures("told")
async def test_what_went_wrong_stands_in_the_changelog(api: Api) -> None:
    cut = (await api.ask(WHOLE, repo=REPOSITORY, release="v2.0.0"))["changelog"]
    draft = (await api.ask(WHOLE, repo=REPOSITORY, release=None))["changelog"]

    assert cut["release"]["kind"] == "STABLE"
    assert draft["release"]["kind"] == "UNRELEASED"
    assert draft["conflicts"] == [sha("two")]
    assert draft["reverts"] == [{"reverted": sha("3"), "by": sha("revert"), "effect": "LISTED"}]
    assert r"\<script>" in cut["markdown"]


@pytest.mark.usefixtures("told")
async def test_lists_come_in_parts(api: Api) -> None:
    ask = '{ changelog(repo: "acme/rocket", release: "v1.0.0") { commits(first: 4, offset: %d) } }'
    parts = [(await api.ask(ask % offset))["changelog"]["commits"] for offset in (0, 4, 8, 12)]

    assert [len(one) for one in parts] == [4, 4, 2, 0]
    assert len({one for part in parts for one in part}) == 10
    for wrong in ("first: 0", "first: 501", "offset: -1"):
        text = f'{{ changelog(repo: "acme/rocket") {{ commits({wrong}) }} }}'
        assert await api.refusal(text) == "BAD_USER_INPUT"


@pytest.mark.usefixtures("told")
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


@pytest.mark.usefixtures("told")
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


@pytest.mark.usefixtures("told")
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


@pytest.mark.usefixtures("told")
async def test_a_commit_shows_no_address(api: Api) -> None:
    data = await api.ask(
        '{ commits(repo: "acme/rocket", first: 100) { edges { node { author } } } }'
    )

    authors = {edge["node"]["author"] for edge in data["commits"]["edges"]}
    assert authors == {"Anna Lee", "Bob Roe", "Cy", "D\ufffd"}


@pytest.mark.usefixtures("told")
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
    api: Api, connection: Connection, writer: ChangelogWriter
) -> None:
    ten_commits_and_a_tag = history(10)[:11]
    await say(connection, writer, ten_commits_and_a_tag)

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


@pytest.mark.usefixtures("told")
async def test_repositories_are_told(api: Api) -> None:
    assert await api.ask("{ repositories }") == {"repositories": [REPOSITORY]}


@pytest.mark.usefixtures("told")
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


@pytest.mark.usefixtures("told")
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


@pytest.mark.usefixtures("told")
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


@pytest.mark.usefixtures("told")
async def test_a_long_history_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changelog_ranges, "MAX_STATEMENTS", 20)

    assert await api.refusal(GENERATE) == "QUERY_TOO_BROAD"


BAD_MUTATIONS = [
    'recordCommits(repo: "r")',
    'recordCommits(repo: "", commits: [{sha: "aaaaaaa", message: "x"}])',
    'recordCommits(repo: "r", commits: [{sha: "xyz", message: "x"}])',
    'recordCommits(repo: "r", commits: [{sha: "aaaaaaa", message: "x", parents: ["?"]}])',
    'recordCommits(repo: "r", tags: [{name: "", sha: "aaaaaaa"}])',
    'cutRelease(repo: "r", name: "", sha: "aaaaaaa")',
    'cutRelease(repo: "r", name: "v1", sha: "nothing")',
    'overrideEntry(repo: "r", sha: "aaaaaaa", override: {category: "shiny"})',
]


@pytest.mark.parametrize("mutation", BAD_MUTATIONS)
async def test_what_the_stream_would_reject_is_refused_at_once(api: Api, mutation: str) -> None:
    code = await api.refusal(f"mutation {{ {mutation} {{ id }} }}", role="operator")

    assert code == "BAD_USER_INPUT"


async def test_too_many_commits_are_refused(api: Api) -> None:
    code = await api.refusal(
        "mutation($commits: [CommitInput!]!) "
        '{ recordCommits(repo: "r", commits: $commits) { id } }',
        role="operator",
        commits=[{"sha": "a" * 40, "message": "x"}] * 501,
    )

    assert code == "BAD_USER_INPUT"


async def test_a_broker_away_is_told(api: Api) -> None:
    code = await api.refusal(
        'mutation { cutRelease(repo: "r", name: "v1", sha: "aaaaaaa") { id } }', role="operator"
    )

    assert code == "BROKER_UNAVAILABLE"


async def test_revised_changelogs_are_told_of(
    api: Api, connection: Connection, writer: ChangelogWriter
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
        await say(connection, writer, payloads[:3])
        first = await receive(ws)
        await say(connection, writer, payloads[3:11], first=3)
        later = [await receive(ws) for _ in range(2)]

    told = [one["payload"]["data"]["changelogRevised"] for one in (first, *later)]
    assert told[0] == {"release": None, "revision": 1, "changelog": {"commitCount": 3}}
    assert {(one["release"], one["revision"]) for one in told[1:]} == {(None, 0), ("v1.0.0", 1)}


SEED_COMMITS = """
INSERT INTO commits
SELECT 'repository ' || n % 10, md5(n::text), 'v' || n % 1000 / 10, 'a', n, 'feat: x', false
FROM generate_series(0, 99999) AS n
"""
SEED_CHANGELOGS = """
INSERT INTO changelogs
    (repository, release, position, document, input_hash, rules_hash, content_hash)
SELECT 'repository ' || r, 'v' || n, n, '', '', '', ''
FROM generate_series(0, 9) AS r, generate_series(0, 999) AS n
"""
SEED_CONTENTS = """
INSERT INTO commit_contents
SELECT decode(md5(n::text), 'hex'), 'repository ' || n % 10, 'commit', '{}'
FROM generate_series(0, 99999) AS n
"""


async def test_hot_statements_use_their_indexes(connection: Connection) -> None:
    for seed in (SEED_COMMITS, SEED_CHANGELOGS, SEED_CONTENTS):
        await connection.execute(seed)
    await connection.execute("ANALYZE")
    repository = "repository 3"
    cases: list[tuple[str, str, list[object]]] = [
        ("changelogs_pkey", SELECT_CHANGELOG, [repository, "v7"]),
        ("changelogs_by_position", SELECT_RELEASES, [repository, 500, 51]),
        ("commits_by_time", SELECT_COMMITS, [repository, 50_000, "", 51]),
        ("commits_by_release", SELECT_COMMITS_OF_RELEASE, [repository, 50_000, "", 51, "v7"]),
        ("commit_contents_by_repository", SELECT_STATEMENTS, [repository, 12_001]),
    ]
    for index, statement, arguments in cases:
        rows = await connection.fetch("EXPLAIN " + statement, *arguments)
        plan = "\n".join(row[0] for row in rows)

        assert index in plan, plan
        assert "Seq Scan" not in plan
