"""Clocks that are wrong: those of shippers move records, ours moves nothing."""

import random

import asyncpg
import pytest

from schemas.db.migrate import migrate
from tests.checksums import Checksum, table_checksums
from tests.faults.log_stream import LogStream
from tests.ledger import produce, total
from tests.log_records import START_MS, log_value
from tests.workers import AiopsProcess, running, running_worker

pytestmark = [pytest.mark.integration, pytest.mark.fault, pytest.mark.timeout(300)]

RECORDS = 500
HOUR_MS = 3_600_000
JUMPS_MS = (0, HOUR_MS, -HOUR_MS, 0, HOUR_MS, 0)
THREE_DAYS_S = "-259200"
SHIFTED = ("tests.faults.shifted_clock", THREE_DAYS_S)
SELECT_WINDOWS = "SELECT count(DISTINCT start_ns) FROM log_window_summaries"


def produce_with_jumps(stream: LogStream) -> int:
    """Send records whose clock goes an hour ahead, an hour behind, and back; return how many."""
    chooser = random.Random(37)
    for number, jump_ms in enumerate(JUMPS_MS):
        values = [log_value(chooser, number * RECORDS + one) for one in range(RECORDS)]
        produce(stream.bootstrap, stream.topic, values, timestamp_ms=START_MS + jump_ms)
    return len(JUMPS_MS) * RECORDS


async def derived(dsn: str) -> dict[str, Checksum]:
    connection = await asyncpg.connect(dsn)
    try:
        return await table_checksums(connection)
    finally:
        await connection.close()


async def test_windows_follow_the_records_whatever_the_clocks_say(
    log_stream: LogStream, empty_database: str
) -> None:
    """Shippers' clocks jump; a second worker, whose own clock is wrong, stores the same."""
    await migrate(empty_database)
    misled = LogStream(
        bootstrap=log_stream.bootstrap,
        dsn=empty_database,
        topic=log_stream.topic,
        partitions=log_stream.partitions,
    )
    count = produce_with_jumps(log_stream)
    with running_worker("logs", settings=log_stream.settings()):
        await log_stream.check(count)
    settings = misled.settings(AIOPS_GROUP_PREFIX="misled")
    with running(AiopsProcess("worker", "logs", settings=settings, module=SHIFTED)):
        await misled.check(count)

    assert await total(log_stream.dsn, SELECT_WINDOWS) == len(set(JUMPS_MS))
    assert await derived(misled.dsn) == await derived(log_stream.dsn)
