"""Connections are lent to all who ask, and none that is broken or busy is lent again."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from graphql_api.errors import ApiError
from graphql_api.store.loans import Lender
from schemas.db.pool import Connection, Pool

pytestmark = pytest.mark.integration

CONNECTIONS = 6
KEPT = 4
OWN_PID = "SELECT pg_backend_pid()"


async def keep_state(_connection: Connection) -> None:
    """The product's pools have nothing to reset either."""


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    async with asyncpg.create_pool(
        database, min_size=0, max_size=CONNECTIONS, reset=keep_state
    ) as opened:
        yield opened
        opened.terminate()


async def test_one_after_the_other_shares_a_connection(pool: Pool) -> None:
    lender, seen = Lender(pool), set()
    for _ in range(5):
        async with lender.loan() as connection:
            seen.add(await connection.fetchval(OWN_PID))

    assert len(seen) == 1


async def test_many_at_once_wait_for_each_other(pool: Pool) -> None:
    lender = Lender(pool)

    async def ask(number: int) -> int:
        async with lender.loan() as connection:
            value: int = await connection.fetchval("SELECT $1::int FROM pg_sleep(0.01)", number)
            return value

    answers = await asyncio.gather(*(ask(number) for number in range(10 * CONNECTIONS)))

    assert answers == list(range(10 * CONNECTIONS))
    assert pool.get_size() == CONNECTIONS
    assert pool.get_idle_size() == CONNECTIONS - KEPT


async def test_a_connection_that_ended_meanwhile_is_not_lent(
    pool: Pool, connection: Connection
) -> None:
    lender = Lender(pool)
    async with lender.loan() as lent:
        pid = await lent.fetchval(OWN_PID)
    ended = asyncio.Event()
    lent.add_termination_listener(lambda _: ended.set())
    await connection.fetchval("SELECT pg_terminate_backend($1)", pid)
    async with asyncio.timeout(10):
        await ended.wait()

    async with lender.loan() as another:
        assert await another.fetchval(OWN_PID) != pid


async def test_a_statement_that_is_given_up_does_not_block_the_next(pool: Pool) -> None:
    lender = Lender(pool)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1), lender.loan() as lent:
            await lent.execute("SELECT pg_sleep(600)")
    with pytest.raises(ApiError, match="took too long"):
        async with lender.loan() as lent:
            await lent.execute("SELECT pg_sleep(600)", timeout=0.1)

    async with asyncio.timeout(10), lender.loan() as lent:
        assert await lent.fetchval("SELECT 1") == 1


async def test_a_refused_statement_leaves_a_usable_connection(pool: Pool) -> None:
    lender = Lender(pool)
    with pytest.raises(asyncpg.UndefinedTableError):
        async with lender.loan() as lent:
            await lent.execute("SELECT * FROM nothing_of_this_name")

    async with lender.loan() as lent:
        assert await lent.fetchval("SELECT 1") == 1
    assert pool.get_size() == 1
