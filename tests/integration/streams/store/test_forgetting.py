from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import asyncpg
import pytest

from schemas.db.pool import Connection
from streams.domain.log_lines import LinePreparer, PreparedRecord
from streams.domain.windows import MINUTE_NS
from streams.offsets import OffsetSpan, PartitionRange, advance_offset, claim_partition
from streams.store.forgetting import forget_topic
from streams.store.logs import append_records
from tests.checksums import table_checksums
from tests.log_records import log_records

pytestmark = pytest.mark.integration

WRITER = UUID(int=1)


@pytest.fixture
async def connection(database: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


async def store(connection: Connection, topic: str, prepared: Sequence[PreparedRecord]) -> None:
    end = prepared[-1].offset + 1
    held = PartitionRange(topic=topic, partition=0, beginning=0, end=end)
    await claim_partition(connection, held, WRITER)
    span = OffsetSpan(topic=topic, partition=0, first=0, end=end)
    await append_records(connection, span, prepared, window_ns=5 * MINUTE_NS)
    await advance_offset(connection, span, max_event_ns=0, writer=WRITER)


async def test_a_forgotten_topic_leaves_nothing_but_windows_to_recompute(
    connection: Connection,
) -> None:
    preparer = LinePreparer()
    prepared = [preparer.prepare(one) for one in log_records(500)]
    await store(connection, "kept", prepared)
    kept = await table_checksums(connection)
    await store(connection, "gone", prepared)
    await connection.execute("UPDATE log_dirty_windows SET generation = 1")

    offsets = await forget_topic(connection, "gone", window_minutes=5)

    assert offsets == prepared[-1].offset + 1
    assert await table_checksums(connection) == kept
    marks = "SELECT service, start_ns, generation FROM log_dirty_windows WHERE topic = $1"
    gone = {tuple(row) for row in await connection.fetch(marks, "gone")}
    before = {tuple(row) for row in await connection.fetch(marks, "kept")}
    assert gone == {(service, start_ns, 2) for service, start_ns, _ in before}


async def test_a_topic_not_known_is_told(connection: Connection) -> None:
    assert await forget_topic(connection, "unknown", window_minutes=5) is None
