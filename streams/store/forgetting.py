"""Drops what is stored of a topic that was deleted and made anew."""

from typing import Final

from schemas.db.pool import Connection
from schemas.topics import REPLAYS_REQUESTED, TICKETS_RAW, TRIAGE_FEEDBACK
from streams.store.feedback import delete_all_feedback
from streams.store.replay_runs import delete_requested_runs
from streams.store.templates import delete_unseen_shapes

DELETE_OFFSETS: Final = """
WITH gone AS (
    DELETE FROM stream_offsets WHERE topic = $1 RETURNING next_offset - first_offset AS offsets)
SELECT sum(offsets)::bigint FROM gone
"""
MARK_WINDOWS: Final = """
INSERT INTO log_dirty_windows AS stored (topic, partition, service, start_ns)
SELECT DISTINCT topic, partition, service, minute / $2::bigint * $2::bigint * 60000000000
FROM log_counts WHERE topic = $1
ON CONFLICT (topic, partition, service, start_ns) DO UPDATE
SET generation = stored.generation + 1
"""
DELETE_GAPS: Final = "DELETE FROM offset_gaps WHERE topic = $1"
DELETE_LETTERS: Final = "DELETE FROM dead_letters WHERE topic = $1"
DELETE_BLOCKS: Final = "DELETE FROM log_blocks WHERE topic = $1"
DELETE_CHUNKS: Final = "DELETE FROM log_chunks WHERE topic = $1"
DELETE_GONE_LINES: Final = "DELETE FROM log_gone_lines WHERE topic = $1"
DELETE_SHELF_ENDS: Final = "DELETE FROM log_shelf_ends WHERE topic = $1"
DELETE_COUNTS: Final = "DELETE FROM log_counts WHERE topic = $1"
DELETE_SIGHTINGS: Final = "DELETE FROM log_block_shapes WHERE topic = $1"
DELETE_REVISIONS: Final = "DELETE FROM ticket_events"
DELETE_TICKETS: Final = "DELETE FROM tickets"
DELETE_TRIAGES: Final = "DELETE FROM ticket_triages"
DELETE_FIELDS: Final = "DELETE FROM triage_fields"


async def forget_topic(connection: Connection, topic: str, *, window_minutes: int) -> int | None:
    """Drop the topic's rows and mark the windows that lose lines, within one transaction.

    Returns how many offsets were stored; None when the topic is not known.
    """
    offsets: int | None = await connection.fetchval(DELETE_OFFSETS, topic)
    await connection.execute(MARK_WINDOWS, topic, window_minutes)
    for statement in (
        DELETE_GAPS,
        DELETE_LETTERS,
        DELETE_BLOCKS,
        DELETE_CHUNKS,
        DELETE_GONE_LINES,
        DELETE_SHELF_ENDS,
        DELETE_COUNTS,
        DELETE_SIGHTINGS,
    ):
        await connection.execute(statement, topic)
    await delete_unseen_shapes(connection)
    if topic == TICKETS_RAW.name:
        for statement in (DELETE_REVISIONS, DELETE_TICKETS, DELETE_TRIAGES, DELETE_FIELDS):
            await connection.execute(statement)
    if topic == TRIAGE_FEEDBACK.name:
        await delete_all_feedback(connection)
    if topic == REPLAYS_REQUESTED.name:
        await delete_requested_runs(connection)
    return offsets
