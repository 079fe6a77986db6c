"""Stored lines under test: written in batches, replayed, put on shelves, read back."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final
from uuid import UUID

from schemas.chunks import unpack_lines
from schemas.db.pool import Connection
from schemas.ids import BLOCK_RECORDS, block_of
from streams.domain.log_lines import PreparedRecord
from streams.domain.windows import MINUTE_NS
from streams.offsets import OffsetSpan, PartitionRange, advance_offset, claim_partition
from streams.retention import Retention
from streams.store.logs import append_records, replace_block
from tests.checksums import FINALIZED, Checksum, table_checksums

TOPIC: Final = "logs.raw"
WINDOW_NS: Final = 5 * MINUTE_NS
WRITER: Final = UUID(int=1)


def cut(records: Sequence[PreparedRecord], *sizes: int) -> list[Sequence[PreparedRecord]]:
    """Cut into batches of these sizes, over and over."""
    edges = [0]
    while edges[-1] < len(records):
        edges.append(edges[-1] + sizes[len(edges) % len(sizes)])
    return [records[start:end] for start, end in pairwise(edges)]


async def append(
    connection: Connection, records: Sequence[PreparedRecord], *, size: int = 1_100
) -> None:
    """Write records in batches, each in its transaction, as the agent does."""
    held = PartitionRange(topic=TOPIC, partition=0, beginning=records[0].offset, end=2**62)
    async with connection.transaction():
        stored = await claim_partition(connection, held, WRITER)
    for batch in cut(records, size):
        covered = OffsetSpan(topic=TOPIC, partition=0, first=stored, end=batch[-1].offset + 1)
        async with connection.transaction():
            await append_records(connection, covered, batch, window_ns=WINDOW_NS)
            await advance_offset(connection, covered, max_event_ns=0, writer=WRITER)
        stored = covered.end


async def replay(connection: Connection, records: Sequence[PreparedRecord]) -> list[bool]:
    """Replace every block; tell of each whether it changed."""
    end = records[-1].offset + 1
    changed = []
    for block in range(block_of(records[0].offset), block_of(end - 1) + 1):
        first, last = block * BLOCK_RECORDS, (block + 1) * BLOCK_RECORDS
        own = [one for one in records if first <= one.offset < last]
        span = OffsetSpan(topic=TOPIC, partition=0, first=first, end=min(last, end))
        async with connection.transaction():
            changed.append(await replace_block(connection, span, own, window_ns=WINDOW_NS))
    return changed


async def pass_days(connection: Connection, days: float) -> None:
    """Have all shelves begun so much earlier."""
    await connection.execute(
        "UPDATE log_shelves SET begun_at = begun_at - $1 * interval '1 day'", days
    )


async def retain(connection: Connection, days: int) -> list[int]:
    """Do what retention has to do now, and return the shelves there are after it."""
    assert not await Retention(connection, days).run_cycle()
    rows = await connection.fetch("SELECT shelf FROM log_shelves ORDER BY shelf")
    names = await connection.fetch(
        "SELECT relid::text FROM pg_partition_tree('log_chunks') WHERE isleaf ORDER BY 1"
    )
    shelves = [row["shelf"] for row in rows]
    assert sorted(f"log_chunks_shelf_{n}" for n in shelves) == [row["relid"] for row in names]
    return shelves


async def offsets(connection: Connection) -> list[int]:
    """Return the offset of each stored line, as it would be read."""
    rows = await connection.fetch("SELECT payload FROM log_chunks ORDER BY first_offset")
    return [line.offset for row in rows for line in unpack_lines(row["payload"])]


def offsets_of(records: Sequence[PreparedRecord], since: int = 0) -> list[int]:
    return [one.offset for one in records for _ in one.lines if one.offset >= since]


async def derived(connection: Connection) -> dict[str, Checksum]:
    return await table_checksums(connection, without=FINALIZED)


async def stored_bytes(connection: Connection) -> int:
    size: int = await connection.fetchval(
        "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('log_chunks')"
    )
    return size
