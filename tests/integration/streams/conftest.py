"""What the tests of the workers share."""

from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from schemas.db.pool import Connection
from schemas.topics import MAX_RECORD_BYTES, dead_letter_topic
from tests.conftest import MakeTopic

MakeLogsTopic = Callable[..., str]
LARGE = {"max.message.bytes": str(MAX_RECORD_BYTES)}


@pytest.fixture
async def connection(database: str) -> AsyncIterator[Connection]:
    """A connection to the test's database."""
    opened = await asyncpg.connect(database)
    yield opened
    await opened.close()


@pytest.fixture
def make_logs_topic(make_topic: MakeTopic) -> MakeLogsTopic:
    """Make a topic of logs with its dead letter topic."""

    def make(*, partitions: int = 1, config: dict[str, str] | None = None) -> str:
        make_topic(dead_letter_topic("logs"), partitions=partitions, config=LARGE)
        return make_topic("logs", partitions=partitions, config=LARGE | (config or {}))

    return make
