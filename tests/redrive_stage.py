"""A topic with dead letters on the real broker and database, and redrives of it."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

import msgspec

from schemas.db.pool import Pool
from schemas.records import DeadLetter, Rejection, SourceRecord
from streams.dead_letters import DeadLetterProducer, insert_dead_letters
from streams.redrive import Outcome, Redriver, RedriveRequest, Repair
from tests.ledger import read_topic

NOW_MS = int(time.time() * 1000)


class Counts:
    """Counts what a redrive tells."""

    def __init__(self) -> None:
        self.records = 0
        self.outcomes: Counter[Outcome] = Counter()

    def planned(self, records: int) -> None:
        self.records = records

    def record_done(self, outcome: Outcome) -> None:
        self.outcomes[outcome] += 1


class Stage:
    """A topic of two partitions with its dead letters."""

    def __init__(self, bootstrap: str, pool: Pool, topic: str) -> None:
        self.bootstrap = bootstrap
        self.pool = pool
        self.topic = topic

    def rejected(self, offset: int, *, partition: int = 0, **changes: object) -> DeadLetter:
        """Return a letter of a binary record, made now."""
        record = SourceRecord(
            topic=self.topic,
            partition=partition,
            offset=offset,
            value=b"\x00value %d" % offset,
            timestamp_ms=NOW_MS,
        )
        return DeadLetter(
            record=msgspec.structs.replace(record, **changes), rejection=Rejection("binary")
        )

    async def produce(self, letters: Sequence[DeadLetter], *, with_rows: bool = True) -> None:
        """Do what a worker does with letters."""
        producer = DeadLetterProducer(self.bootstrap)
        try:
            await producer.produce(letters)
        finally:
            await producer.stop()
        if with_rows:
            async with self.pool.acquire() as connection:
                await insert_dead_letters(connection, letters)

    async def redrive(
        self,
        *,
        reason: str | None = None,
        limit: int | None = None,
        is_dry_run: bool = False,
        repair: Repair | None = None,
    ) -> Counter[Outcome]:
        """Return what became of the letters."""
        counts = Counts()
        request = RedriveRequest(
            topic=self.topic, reason=reason, limit=limit, is_dry_run=is_dry_run
        )
        redriver = Redriver(self.bootstrap, self.pool, request, repair=repair)
        await redriver.run(counts, asyncio.Event())
        return counts.outcomes

    def arrived(self) -> list[bytes | None]:
        """Return the values that came back to the topic, by partition and offset."""
        found = read_topic(self.bootstrap, self.topic, 2)
        return [value for _, value in sorted(found.items())]

    async def open_letters(self) -> int:
        """Return how many letters are not marked."""
        count: int = await self.pool.fetchval(
            "SELECT count(*) FROM dead_letters WHERE redriven_at IS NULL"
        )
        return count
