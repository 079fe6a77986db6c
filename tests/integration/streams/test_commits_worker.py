"""Changelogs made by worker processes on a real broker: any order, kills, replays, resends."""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from aiops.local.kafka import Kafka
from aiops.topics import create_topics
from schemas.topics import COMMITS_RAW
from streams.changelog_writer import ChangelogWriter
from streams.domain.changelog.config import ChangelogConfig
from streams.offsets import OffsetSpan
from streams.store.commits import append_statements
from tests.checksums import Checksum, table_checksums
from tests.commit_records import REPOSITORY, Payload, history, prepare_payloads
from tests.ledger import POLL_S, produce, read_topic, wait_until, wait_until_stored
from tests.workers import ROOT, running_worker, worker_settings

pytestmark = pytest.mark.integration

TOPIC = COMMITS_RAW.name
SAID = ("commit_contents", "commits", "changelogs")
SETTLED_TIMEOUT_S = 60.0


def prepare(kafka: Kafka, dsn: str, partitions: int) -> dict[str, str]:
    """Make the topics and return the workers' settings."""
    create_topics(kafka.bootstrap, log_topics=[], replication=1, partitions={TOPIC: partitions})
    return worker_settings(kafka.bootstrap, dsn, "logs.raw")


def send(kafka: Kafka, payloads: Sequence[Payload], partitions: int) -> None:
    """Spread payloads over the partitions, though their key would keep them together."""
    for partition in range(partitions):
        values = [
            msgspec.json.encode({**one, "repository": REPOSITORY})
            for one in payloads[partition::partitions]
        ]
        produce(kafka.bootstrap, TOPIC, values, partition=partition)


async def settle(kafka: Kafka, dsn: str, partitions: int) -> None:
    """Wait until all records are stored and all changelogs hold them."""
    truth = read_topic(kafka.bootstrap, TOPIC, partitions)
    await wait_until_stored(dsn, TOPIC, truth)
    connection = await asyncpg.connect(dsn)
    deadline = time.monotonic() + SETTLED_TIMEOUT_S
    while await connection.fetchval("SELECT count(*) FROM dirty_repositories"):
        assert time.monotonic() < deadline, "the changelogs are not written"
        await asyncio.sleep(POLL_S)
    await connection.close()


async def sums(dsn: str) -> dict[str, Checksum]:
    connection = await asyncpg.connect(dsn)
    found = await table_checksums(connection)
    await connection.close()
    return {table: found[table] for table in SAID}


async def changelogs(dsn: str) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT release, revision, document FROM changelogs ORDER BY 1")
    await connection.close()
    return [tuple(row) for row in rows]


async def expected_sums(dsn: str, payloads: Sequence[Payload]) -> dict[str, Checksum]:
    """Return what payloads in order, once each, give; the tables are empty again afterwards."""
    connection = await asyncpg.connect(dsn)
    span = OffsetSpan(topic="expected", partition=0, first=0, end=len(payloads))
    await append_statements(connection, span, prepare_payloads(payloads))
    await ChangelogWriter(connection, ChangelogConfig()).run_cycle()
    found = await sums(dsn)
    await connection.execute(
        "TRUNCATE commit_contents, commit_events, dirty_repositories, commits, changelogs"
    )
    await connection.close()
    return found


def aiops(settings: Mapping[str, str], *arguments: str) -> str:
    """Run a command and return what it prints."""
    inherited = {name: text for name, text in os.environ.items() if name[:6] != "AIOPS_"}
    done = subprocess.run(
        [sys.executable, "-m", "aiops", *arguments],
        env=inherited | dict(settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def disordered(
    payloads: Sequence[Payload], rng: random.Random
) -> tuple[list[Payload], list[Payload], list[Payload]]:
    """Return the commits in two halves, shuffled, 30 % twice, and all else, twice."""
    commits = [one for one in payloads if "kind" not in one]
    others = [one for one in payloads if "kind" in one] * 2
    commits += rng.sample(commits, len(commits) * 3 // 10)
    rng.shuffle(commits)
    rng.shuffle(others)
    half = len(commits) // 2
    return commits[:half], commits[half:], others


@pytest.mark.timeout(600)
@pytest.mark.parametrize("partitions", [1, 4])
async def test_disorder_repetitions_and_kills_leave_no_byte_different(
    own_kafka: Kafka, database: str, partitions: int
) -> None:
    settings = prepare(own_kafka, database, partitions)
    payloads = history(400)
    expected = await expected_sums(database, payloads)
    early, later, late_tags = disordered(payloads, random.Random(partitions))

    with (
        running_worker("interactive", settings=settings) as writer,
        running_worker("finalizer", settings=settings) as finalizer,
    ):
        send(own_kafka, early, partitions)
        await wait_until(lambda stored: sum(stored.values()) > 0, database, TOPIC)
        writer.kill()
        finalizer.kill()
        send(own_kafka, later, partitions)
        writer.start()
        finalizer.start()
        await settle(own_kafka, database, partitions)
        finalizer.kill()
        send(own_kafka, late_tags, partitions)
        finalizer.start()
        await settle(own_kafka, database, partitions)
        stored = await sums(database)
        before = await changelogs(database)
        report = msgspec.json.decode(aiops(settings, "replay", TOPIC, "--json"))
        await settle(own_kafka, database, partitions)

    assert stored == expected
    assert stored["changelogs"].rows > 40
    assert (report["blocks"], report["changed_blocks"]) == (partitions, 0)
    assert await changelogs(database) == before


def git(home: Path, *arguments: str) -> None:
    identity = {
        "GIT_AUTHOR_NAME": "Anna Lee", "GIT_AUTHOR_EMAIL": "anna@example.org",
        "GIT_COMMITTER_NAME": "Anna Lee", "GIT_COMMITTER_EMAIL": "anna@example.org",
        "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
    }  # fmt: skip
    subprocess.run(
        ["git", *arguments], cwd=home, env=os.environ | identity, check=True, capture_output=True
    )


def make_repository(home: Path) -> None:
    """Make a repository with a side branch, a merge, and a lightweight and an annotated tag."""
    git(home, "init", "-b", "main", ".")
    for number, message in enumerate(("feat: start", "fix: a (#1)", "docs: b")):
        (home / f"{number}.txt").write_text(message)
        git(home, "add", ".")
        git(home, "commit", "-m", message)
    git(home, "tag", "v1.0.0", "HEAD~1")
    git(home, "checkout", "-b", "side")
    git(home, "commit", "--allow-empty", "-m", "feat(api)!: drop it\n\nBREAKING CHANGE: it is gone")
    git(home, "checkout", "main")
    git(home, "merge", "--no-ff", "-m", "Merge branch 'side'", "side")
    git(home, "tag", "-a", "v2.0.0", "-m", "two")
    git(home, "commit", "--allow-empty", "-m", "feat: more")


@pytest.mark.timeout(600)
async def test_sending_a_repository_twice_changes_nothing(
    own_kafka: Kafka, database: str, tmp_path: Path
) -> None:
    settings = prepare(own_kafka, database, 1)
    repository = tmp_path / "rocket"
    repository.mkdir()
    make_repository(repository)

    with (
        running_worker("interactive", settings=settings),
        running_worker("finalizer", settings=settings),
    ):
        aiops(settings, "send", "commits", "--repo", str(repository))
        await settle(own_kafka, database, 1)
        first = await sums(database), await changelogs(database)
        printed = aiops(settings, "send", "commits", "--repo", str(repository))
        await settle(own_kafka, database, 1)
        second = await sums(database), await changelogs(database)

    assert printed.splitlines()[-1] == "sent 8 commits and tags of rocket to commits.raw"
    assert second == first
    assert [release for release, _, _ in first[1]] == ["", "v1.0.0", "v2.0.0"]
    v2 = msgspec.json.decode(first[1][2][2])
    assert [one["text"] for one in v2["breaking"]] == ["it is gone"]
    assert v2["bump"]["next"] == "2.0.0"
