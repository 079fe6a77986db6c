"""Changelogs with 100,000 commits stored: `python -m bench.commits [--repositories 10]`.

Measured are the time from a new commit to its written draft, and the answer to a `changelog` query
with all its parts, on an embedded Postgres. Wall and CPU (this process) are told apart: the clock
says little on a busy machine.
"""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import asyncpg
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from graphql_api.app import create_app
from graphql_api.auth import administration
from graphql_api.auth.administration import Actor
from graphql_api.auth.principal import Origin, Principal, Role
from schemas.db.migrate import migrate
from schemas.db.pool import Connection
from schemas.settings import Settings
from schemas.telemetry import configure_logging
from streams.changelog_writer import ChangelogWriter
from streams.domain.changelog.config import ChangelogConfig
from streams.offsets import OffsetSpan
from streams.store.commits import append_statements
from streams.worker import CHANGELOG_INTERVAL_S
from tests.commit_records import AUTHORS, Payload, commit_payload, prepare_payloads, tag_payload
from tests.servers import embedded_postgres

COMMITS: Final = 100_000
RELEASE_EVERY: Final = 100
BATCH: Final = 5_000
ROUNDS: Final = 40
ACTOR: Final = Actor(
    Principal(subject="bench", name="bench", role=Role.ADMIN, expires_at=0.0),
    Origin(request_id="bench", address="local"),
)
KINDS: Final = ("feat", "fix", "docs", "chore(deps)", "refactor", "perf", "test", "feat(api)!")
WORDS: Final = ("the", "cache", "parser", "stream", "topic", "reader", "of", "a", "stale", "lock")
QUERY: Final = """
query($repo: String!, $release: String) { changelog(repo: $repo, release: $release) {
  revision contentHash commitCount commits(first: 500) markdown
  release { name version previous date kind }
  sections { key title entryCount entries { id type scope subject breaking shas authors
    references { prefix issue } decidedBy confidence } }
  excluded(first: 500) { sha reason } bump { level next reasons(first: 500) { level sha } }
  contributors { name commits firstTime } dependencies { name from to } reverts { by effect } } }
"""


def history(repository: str, count: int) -> Iterator[Payload]:
    """Yield a line of commits with short side branches, a tag every hundred."""
    rng = random.Random(repository)
    for number in range(count):
        name, previous = f"{repository}{number}", f"{repository}{number - 1}" if number else ""
        parents = previous
        if number % 10 == 9:
            parents += f" {repository}{number - 5}"
        words = " ".join(rng.choices(WORDS, k=6))
        message = f"{rng.choice(KINDS)}: {words} {number} (#{number})\n\n{words} " * 2
        yield commit_payload(name, message, parents, at=number * 60, author=rng.choice(AUTHORS))
        if number % RELEASE_EVERY == RELEASE_EVERY - 1 and number < count - RELEASE_EVERY:
            yield tag_payload(f"v1.{number // RELEASE_EVERY}.0", name, at=number * 60 + 1)


class Stream:
    """Writes payloads at the next offsets of one partition, as the commits agent does."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._offset = 0

    async def write(self, repository: str, payloads: list[Payload]) -> None:
        """Write one batch."""
        named: list[Payload] = [{**one, "repository": repository} for one in payloads]
        prepared = prepare_payloads(named, first_offset=self._offset)
        span = OffsetSpan(
            topic="commits.raw",
            partition=0,
            first=self._offset,
            end=self._offset + len(named),
        )
        async with self._connection.transaction():
            await append_statements(self._connection, span, prepared)
        self._offset = span.end


async def measured(
    rounds: int, work: Callable[[int], Awaitable[object]]
) -> tuple[list[float], list[float]]:
    """Return the wall and CPU milliseconds of each round."""
    walls, cpus = [], []
    for number in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        await work(number)
        walls.append((time.perf_counter() - wall) * 1e3)
        cpus.append((time.process_time() - cpu) * 1e3)
    return walls, cpus


def report(what: str, target: str, figures: tuple[list[float], list[float]]) -> None:
    shown = [
        f"{name} p50 {statistics.median(values):.1f} ms, p95 {percentile(values):.1f} ms"
        for name, values in zip(("wall", "CPU"), figures, strict=True)
    ]
    print(f"{what:<44} target {target:<18} {'; '.join(shown)}", flush=True)


def percentile(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * 95 // 100)]


async def measure_drafts(stream: Stream, writer: ChangelogWriter, repositories: list[str]) -> None:
    """Measure from the batch of a new commit to the commit of its draft."""
    count = COMMITS // len(repositories)

    async def one_more(number: int) -> None:
        repository = repositories[number % len(repositories)]
        place = count + number // len(repositories)
        payload = commit_payload(
            f"{repository}{place}", f"feat: one more {number}", f"{repository}{place - 1}",
            at=place * 60,
        )  # fmt: skip
        await stream.write(repository, [payload])
        await writer.run_cycle()

    figures = await measured(ROUNDS, one_more)
    report("new commit -> written draft", "p95 <= 1,000 ms", figures)
    print(f"  and the leader looks each {CHANGELOG_INTERVAL_S * 1e3:.0f} ms")


async def measure_queries(dsn: str, connection: Connection, repositories: list[str]) -> None:
    """Measure `changelog` over HTTP, client and server in this process."""
    key = await administration.create_api_key(
        connection, ACTOR, name="bench", role=Role.VIEWER, days=1
    )
    settings = Settings(
        postgres_dsn=dsn, kafka_bootstrap="127.0.0.1:9", api_cost_per_second=1_000_000_000
    )
    configure_logging("ERROR")
    headers = {"Authorization": f"Bearer {key.secret}"}
    async with TestClient(TestServer(create_app(settings))) as client:

        async def ask(number: int) -> None:
            release = None if number % 2 else f"v1.{number % 50}.0"
            variables = {"repo": repositories[number % len(repositories)], "release": release}
            answer = await ask_once(client, headers, variables)
            assert answer["data"]["changelog"]["commitCount"] > 0, answer

        await ask(0)
        report("changelog query, all parts", "p95 <= 50 ms", await measured(5 * ROUNDS, ask))


async def ask_once(
    client: "TestClient[web.Request, web.Application]",
    headers: dict[str, str],
    variables: dict[str, str | None],
) -> Any:
    body = {"query": QUERY, "variables": variables}
    async with client.post("/graphql", json=body, headers=headers) as response:
        return msgspec.json.decode(await response.read())


async def run(dsn: str, repository_count: int) -> None:
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    stream, writer = Stream(connection), ChangelogWriter(connection, ChangelogConfig())
    repositories = [f"repository-{number}" for number in range(repository_count)]
    for repository in repositories:
        payloads = list(history(repository, COMMITS // repository_count))
        for start in range(0, len(payloads), BATCH):
            await stream.write(repository, payloads[start : start + BATCH])

    async def write_all(_: int) -> None:
        await writer.run_cycle()

    report(f"first write of {COMMITS} commits", "-", await measured(1, write_all))
    await connection.execute("ANALYZE")
    await measure_drafts(stream, writer, repositories)
    await measure_queries(dsn, connection, repositories)
    await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repositories", type=int, default=10)
    given = parser.parse_args()
    with embedded_postgres() as postgres:
        print(f"{COMMITS} commits in {given.repositories} repositories")
        asyncio.run(run(postgres.dsn, given.repositories))


if __name__ == "__main__":
    main()
