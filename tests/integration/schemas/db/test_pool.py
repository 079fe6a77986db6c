"""What a pool's user meets when the server ends a connection."""

import asyncio

import asyncpg
import pytest

from schemas.db.pool import CONNECTION_ERRORS, open_pool
from tests.conftest import execute
from tests.faults.proxy import proxied_dsn

pytestmark = pytest.mark.integration

END_POOL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ended'
"""


async def test_between_farewell_and_end_a_connection_fails_once_as_one_that_is_gone(
    database: str,
) -> None:
    with proxied_dsn(database) as (proxy, dsn):
        pool = await open_pool(dsn, application_name="ended", max_size=1)
        try:
            proxy.keep_ends()
            await execute(database, END_POOL)
            await asyncio.to_thread(proxy.wait_for_end)
            await asyncio.sleep(0)
            with pytest.raises(CONNECTION_ERRORS) as caught:
                await pool.execute("SELECT 1")

            assert isinstance(caught.value, asyncpg.InternalClientError)
            assert await pool.fetchval("SELECT 1") == 1
        finally:
            pool.terminate()
