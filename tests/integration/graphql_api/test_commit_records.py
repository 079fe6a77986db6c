"""What people say about a repository over HTTP, through a real broker and worker processes."""

from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient

from aiops.local.kafka import Kafka
from aiops.topics import create_topics
from graphql_api.app import create_app
from schemas.settings import Settings
from tests.integration.graphql_api.conftest import Api, ApiServer
from tests.unit.streams.domain.changelog.histories import sha
from tests.workers import running_worker, worker_settings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

RECORD = """
mutation($commits: [CommitInput!], $tags: [TagInput!]) {
  recordCommits(repo: "acme/rocket", commits: $commits, tags: $tags) { id repository status } }
"""
CUT = """
mutation { cutRelease(repo: "acme/rocket", name: "v1.0.0", sha: "%s") { status } }
"""
OVERRIDE = """
mutation { overrideEntry(repo: "acme/rocket", sha: "%s",
  override: {category: "security", subject: "said better"}) { status } }
"""
CHANGELOG = """
query($release: String) { changelog(repo: "acme/rocket", release: $release) {
  commits revision sections { key entries { subject decidedBy } } } }
"""
COMMITS = [
    {"sha": sha("0"), "message": "feat: start", "parents": [], "author": "Anna Lee <a@x.org>"},
    {"sha": sha("1"), "message": "fix: a bug", "parents": [sha("0")], "author": "Bob <b@x.org>"},
]


@pytest.fixture
def api_settings(database: str, own_kafka: Kafka) -> Settings:
    create_topics(own_kafka.bootstrap, log_topics=[], replication=1, partitions={})
    return Settings(
        postgres_dsn=database, kafka_bootstrap=own_kafka.bootstrap, submit_timeout_s=60.0
    )


def entry(changelog: Any) -> list[tuple[str, str, str]]:
    return [
        (section["key"], one["subject"], one["decidedBy"])
        for section in changelog["sections"]
        for one in section["entries"]
    ]


async def test_what_is_said_is_in_the_changelog_when_the_answer_is_done(api: Api) -> None:
    settings = worker_settings(api.settings.kafka_bootstrap, api.settings.postgres_dsn, "logs.raw")
    with (
        running_worker("interactive", settings=settings),
        running_worker("finalizer", settings=settings),
    ):
        recorded = await api.ask(RECORD, role="operator", commits=COMMITS)
        draft = (await api.ask(CHANGELOG))["changelog"]
        again = await api.ask(RECORD, role="operator", commits=COMMITS)
        same = (await api.ask(CHANGELOG))["changelog"]
        repaired = await api.ask(OVERRIDE % sha("1"), role="operator")
        cut = await api.ask(CUT % sha("1"), role="operator")
        release = (await api.ask(CHANGELOG, release="v1.0.0"))["changelog"]
        left = (await api.ask(CHANGELOG))["changelog"]

    statuses = [
        recorded["recordCommits"]["status"],
        again["recordCommits"]["status"],
        repaired["overrideEntry"]["status"],
        cut["cutRelease"]["status"],
    ]
    assert statuses == ["DONE"] * 4
    assert recorded["recordCommits"]["repository"] == "acme/rocket"
    assert (draft["commits"], draft["revision"]) == ([sha("0"), sha("1")], 1)
    assert same == draft
    assert entry(release) == [
        ("security", "said better", "OVERRIDE"),
        ("added", "start", "PREFIX"),
    ]
    assert left is None


async def test_without_a_worker_the_answer_is_pending(api: Api) -> None:
    settings = msgspec.structs.replace(api.settings, submit_timeout_s=3.0)
    async with TestClient(ApiServer(create_app(settings))) as client:
        impatient = Api(client, settings, {})
        impatient.tokens["operator"] = (await impatient.login("operator"))["accessToken"]
        answer = await impatient.ask(RECORD, role="operator", commits=COMMITS)

    assert answer["recordCommits"]["status"] == "PENDING"
