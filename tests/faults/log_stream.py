"""A stream of logs under faults, and the check that nothing is lost, repeated or altered."""

import asyncio
import random
import time
from collections.abc import Sequence

import asyncpg
import msgspec

from schemas.settings import Settings
from streams.finalizer import Finalizer
from tests.ledger import (
    NO_DIFFERENCE,
    PATIENCE_S,
    POLL_S,
    difference,
    produce,
    read_topic,
    stored_partitions,
    total,
    wait_until,
    wait_until_stored,
)
from tests.log_records import START_MS, log_value
from tests.workers import worker_settings

SLICES = 10
SLICE_MS = 120_000
# Small batches, so that a fault strikes in the midst of many.
BATCH_RECORDS = "40"
WRITERS = "SELECT count(DISTINCT writer) FROM stream_offsets"


class LogStream(msgspec.Struct, kw_only=True):
    """One topic of logs on a broker, and the database it is stored in."""

    bootstrap: str
    dsn: str
    topic: str
    partitions: int

    def settings(self, *, dsn: str | None = None, **more: str) -> dict[str, str]:
        """Return a worker's settings; `dsn` when it reaches the database another way."""
        return worker_settings(
            self.bootstrap,
            dsn or self.dsn,
            self.topic,
            AIOPS_BATCH_RECORDS=BATCH_RECORDS,
            **more,
        )

    def produce(self, count: int, *, seed: int) -> None:
        """Send records that are all different, over some windows of event time."""
        chooser = random.Random(seed)
        values = [log_value(chooser, number) for number in range(count)]
        size = -(-count // SLICES)
        for part in range(SLICES):
            produce(
                self.bootstrap,
                self.topic,
                values[part * size : (part + 1) * size],
                timestamp_ms=START_MS + part * SLICE_MS,
            )

    async def wait_for_progress(self, records: int, *, timeout_s: float = PATIENCE_S) -> float:
        """Return the seconds until so many records are stored."""
        return await wait_until(
            lambda stored: sum(stored.values()) >= records,
            self.dsn,
            self.topic,
            timeout_s=timeout_s,
        )

    async def stored_count(self) -> int:
        """Return how many offsets are stored."""
        return sum((await stored_partitions(self.dsn, self.topic)).values())

    async def wait_for_writers(self, count: int) -> None:
        """Wait until so many workers have partitions to write."""
        deadline = time.monotonic() + PATIENCE_S
        connection = await asyncpg.connect(self.dsn)
        try:
            while (writers := await connection.fetchval(WRITERS)) != count:
                assert time.monotonic() < deadline, f"{writers} writers, not {count}"
                await asyncio.sleep(POLL_S)
        finally:
            await connection.close()

    async def check(self, count: int) -> None:
        """Wait until all is stored; compare lines, counts and summaries with the records."""
        truth = read_topic(self.bootstrap, self.topic, self.partitions)
        await wait_until_stored(self.dsn, self.topic, truth)

        assert len(truth) == count
        assert await difference(self.dsn, self.topic, truth) == NO_DIFFERENCE
        lines = await total(self.dsn, "SELECT sum(lines) FROM log_chunks")
        await self._finalize()
        for statement in COUNTS_OF_LINES:
            assert await total(self.dsn, statement) == lines, statement
        assert await total(self.dsn, "SELECT count(*) FROM offset_gaps") == 0

    async def _finalize(self) -> None:
        connection = await asyncpg.connect(self.dsn)
        finalizer = Finalizer(connection, Settings())
        while await finalizer.run_cycle():
            pass
        await connection.close()


COUNTS_OF_LINES: Sequence[str] = (
    "SELECT sum(events) FROM log_blocks",
    "SELECT sum(lines) FROM log_counts",
    "SELECT sum(count) FROM log_counts, unnest(counts) AS count",
    "SELECT sum(lines) FROM log_block_shapes",
    "SELECT sum(lines) FROM log_window_summaries",
)
