"""Writes what a batch of log records changes, in the transaction of the partition's offset."""

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec

from schemas.db.pool import Connection
from schemas.ids import BLOCK_RECORDS, block_of
from streams.domain.log_blocks import BlockTally, MinuteKey, MinuteTally, tally_blocks
from streams.domain.log_lines import PreparedRecord
from streams.domain.shape_budget import DEFAULT_SHAPE_ROOM
from streams.domain.windows import MINUTE_NS, window_start
from streams.offsets import OffsetSpan
from streams.store.log_chunks import Shelves, append_lines, replace_lines
from streams.store.log_shapes import fit_appended, fit_block


async def append_records(
    connection: Connection,
    span: OffsetSpan,
    records: Sequence[PreparedRecord],
    *,
    window_ns: int,
    shape_room: int = DEFAULT_SHAPE_ROOM,
) -> None:
    """Add the effects of records that were not stored before; `span` is what they cover.

    Repeating would count twice: the caller holds the partition's offset row and advances it in the
    same transaction.
    """
    records = await fit_appended(connection, span, records, room=shape_room)
    lines = [line.stored for record in records for line in record.lines]
    tallies = tally_blocks(records, window_ns)
    shelves = await _add_blocks(connection, span, tallies)
    await append_lines(connection, span, lines, shelves)
    for tally in tallies:
        await _add_counts(connection, span, tally)
    await _upsert_sightings(connection, span, tallies)
    await mark_dirty(connection, span, _touched_windows(tallies, window_ns))


async def replace_block(
    connection: Connection,
    span: OffsetSpan,
    records: Sequence[PreparedRecord],
    *,
    window_ns: int,
    shape_room: int = DEFAULT_SHAPE_ROOM,
) -> bool:
    """Write the effects of all records of one block in place of what is stored for it.

    `span` begins at the block and ends where the partition is stored to; repeating is safe. Returns
    whether anything differs; if so, the windows that the block has lines in become dirty.
    """
    block = span.first // BLOCK_RECORDS
    records = fit_block(records, room=shape_room)
    before = await _block_checksum(connection, span, block)
    windows = await _block_windows(connection, span, block, window_ns)
    place = (span.topic, span.partition, block)
    shelf = await connection.fetchval(DELETE_BLOCK, *place)
    for statement in (DELETE_COUNTS, DELETE_SIGHTINGS):
        await connection.execute(statement, *place)
    tallies = tally_blocks(records, window_ns)
    shelves = await _add_blocks(connection, span, tallies, shelf=shelf)
    lines = [line.stored for record in records for line in record.lines]
    await replace_lines(connection, span, lines, shelves.newest)
    for tally in tallies:
        await _upsert_counts(connection, span, tally)
    await _upsert_sightings(connection, span, tallies)
    if await _block_checksum(connection, span, block) == before:
        return False
    windows |= _touched_windows(tallies, window_ns)
    await mark_dirty(connection, span, windows)
    return True


# Bytea as text depends on no setting but bytea_output, which the pool leaves at its default.
SELECT_BLOCK_CHECKSUM: Final = """
SELECT md5(string_agg(line, chr(10) ORDER BY line)) FROM (
    SELECT md5(stored::text) AS line FROM log_blocks AS stored
    WHERE topic = $1 AND partition = $2 AND block = $3
    UNION ALL
    SELECT md5(stored::text) FROM log_counts AS stored
    WHERE topic = $1 AND partition = $2 AND block = $3
    UNION ALL
    SELECT md5(stored::text) FROM log_block_shapes AS stored
    WHERE topic = $1 AND partition = $2 AND block = $3
    UNION ALL
    SELECT md5(stored::text) FROM log_chunks AS stored
    WHERE topic = $1 AND partition = $2 AND first_offset >= $4 AND first_offset < $5) AS lines
"""


async def _block_checksum(connection: Connection, span: OffsetSpan, block: int) -> str | None:
    checksum: str | None = await connection.fetchval(
        SELECT_BLOCK_CHECKSUM,
        span.topic,
        span.partition,
        block,
        block * BLOCK_RECORDS,
        (block + 1) * BLOCK_RECORDS,
    )
    return checksum


SELECT_BLOCK_MINUTES: Final = """
SELECT DISTINCT service, minute FROM log_counts
WHERE topic = $1 AND partition = $2 AND block = $3
"""


async def _block_windows(
    connection: Connection, span: OffsetSpan, block: int, window_ns: int
) -> set[tuple[str, int]]:
    rows = await connection.fetch(SELECT_BLOCK_MINUTES, span.topic, span.partition, block)
    return _windows_of(((row["service"], row["minute"]) for row in rows), window_ns)


DELETE_BLOCK: Final = """
DELETE FROM log_blocks WHERE topic = $1 AND partition = $2 AND block = $3 RETURNING shelf
"""
DELETE_COUNTS: Final = "DELETE FROM log_counts WHERE topic = $1 AND partition = $2 AND block = $3"
DELETE_SIGHTINGS: Final = (
    "DELETE FROM log_block_shapes WHERE topic = $1 AND partition = $2 AND block = $3"
)


# What a subquery reads was there before the statement: `former` is the shelf that the block had.
UPSERT_BLOCK: Final = """
INSERT INTO log_blocks AS stored
    (topic, partition, block, records, events, dropped, dead_lettered, shelf)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb,
        coalesce($8, (SELECT max(shelf) FROM log_shelves)))
ON CONFLICT (topic, partition, block) DO UPDATE
SET records = stored.records + EXCLUDED.records, events = stored.events + EXCLUDED.events,
    dropped = (
        SELECT coalesce(jsonb_object_agg(reason, records), '{}')
        FROM (SELECT key AS reason, sum(value::integer) AS records
              FROM (SELECT * FROM jsonb_each_text(stored.dropped)
                    UNION ALL SELECT * FROM jsonb_each_text(EXCLUDED.dropped)) AS counts
              GROUP BY key) AS sums),
    dead_lettered = (
        SELECT coalesce(jsonb_object_agg(reason, records), '{}')
        FROM (SELECT key AS reason, sum(value::integer) AS records
              FROM (SELECT * FROM jsonb_each_text(stored.dead_lettered)
                    UNION ALL SELECT * FROM jsonb_each_text(EXCLUDED.dead_lettered)) AS counts
              GROUP BY key) AS sums),
    shelf = EXCLUDED.shelf
RETURNING (SELECT max(shelf) FROM log_shelves) AS newest,
          (SELECT shelf FROM log_blocks AS former
           WHERE former.topic = $1 AND former.partition = $2 AND former.block = $3) AS former
"""


async def _add_blocks(
    connection: Connection,
    span: OffsetSpan,
    tallies: Iterable[BlockTally],
    *,
    shelf: int | None = None,
) -> Shelves:
    """Add to the blocks, which are on this shelf from now on, None: on the newest.

    Returns where lines lie that follow in the same transaction.
    """
    newest, former = 0, None
    for tally in tallies:
        row = await connection.fetchrow(
            UPSERT_BLOCK,
            span.topic,
            span.partition,
            tally.block,
            tally.records,
            tally.events,
            _json_text(tally.dropped),
            _json_text(tally.dead_lettered),
            shelf,
        )
        assert row is not None  # noqa: S101 - an upsert returns its row
        newest = row["newest"]
        if tally.block == block_of(span.first):
            former = row["former"]
    # A block without records in this batch does not tell: any shelf then.
    return Shelves(newest=newest, oldest_open=former or 0)


def _json_text(counts: Counter[str]) -> str:
    return msgspec.json.encode(dict(counts), order="sorted").decode()


SELECT_MINUTES: Final = """
SELECT service, minute, late, first_event_ns, last_event_ns, severities, shape_ids, counts
FROM log_counts
WHERE topic = $1 AND partition = $2 AND block = $3
  AND (service, minute) IN (SELECT * FROM unnest($4::text[], $5::bigint[]))
"""


async def _add_counts(connection: Connection, span: OffsetSpan, tally: BlockTally) -> None:
    rows = await connection.fetch(
        SELECT_MINUTES,
        span.topic,
        span.partition,
        tally.block,
        [service for service, _ in tally.minutes],
        [minute for _, minute in tally.minutes],
    )
    for row in rows:
        tally.minutes[row["service"], row["minute"]].merge(_minute_of(row))
    await _upsert_counts(connection, span, tally)


def _minute_of(row: Any) -> MinuteTally:  # an asyncpg.Record
    kinds = zip(row["shape_ids"], row["severities"], strict=True)
    return MinuteTally(
        first_event_ns=row["first_event_ns"],
        last_event_ns=row["last_event_ns"],
        late=row["late"],
        kinds=Counter(dict(zip(kinds, row["counts"], strict=True))),
    )


UPSERT_COUNTS: Final = """
INSERT INTO log_counts
    (topic, partition, block, service, minute, lines, late, first_event_ns, last_event_ns,
     severities, shape_ids, counts)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (topic, partition, block, service, minute) DO UPDATE
SET lines = EXCLUDED.lines, late = EXCLUDED.late,
    first_event_ns = EXCLUDED.first_event_ns, last_event_ns = EXCLUDED.last_event_ns,
    severities = EXCLUDED.severities, shape_ids = EXCLUDED.shape_ids, counts = EXCLUDED.counts
"""


async def _upsert_counts(connection: Connection, span: OffsetSpan, tally: BlockTally) -> None:
    rows = []
    for (service, number), minute in sorted(tally.minutes.items(), key=itemgetter(0)):
        ordered = sorted(minute.kinds.items())
        rows.append(
            (
                span.topic,
                span.partition,
                tally.block,
                service,
                number,
                sum(minute.kinds.values()),
                minute.late,
                minute.first_event_ns,
                minute.last_event_ns,
                [severity for (_, severity), _ in ordered],
                [shape for (shape, _), _ in ordered],
                [count for _, count in ordered],
            )
        )
    await connection.executemany(UPSERT_COUNTS, rows)


UPSERT_SIGHTINGS: Final = """
INSERT INTO log_block_shapes AS stored
    (topic, partition, block, shape_id, service, shape, lines, first_event_ns, last_event_ns,
     example_offset, example_index, example)
SELECT $1, $2, * FROM unnest(
    $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::integer[], $8::bigint[], $9::bigint[],
    $10::bigint[], $11::integer[], $12::text[])
ON CONFLICT (topic, partition, block, shape_id) DO UPDATE
SET lines = stored.lines + EXCLUDED.lines,
    first_event_ns = least(stored.first_event_ns, EXCLUDED.first_event_ns),
    last_event_ns = greatest(stored.last_event_ns, EXCLUDED.last_event_ns)
"""


async def _upsert_sightings(
    connection: Connection, span: OffsetSpan, tallies: Iterable[BlockTally]
) -> None:
    """Add to the shapes of each block; an example stored before has the lower offset and stays."""
    rows = [
        (
            tally.block,
            shape_id,
            seen.service,
            seen.shape,
            seen.lines,
            seen.first_event_ns,
            seen.last_event_ns,
            seen.example_offset,
            seen.example_index,
            seen.example,
        )
        for tally in tallies
        for shape_id, seen in sorted(tally.shapes.items())
    ]
    if rows:
        columns = list(zip(*rows, strict=True))
        await connection.execute(UPSERT_SIGHTINGS, span.topic, span.partition, *columns)


UPSERT_DIRTY: Final = """
INSERT INTO log_dirty_windows AS stored (topic, partition, service, start_ns)
SELECT $1, $2, * FROM unnest($3::text[], $4::bigint[])
ON CONFLICT (topic, partition, service, start_ns) DO UPDATE
SET generation = stored.generation + 1
"""


async def mark_dirty(
    connection: Connection, span: OffsetSpan, windows: Iterable[tuple[str, int]]
) -> None:
    """Tell the finalizer that the (service, window start) pairs have other counts now."""
    ordered = sorted(windows)
    await connection.execute(
        UPSERT_DIRTY,
        span.topic,
        span.partition,
        [service for service, _ in ordered],
        [start for _, start in ordered],
    )


def _touched_windows(tallies: Iterable[BlockTally], window_ns: int) -> set[tuple[str, int]]:
    return _windows_of((key for tally in tallies for key in tally.minutes), window_ns)


def _windows_of(minutes: Iterable[MinuteKey], window_ns: int) -> set[tuple[str, int]]:
    return {(service, window_start(minute * MINUTE_NS, window_ns)) for service, minute in minutes}
