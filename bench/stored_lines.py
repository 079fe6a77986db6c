"""Lines for `bench.stored`: the newest million by the product, older ones as copies of it."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Final
from uuid import UUID

import msgspec
import zstandard

from schemas.chunks import ZSTD_LEVEL, unpack_lines
from schemas.db.pool import Connection
from schemas.ids import BLOCK_RECORDS, CHUNK_RECORDS
from schemas.records import SourceRecord
from schemas.settings import Settings
from streams.domain.log_lines import LinePreparer, PreparedRecord
from streams.domain.windows import MINUTE_NS
from streams.finalizer import Finalizer
from streams.offsets import OffsetSpan, PartitionRange, advance_offset, claim_partition, lock_offset
from streams.store.log_chunks import insert_pieces
from streams.store.logs import append_records
from tests.log_records import log_value

TOPIC: Final = "logs.raw"
PARTITIONS: Final = 4
BLOCKS: Final = 4
MOST_COPIES: Final = 48
# Of one partition, and of all: 1,048,576.
PART: Final = BLOCKS * BLOCK_RECORDS
MILLION: Final = PARTITIONS * PART
STEP_MS: Final = 41
COPY_NS: Final = 3 * 60 * MINUTE_NS
FIRST: Final = (MOST_COPIES - 1) * PART
START_MS: Final = 1_773_446_400_000
BATCH_RECORDS: Final = 2 * CHUNK_RECORDS
WRITER: Final = UUID(int=1)

# How far back each copy lies; the copied lines are those of the blocks from `newest` to `last`.
MAKE_COPIES: Final = """
CREATE TEMPORARY TABLE copies ON COMMIT DROP AS
SELECT $3::bigint AS newest, $3::bigint + $4::bigint - 1 AS last,
       k * $4::bigint AS blocks, k * $5::bigint AS offsets,
       k * $6::bigint AS minutes, k * $6::bigint * 60000000000 AS ns, $7::bigint AS newest_ns
FROM generate_series($1::bigint, $2::bigint) AS k
"""
COPY_ROWS: Final = (
    """
    INSERT INTO log_blocks (topic, partition, block, records, events, dropped, dead_lettered)
    SELECT topic, partition, block - blocks, records, events, dropped, dead_lettered
    FROM log_blocks, copies WHERE block BETWEEN newest AND last
    """,
    """
    INSERT INTO log_counts (topic, partition, block, service, minute, lines, late, first_event_ns,
                            last_event_ns, severities, shape_ids, counts)
    SELECT topic, partition, block - blocks, service, minute - minutes, lines, late,
           first_event_ns - ns, last_event_ns - ns, severities, shape_ids, counts
    FROM log_counts, copies WHERE block BETWEEN newest AND last
    """,
    """
    INSERT INTO log_block_shapes (topic, partition, block, shape_id, service, shape, lines,
                                  first_event_ns, last_event_ns, example_offset, example_index,
                                  example)
    SELECT topic, partition, block - blocks, shape_id, service, shape, lines, first_event_ns - ns,
           last_event_ns - ns, example_offset - offsets, example_index, example
    FROM log_block_shapes, copies WHERE block BETWEEN newest AND last
    """,
    """
    INSERT INTO log_window_summaries (service, start_ns, end_ns, lines, is_open, unusual, headline,
                                      document, content_hash)
    SELECT service, start_ns - ns, end_ns - ns, lines, false, unusual, headline, document,
           content_hash
    FROM log_window_summaries, copies
    WHERE start_ns >= newest_ns AND start_ns < newest_ns + 180 * 60000000000
    """,
)
SELECT_CHUNKS: Final = """
SELECT topic, partition, first_offset, end_offset, lines, min_event_ns, max_event_ns, min_record_ms,
       max_record_ms, services, severities, shape_ids, payload, shelf
FROM log_chunks WHERE first_offset >= $1 AND first_offset < $2
"""
# The members of a packed piece whose first value is absolute: offsets, record times, event times.
STEPS: Final = (1, 2, 3)
# A column of SELECT_CHUNKS.
PAYLOAD: Final = 12


def records_of(partition: int, first: int, count: int) -> Iterator[SourceRecord]:
    chooser = Random(partition * 1_000_003 + first)
    for offset in range(first, first + count):
        yield SourceRecord(
            topic=TOPIC,
            partition=partition,
            offset=offset,
            value=log_value(chooser, offset),
            timestamp_ms=START_MS + (offset - FIRST) * STEP_MS,
        )


async def write_batch(connection: Connection, batch: Sequence[PreparedRecord]) -> None:
    """Write as the agent does."""
    first, end = batch[0].offset, batch[-1].offset + 1
    partition = batch[0].record.partition
    span = OffsetSpan(topic=TOPIC, partition=partition, first=first, end=end)
    async with connection.transaction():
        await lock_offset(connection, TOPIC, partition, WRITER)
        await append_records(connection, span, batch, window_ns=5 * MINUTE_NS)
        await advance_offset(connection, span, max_event_ns=0, writer=WRITER)


async def write_newest(connection: Connection) -> None:
    """Have the product write a million lines and their summaries."""
    preparer = LinePreparer()
    for partition in range(PARTITIONS):
        held = PartitionRange(topic=TOPIC, partition=partition, beginning=FIRST, end=2**62)
        await claim_partition(connection, held, WRITER)
        for first in range(FIRST, FIRST + PART, BATCH_RECORDS):
            records = records_of(partition, first, BATCH_RECORDS)
            await write_batch(connection, [preparer.prepare(one) for one in records])
    finalizer = Finalizer(connection, Settings())
    while await finalizer.run_cycle():
        pass


async def add_copies(connection: Connection, nearest: int, farthest: int) -> None:
    """Add older copies of the newest million, from the nearest to the farthest back."""
    async with connection.transaction():
        await connection.execute(
            MAKE_COPIES,
            nearest,
            farthest,
            FIRST // BLOCK_RECORDS,
            BLOCKS,
            PART,
            COPY_NS // MINUTE_NS,
            START_MS * 1_000_000,
        )
        for statement in COPY_ROWS:
            await connection.execute(statement)
        for first in range(FIRST, FIRST + PART, CHUNK_RECORDS):
            for row in await connection.fetch(SELECT_CHUNKS, first, first + CHUNK_RECORDS):
                piece = PackedPiece(tuple(row))
                copies = range(nearest, farthest + 1)
                rows = [piece.moved_back(copy) for copy in copies]
                check_moved(row["payload"], rows[0][PAYLOAD], nearest)
                await insert_pieces(connection, rows)
    await connection.execute("VACUUM ANALYZE")
    # What the server writes on its own later would be taken for the queries'.
    await connection.execute("CHECKPOINT")


class PackedPiece:
    """A stored piece that can be moved without unpacking its lines."""

    def __init__(self, row: tuple[Any, ...]) -> None:
        *self._place, payload, self._shelf = row
        plain = zstandard.ZstdDecompressor().decompress(payload)
        self._members: list[Any] = msgspec.msgpack.decode(plain)

    def moved_back(self, copies: int) -> tuple[Any, ...]:
        """Return the row of the piece so many millions earlier."""
        offsets, ns = copies * PART, copies * COPY_NS
        ms = ns // 1_000_000
        topic, partition, first, end, lines, *times = self._place[:9]
        moved = [one - back for one, back in zip(times, (ns, ns, ms, ms), strict=True)]
        payload = self._payload_moved((offsets, ms, ns))
        place = (topic, partition, first - offsets, end - offsets, lines)
        return (*place, *moved, *self._place[9:], payload, self._shelf)

    def _payload_moved(self, amounts: tuple[int, int, int]) -> bytes:
        members = list(self._members)
        for member, amount in zip(STEPS, amounts, strict=True):
            oldest, *steps = members[member]
            members[member] = [oldest - amount, *steps]
        plain = msgspec.msgpack.encode(members)
        return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(plain)


def check_moved(payload: bytes, moved: bytes, copies: int) -> None:
    """Have the product read what was moved."""
    before, after = unpack_lines(payload)[-1], unpack_lines(moved)[-1]
    assert after.offset == before.offset - copies * PART
    assert after.record_ms == before.record_ms - copies * COPY_NS // 1_000_000
    assert after.event.timestamp_ns == before.event.timestamp_ns - copies * COPY_NS
    assert after.event.body == before.event.body
