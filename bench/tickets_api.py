"""Tickets over GraphQL's store at 50,000 tickets of one project: `python -m bench.tickets_api`.

similar  CPU and wall milliseconds of a search for similar tickets, p50 and p95; loading; memory
lists    the same of pages, filters, the queue and the quality

The server is AIOPS_TEST_POSTGRES, else an embedded one. CPU time is that of this process,
which does all but the database's work; texts are made of seeded words of falling frequency.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Final

import asyncpg
import msgspec
import numpy as np
import psutil

from graphql_api.similar_tickets import SimilarTickets
from graphql_api.store.database import Database
from graphql_api.store.ticket_texts import TicketText
from graphql_api.store.tickets import TicketFilter, select_queue, select_tickets
from graphql_api.store.triage_quality import QualityFilter, select_deciles
from schemas.db.migrate import migrate
from schemas.db.pool import Connection
from schemas.topics import TICKETS_RAW
from streams.domain.triage.triages import FieldTriage, Reason, Triage
from tests.conftest import execute, unique_name, with_database
from tests.servers import postgres_address

TICKETS: Final = 50_000
SEARCHES: Final = 300
PAGES: Final = 100
PROJECT: Final = "bench"
FIELDS: Final = ("category", "priority", "team", "component")
WORDS: Final = 30_000


class Texts:
    """Seeded texts."""

    def __init__(self) -> None:
        letters = random.Random(1)
        self._random = np.random.default_rng(1)
        self._words = np.array(
            ["".join(letters.choices("aeiounrtslmdkpgb", k=2 + n % 9)) for n in range(WORDS)]
        )
        shares = 1.0 / np.arange(2, WORDS + 2)
        self._bounds = np.cumsum(shares / shares.sum())

    def text(self, count: int) -> str:
        """Return so many words."""
        ranks = np.searchsorted(self._bounds[:-1], self._random.random(count))
        return " ".join(self._words[ranks])

    def body(self) -> str:
        """Return 20 to 140 words."""
        return self.text(int(self._random.integers(20, 140)))


def document(number: int) -> bytes:
    """Return a triage of the usual size."""
    field = FieldTriage(
        value=f"value {number % 50}",
        confidence=number % 100 / 100,
        top=tuple((f"value {one}", 0.1) for one in range(10)),
        reasons=tuple(Reason(kind="term", term=f"word{one}", weight=0.5) for one in range(5)),
        needs_human=number % 10 < 4,
    )
    return msgspec.json.encode(Triage(fields=dict.fromkeys(FIELDS, field), feedback_count=9))


async def seed(connection: Connection) -> None:
    texts = Texts()
    rows = [
        (PROJECT, f"T-{n:05}", n, b"h", texts.text(8), texts.body(), "open", n, "own", "{}", "{}")
        for n in range(TICKETS)
    ]
    columns = ["project", "ticket_id", "revision", "content_hash", "title", "body", "status"]
    columns += ["created_ns", "source", "labels", "metadata"]
    await connection.copy_records_to_table("tickets", records=rows, columns=columns)
    triages = [(PROJECT, f"T-{n:05}", b"h", 0, document(n), n % 10 < 4) for n in range(TICKETS)]
    columns = ["project", "ticket_id", "content_hash", "feedback_offset", "document", "needs_human"]
    await connection.copy_records_to_table("ticket_triages", records=triages, columns=columns)
    fields = [
        (PROJECT, f"T-{n:05}", name, f"value {n % 50}", n % 100 / 100, n % 10 < 4)
        for n in range(TICKETS)
        for name in FIELDS
    ]
    await connection.copy_records_to_table("triage_fields", records=fields)
    # Half of the queue is answered.
    said = [(n, PROJECT, f"T-{n:05}", False, "ann", n, b"") for n in range(0, TICKETS, 2)]
    await connection.copy_records_to_table("feedback_events", records=said)
    outcomes = [
        (n, name, PROJECT, "a", n % 100 / 100, "b" if n % 3 else "a", False)
        for n in range(0, TICKETS, 2)
        for name in FIELDS
    ]
    await connection.copy_records_to_table("triage_outcomes", records=outcomes)
    await connection.execute(
        "INSERT INTO stream_offsets (topic, partition, next_offset) VALUES ($1, 0, 50000)",
        TICKETS_RAW.name,
    )
    await connection.execute("ANALYZE")


async def measured(name: str, count: int, ask: Callable[[int], Awaitable[object]]) -> None:
    cpu, wall = [], []
    for number in range(count):
        before, started = time.process_time(), time.perf_counter()
        await ask(number)
        cpu.append((time.process_time() - before) * 1000)
        wall.append((time.perf_counter() - started) * 1000)
    figures = " ".join(f"{one:8.2f}" for one in (*spread(cpu), *spread(wall)))
    print(f"{name:34} {figures}   CPU p50 p95, wall p50 p95 [ms]", flush=True)


def spread(values: list[float]) -> tuple[float, float]:
    return statistics.median(values), statistics.quantiles(values, n=20)[18]


async def similar(database: Database) -> None:
    process, texts = psutil.Process(), Texts()
    rss, cpu, started = process.memory_info().rss, time.process_time(), time.perf_counter()
    service = SimilarTickets(database, max_tickets=100_000)
    searches = [0]

    async def search(number: int) -> None:
        asked = TicketText("", 0, texts.text(8), texts.body())
        found = await service.search(PROJECT, asked, 10, only_earlier=False)
        searches[0] = found.indexed
        assert found.is_complete or number < 0

    while searches[0] < TICKETS:
        await search(-1)
    mib = (process.memory_info().rss - rss) / 2**20
    print(f"loaded in {time.process_time() - cpu:.1f} CPU s, {time.perf_counter() - started:.1f} s")
    print(f"held: {mib:.0f} MiB", flush=True)
    await search(-1)
    await measured("similar tickets, by text", SEARCHES, search)
    await service.close()


async def lists(database: Database) -> None:
    everything = TicketFilter(project=None, status=None, needs_human=None, values=(), after=None)

    async def page(**changes: object) -> None:
        rows = await select_tickets(database, msgspec.structs.replace(everything, **changes), 51)
        assert len(rows) == 51 or changes.get("status")

    async def queue(project: str | None) -> None:
        assert len(await select_queue(database, project, None, 51)) == 51

    async def quality() -> None:
        wanted = QualityFilter(project=PROJECT, field="team", since_ns=0)
        assert len(await select_deciles(database, wanted, 100)) == 10

    both = (("category", "value 7"), ("team", "value 7"))
    await measured("tickets(first: 50)", PAGES, lambda _: page())
    await measured("  project", PAGES, lambda _: page(project=PROJECT))
    await measured("  needsHuman", PAGES, lambda _: page(needs_human=True))
    await measured("  two values of 50", PAGES, lambda _: page(values=both))
    await measured(
        "  project, two values of 50", PAGES, lambda _: page(project=PROJECT, values=both)
    )
    await measured("  a status that no ticket has", 20, lambda _: page(status="none"))
    await measured("triageQueue(first: 50)", 20, lambda _: queue(None))
    await measured("triageQueue(project, first: 50)", 20, lambda _: queue(PROJECT))
    await measured("triageQuality(project, field)", 20, lambda _: quality())


async def run(server: str) -> None:
    name = unique_name("bench_tickets_")
    await execute(server, f'CREATE DATABASE "{name}"')
    dsn = with_database(server, name)
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    await seed(connection)
    await connection.close()
    database = Database(dsn, max_connections=4, statement_timeout_s=60)
    await database.open()
    await similar(database)
    await lists(database)
    await database.close()
    await execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def main() -> None:
    with ExitStack() as resources:
        asyncio.run(run(postgres_address(resources)))


if __name__ == "__main__":
    main()
