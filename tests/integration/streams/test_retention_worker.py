"""Retention as it runs: in the finalizer's process, with its metrics."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from urllib.request import urlopen

import asyncpg
import pytest

from aiops.local.ports import free_port
from schemas.db.pool import Connection
from tests.stored_lines import pass_days
from tests.workers import EXIT_TIMEOUT_S, running_worker, worker_settings

pytestmark = pytest.mark.integration

# Nothing listens there: the finalizer needs no broker.
NO_BROKER = "127.0.0.1:9"
# Of the summaries, the changelogs and the replays.
LEADERS = 3
COUNT_LOCKS = """
SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database
WHERE locktype = 'advisory' AND granted AND datname = current_database()
"""
SELECT_SHELVES = "SELECT array_agg(shelf ORDER BY shelf) FROM log_shelves"


async def until(is_true: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again, for as long as a worker may take."""
    started = time.monotonic()
    while not await is_true():
        assert time.monotonic() - started < EXIT_TIMEOUT_S
        await asyncio.sleep(0.1)


async def until_shelves(connection: Connection, wanted: list[int]) -> None:
    async def are_there() -> bool:
        return bool(await connection.fetchval(SELECT_SHELVES) == wanted)

    await until(are_there)


def metrics(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics") as response:
        return str(response.read().decode())


async def shows(port: int, line: str) -> bool:
    return line in await asyncio.to_thread(metrics, port)


async def test_the_finalizer_begins_and_drops_shelves_and_counts_them(database: str) -> None:
    port = free_port()
    settings = worker_settings(NO_BROKER, database, "logs", AIOPS_RETENTION_DAYS="3")
    connection = await asyncpg.connect(database)
    await pass_days(connection, 1)
    with running_worker("finalizer", settings=settings):
        await until_shelves(connection, [0, 1])
    await pass_days(connection, 3)

    with running_worker("finalizer", "--metrics-port", str(port), settings=settings):
        await until_shelves(connection, [1, 2])
        # They are set once all is done.
        await until(lambda: shows(port, "aiops_log_shelves 2.0"))
        shown = await asyncio.to_thread(metrics, port)

    await connection.close()
    assert "aiops_log_shelves_dropped_total 1.0" in shown
    assert "aiops_log_shelves_overdue 0.0" in shown


async def test_without_retention_all_lines_stay_on_one_shelf(database: str) -> None:
    settings = worker_settings(NO_BROKER, database, "logs")
    connection = await asyncpg.connect(database)
    await pass_days(connection, 1_000)

    async def leads() -> bool:
        return bool(await connection.fetchval(COUNT_LOCKS) == LEADERS)

    with running_worker("finalizer", settings=settings):
        await until(leads)
        shelves = await connection.fetchval(SELECT_SHELVES)

    await connection.close()
    assert shelves == [0]


async def test_a_user_who_may_not_drop_tables_ends_the_finalizer_with_the_reason(
    database: str,
) -> None:
    connection = await asyncpg.connect(database)
    await pass_days(connection, 1)
    await connection.execute("DROP ROLE IF EXISTS aiops_test_no_owner")
    await connection.execute("CREATE ROLE aiops_test_no_owner LOGIN PASSWORD 'test'")
    await connection.execute(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO aiops_test_no_owner"
    )
    server = database.rpartition("@")[2]
    settings = worker_settings(
        NO_BROKER,
        f"postgresql://aiops_test_no_owner:test@{server}",
        "logs",
        AIOPS_RETENTION_DAYS="3",
    )

    with running_worker("finalizer", settings=settings) as worker:
        status = await asyncio.to_thread(worker.wait)
        printed = worker.printed()

    await connection.execute("DROP OWNED BY aiops_test_no_owner")
    await connection.execute("DROP ROLE aiops_test_no_owner")
    await connection.close()
    assert status == 2
    assert "AIOPS_RETENTION_DAYS: the finalizer's database user must own" in printed
