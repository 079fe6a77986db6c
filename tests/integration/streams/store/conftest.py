"""What the tests of the ticket tables share."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from schemas.db.pool import Connection
from tests.ticket_records import Streams


@pytest.fixture
async def connection(database: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture
def streams(connection: Connection) -> Streams:
    """The handlers of a worker that has just started."""
    return Streams(connection)
