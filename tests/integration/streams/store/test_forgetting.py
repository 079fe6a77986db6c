from collections.abc import Sequence
from uuid import UUID

import pytest

from schemas.db.pool import Connection
from schemas.topics import TICKETS_RAW, TRIAGE_FEEDBACK
from streams.domain.log_lines import LinePreparer, PreparedRecord
from streams.domain.triage.config import TriageConfig
from streams.domain.windows import MINUTE_NS
from streams.offsets import OffsetSpan, PartitionRange, advance_offset, claim_partition
from streams.store.forgetting import forget_topic
from streams.store.logs import append_records
from streams.triage_keeper import TriageKeeper
from tests.checksums import table_checksums
from tests.log_records import log_records
from tests.ticket_records import (
    Streams,
    feedback_event,
    fold,
    prepare_events,
    stored,
    sums,
    tickets,
)

pytestmark = pytest.mark.integration

WRITER = UUID(int=1)


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


async def test_a_ticket_topic_made_anew_is_stored_as_if_there_had_been_none(
    connection: Connection, streams: Streams
) -> None:
    expected = await stored(connection, tickets(5))
    await streams.send(*tickets(9, seed=2), offset=0)

    assert await forget_topic(connection, TICKETS_RAW.name, window_minutes=5) == 9
    await streams.send(*tickets(5), offset=0)
    assert await sums(connection) == expected


async def test_forgotten_feedback_is_unlearned_by_every_worker(
    connection: Connection, streams: Streams
) -> None:
    await streams.append_feedback(prepare_events([feedback_event(number) for number in range(9)]))
    triaging = TriageKeeper(TriageConfig())
    await triaging.catch_up(connection)

    await forget_topic(connection, TRIAGE_FEEDBACK.name, window_minutes=5)
    other = [feedback_event(number) for number in range(20, 29)]
    await streams.append_feedback(prepare_events(other))
    await triaging.catch_up(connection)
    assert triaging.model.state_hash() == fold(other).state_hash()
    assert await connection.fetchval("SELECT count(*) FROM triage_outcomes") == 18
