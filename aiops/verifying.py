"""An operator's proof: the topics read again, compared with what is stored."""

from collections.abc import Sequence
from typing import Final

import asyncpg
import msgspec

from aiops.absences import told_absences
from aiops.replaying import compare_topic
from schemas.db.pool import CONNECT_TIMEOUT_S, Connection
from schemas.settings import Settings
from streams.domain.replays import ReplayRange
from streams.domain.windows import MINUTE_NS, NANOSECONDS
from streams.replay import BlockResult


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Something stored that is not what it should be."""

    place: str
    problem: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared, and what differs.

    Of `expired_blocks` some or all lines are past retention: the rest of them was compared.
    """

    blocks: int
    records: int
    expired_blocks: int
    differences: list[Difference]


class _Collector:
    """Collects the blocks that a replay would change."""

    def __init__(self) -> None:
        self.blocks = self.records = 0
        self.differences: list[Difference] = []

    def planned(self, blocks: int, done: int) -> None:
        """Nothing to note: a block counts once it was compared."""

    def block_done(self, result: BlockResult) -> None:
        """Count a block; one that would change differs."""
        self.blocks += 1
        self.records += result.records
        if result.changed:
            plan = result.plan
            self.differences.append(
                Difference(
                    place=f"{plan.topic}[{plan.partition}] block {plan.block}",
                    problem="what is stored is not what the topic's records make",
                )
            )


async def verify(settings: Settings, topics: Sequence[str], wanted: ReplayRange) -> Verification:
    """Read the blocks of the range again, compare them, then the sums that follow from them.

    Raises:
        ConfigError: no stream of ours reads a topic, or it does not exist.
        ReplayRefusedError: retention has cut into a block.
        TransientError: the broker or Postgres does not answer.
    """
    collector = _Collector()
    for topic in topics:
        await compare_topic(settings, topic, wanted, collector)
    with told_absences():
        connection = await asyncpg.connect(settings.postgres_dsn, timeout=CONNECT_TIMEOUT_S)
        try:
            sums = await _check_blocks(connection)
            sums += await _check_shapes(connection)
            sums += await _check_windows(connection, settings.window_s * NANOSECONDS)
            expired_blocks = await connection.fetchval(COUNT_EXPIRED_BLOCKS)
        finally:
            await connection.close()
    return Verification(
        blocks=collector.blocks,
        records=collector.records,
        expired_blocks=expired_blocks,
        differences=[*collector.differences, *sums],
    )


COUNT_EXPIRED_BLOCKS: Final = """
SELECT count(*) FROM log_blocks JOIN log_gone_lines USING (topic, partition)
WHERE block * 65536 < end_offset
"""


SELECT_UNEQUAL_BLOCKS: Final = """
SELECT topic, partition, block, events, coalesce(counted, 0) AS counted,
       coalesce(kept, 0) AS kept
FROM log_blocks
LEFT JOIN (
    SELECT topic, partition, block, sum(lines) AS counted FROM log_counts
    GROUP BY topic, partition, block) AS counts USING (topic, partition, block)
LEFT JOIN (
    SELECT topic, partition, first_offset / 65536 AS block, sum(lines) AS kept FROM log_chunks
    GROUP BY topic, partition, first_offset / 65536) AS chunks USING (topic, partition, block)
LEFT JOIN log_gone_lines USING (topic, partition)
WHERE events <> coalesce(counted, 0)
   OR events <> coalesce(kept, 0) AND block * 65536 >= coalesce(end_offset, 0)
ORDER BY topic, partition, block
"""


async def _check_blocks(connection: Connection) -> list[Difference]:
    """Return the blocks whose events, counts and lines are not equally many."""
    return [
        Difference(
            place=f"{row['topic']}[{row['partition']}] block {row['block']}",
            problem=f"{row['events']} events, {row['counted']} counted, {row['kept']} lines kept",
        )
        for row in await connection.fetch(SELECT_UNEQUAL_BLOCKS)
    ]


SELECT_UNEQUAL_SHAPES: Final = """
SELECT topic, partition, shape_id, coalesce(total.lines, 0) AS kept,
       coalesce(blocks.lines, 0)::bigint AS counted
FROM log_shape_totals AS total
FULL JOIN (
    SELECT topic, partition, shape_id, sum(lines) AS lines FROM log_block_shapes
    GROUP BY topic, partition, shape_id) AS blocks USING (topic, partition, shape_id)
WHERE total.lines IS DISTINCT FROM blocks.lines
ORDER BY topic, partition, shape_id
"""


async def _check_shapes(connection: Connection) -> list[Difference]:
    """Return the shapes whose lines are not those of their blocks together."""
    return [
        Difference(
            place=f"{row['topic']}[{row['partition']}] shape {row['shape_id']}",
            problem=f"{row['kept']} lines in all, {row['counted']} counted in blocks",
        )
        for row in await connection.fetch(SELECT_UNEQUAL_SHAPES)
    ]


# A window that waits to be recomputed may differ for the moment. The remainder of what is before
# 1970 is negative; a window starts at or before its minutes.
SELECT_UNEQUAL_WINDOWS: Final = """
SELECT lines.service, lines.start_ns, lines.summarized, coalesce(lines.counted, 0) AS counted
FROM (
    SELECT service, start_ns, summary.lines AS summarized, counts.lines AS counted
    FROM log_window_summaries AS summary
    FULL JOIN (
        SELECT service, minute * $1 - (minute * $1 % $2 + $2) % $2 AS start_ns,
               sum(lines)::bigint AS lines
        FROM log_counts GROUP BY 1, 2) AS counts USING (service, start_ns)) AS lines
WHERE lines.summarized IS DISTINCT FROM lines.counted
  AND NOT EXISTS (SELECT FROM log_dirty_windows AS dirty
                  WHERE dirty.service = lines.service AND dirty.start_ns = lines.start_ns)
ORDER BY lines.service, lines.start_ns
"""


async def _check_windows(connection: Connection, window_ns: int) -> list[Difference]:
    """Return the windows whose summary does not hold as many lines as were counted."""
    return [
        Difference(
            place=f"window {row['start_ns']} of {row['service'] or 'no service'}",
            problem=f"{row['summarized']} lines summarized, {row['counted']} counted",
        )
        for row in await connection.fetch(SELECT_UNEQUAL_WINDOWS, MINUTE_NS, window_ns)
    ]
