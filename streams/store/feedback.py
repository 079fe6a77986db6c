"""Writes what people said of triages, what the model had said before, and its snapshots."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from schemas.db.pool import Connection
from schemas.events import FeedbackEvent
from streams.domain.tickets.prepared import PreparedFeedback, read_feedback_payload
from streams.offsets import OffsetSpan

SNAPSHOTS_KEPT: Final = 5


class StoredFeedback(msgspec.Struct, frozen=True):
    """A feedback event with its place in the order of learning."""

    offset: int
    feedback: FeedbackEvent


INSERT_FEEDBACK: Final = """
INSERT INTO feedback_events
    ("offset", project, ticket_id, is_confirmation, actor, timestamp_ns, payload)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::boolean[], $5::text[],
                     $6::bigint[], $7::bytea[])
"""


async def insert_feedback(connection: Connection, records: Sequence[PreparedFeedback]) -> None:
    """Store the feedback of records never stored before."""
    rows = [
        (
            record.offset,
            feedback.ticket.project,
            feedback.ticket.ticket_id,
            feedback.is_confirmation,
            feedback.actor,
            feedback.timestamp_ns,
            record.payload,
        )
        for record in records
        if (feedback := record.feedback) is not None
    ]
    if rows:
        await connection.execute(INSERT_FEEDBACK, *zip(*rows, strict=True))


SELECT_FEEDBACK: Final = """
SELECT "offset", payload FROM feedback_events WHERE "offset" >= $1 AND "offset" < $2
ORDER BY "offset" LIMIT $3
"""


async def select_feedback(
    connection: Connection, first: int, end: int, *, limit: int
) -> list[StoredFeedback]:
    """Return the feedback of the offsets [first, end) in order, `limit` events at most."""
    return [
        StoredFeedback(row["offset"], read_feedback_payload(row["payload"]))
        for row in await connection.fetch(SELECT_FEEDBACK, first, end, limit)
    ]


SELECT_END: Final = 'SELECT coalesce(max("offset") + 1, 0) FROM feedback_events'


async def select_feedback_end(connection: Connection) -> int:
    """Return the offset behind the last feedback."""
    end: int = await connection.fetchval(SELECT_END)
    return end


SELECT_GENERATION: Final = "SELECT generation FROM feedback_generation"


async def select_generation(connection: Connection) -> UUID:
    """Return what changes whenever feedback that may have been learned is rewritten."""
    generation: UUID = await connection.fetchval(SELECT_GENERATION)
    return generation


SELECT_PAYLOADS: Final = """
SELECT "offset", payload FROM feedback_events WHERE "offset" >= $1 AND "offset" < $2
"""
DELETE_FEEDBACK: Final = """
DELETE FROM feedback_events WHERE "offset" >= $1 AND "offset" < $2
"""


async def replace_feedback(
    connection: Connection, span: OffsetSpan, records: Sequence[PreparedFeedback]
) -> bool:
    """Store all feedback of a block in place of what is there; tell whether it differs."""
    rows = await connection.fetch(SELECT_PAYLOADS, span.first, span.end)
    before = {row["offset"]: row["payload"] for row in rows}
    after = {record.offset: record.payload for record in records if record.feedback is not None}
    if before == after:
        return False
    await connection.execute(DELETE_FEEDBACK, span.first, span.end)
    await insert_feedback(connection, records)
    return True


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the model said of a field just before it learned the answer."""

    offset: int
    field: str
    project: str
    predicted: str | None
    confidence: float
    actual: str
    needs_human: bool


INSERT_OUTCOMES: Final = """
INSERT INTO triage_outcomes
    ("offset", field, project, predicted, confidence, actual, needs_human)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::text[],
                     $7::boolean[])
"""


async def insert_outcomes(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    """Store outcomes that were not there before."""
    if outcomes:
        rows = [msgspec.structs.astuple(outcome) for outcome in outcomes]
        await connection.execute(INSERT_OUTCOMES, *zip(*rows, strict=True))


DELETE_OUTCOMES_FROM: Final = 'DELETE FROM triage_outcomes WHERE "offset" >= $1'
DELETE_SNAPSHOTS_FROM: Final = "DELETE FROM triage_snapshots WHERE feedback_offset > $1"
UPDATE_GENERATION: Final = "UPDATE feedback_generation SET generation = gen_random_uuid()"


async def forget_from(connection: Connection, offset: int) -> None:
    """Remove what was derived from feedback at or behind an offset; models start anew."""
    await connection.execute(DELETE_OUTCOMES_FROM, offset)
    await connection.execute(DELETE_SNAPSHOTS_FROM, offset)
    await connection.execute(UPDATE_GENERATION)


DELETE_ALL_FEEDBACK: Final = "DELETE FROM feedback_events"


async def delete_all_feedback(connection: Connection) -> None:
    """Remove all feedback and what was derived from it."""
    await connection.execute(DELETE_ALL_FEEDBACK)
    await forget_from(connection, 0)


class Snapshot(msgspec.Struct, frozen=True):
    """The model as it was when it had learned the feedback below the offset."""

    feedback_offset: int
    state_hash: str
    rules_hash: str
    payload: bytes


SELECT_SNAPSHOT: Final = """
SELECT feedback_offset, state_hash, rules_hash, payload FROM triage_snapshots
WHERE feedback_offset <= $1 AND rules_hash = $2
ORDER BY feedback_offset DESC LIMIT 1
"""


async def select_snapshot(
    connection: Connection, offset: int, *, rules_hash: str
) -> Snapshot | None:
    """Return the newest snapshot under these rules that knows no feedback from the offset on."""
    row = await connection.fetchrow(SELECT_SNAPSHOT, offset, rules_hash)
    return None if row is None else Snapshot(*row.values())


INSERT_SNAPSHOT: Final = """
INSERT INTO triage_snapshots (feedback_offset, state_hash, rules_hash, payload)
VALUES ($1, $2, $3, $4)
ON CONFLICT (feedback_offset) DO UPDATE
SET state_hash = EXCLUDED.state_hash, rules_hash = EXCLUDED.rules_hash, payload = EXCLUDED.payload
"""
PRUNE_SNAPSHOTS: Final = """
DELETE FROM triage_snapshots WHERE feedback_offset NOT IN (
    SELECT feedback_offset FROM triage_snapshots WHERE rules_hash = $1
    ORDER BY feedback_offset DESC LIMIT $2)
"""


async def insert_snapshot(connection: Connection, snapshot: Snapshot) -> None:
    """Store a snapshot; the oldest beyond the few that are kept go, and those of other rules."""
    await connection.execute(INSERT_SNAPSHOT, *msgspec.structs.astuple(snapshot))
    await connection.execute(PRUNE_SNAPSHOTS, snapshot.rules_hash, SNAPSHOTS_KEPT)
