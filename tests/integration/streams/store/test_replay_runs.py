"""Runs in the database: taken once, fenced, counted once, given up after deaths in a row."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import msgspec
import pytest

from schemas.db.pool import Connection
from schemas.events import ReplayCancelEvent, ReplayStartEvent
from schemas.ids import RecordId, encode_record_id
from schemas.records import SourceRecord
from schemas.topics import REPLAYS_REQUESTED
from streams.agents.replays import ReplayRequestsHandler
from streams.domain.replays import ReplayEvent
from streams.offsets import OffsetSpan
from streams.replay_dispatcher import MAX_ATTEMPTS, ReplayDispatcher
from streams.store.forgetting import forget_topic
from streams.store.replay_runs import (
    DONE,
    FAILED,
    DoneBlock,
    NewRun,
    ReplayRun,
    RunLostError,
    beat,
    cancel_run,
    claim_run,
    end_run,
    insert_plan,
    insert_run,
    lock_run,
    mark_block_done,
    select_open_blocks,
    select_run,
)
from streams.store.tickets import TicketKey

pytestmark = pytest.mark.integration

TOPIC = REPLAYS_REQUESTED.name
ONE, OTHER = UUID(int=1), UUID(int=2)
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ASKED = ReplayStartEvent(topic="tickets.raw", is_retriage=True, requested_by="anna")
PLAN = [(0, 0), (0, 1), (2, 0)]


def block(partition: int, number: int, *tickets: str, records: int = 10) -> DoneBlock:
    return DoneBlock(
        partition=partition,
        block=number,
        records=records,
        is_changed=bool(tickets),
        retriaged=frozenset(TicketKey("shop", ticket) for ticket in tickets),
    )


async def make_run(connection: Connection, run_id: str, *, is_attended: bool = False) -> None:
    new = NewRun(run_id=run_id, asked=ASKED, requested_at=NOON, is_attended=is_attended)
    await insert_run(connection, new)


async def planned_run(connection: Connection, run_id: str = "run") -> None:
    """Make a run that ONE has claimed and planned."""
    await make_run(connection, run_id)
    assert await claim_run(connection, run_id, ONE)
    await insert_plan(connection, run_id, ONE, PLAN)


async def stored(connection: Connection, run_id: str = "run") -> ReplayRun:
    run = await select_run(connection, run_id)
    assert run is not None
    return run


async def take(connection: Connection, events: Sequence[ReplayEvent], first: int = 0) -> None:
    """Have the stream take requests at consecutive offsets."""
    handler = ReplayRequestsHandler()
    records = [
        SourceRecord(
            topic=TOPIC,
            partition=0,
            offset=offset,
            value=msgspec.json.encode(event),
            timestamp_ms=int(NOON.timestamp() * 1000),
        )
        for offset, event in enumerate(events, first)
    ]
    span = OffsetSpan(topic=TOPIC, partition=0, first=first, end=first + len(events))
    await handler.append(connection, span, [handler.prepare(one) for one in records])


def id_of(offset: int) -> str:
    return encode_record_id(RecordId(TOPIC, 0, offset))


async def test_a_request_becomes_a_run_under_the_id_of_its_record(connection: Connection) -> None:
    await take(connection, [ASKED], first=7)
    run = await stored(connection, id_of(7))

    assert (run.topic, run.is_retriage, run.is_attended) == ("tickets.raw", True, False)
    assert (run.requested_by, run.requested_at, run.state) == ("anna", NOON, "requested")


async def test_requests_are_acted_upon_in_their_order(connection: Connection) -> None:
    cancelled = ReplayCancelEvent(run_id=id_of(1), requested_by="bob")
    await take(connection, [ASKED, ASKED, cancelled])

    states = [(await stored(connection, id_of(offset))).state for offset in (0, 1)]
    assert states == ["requested", "cancelled"]


async def test_a_request_taken_twice_leaves_its_run_as_it_is(connection: Connection) -> None:
    await take(connection, [ASKED])
    await claim_run(connection, id_of(0), ONE)
    await take(connection, [ASKED])

    assert (await stored(connection, id_of(0))).state == "running"


async def test_a_block_counts_once(connection: Connection) -> None:
    await planned_run(connection)
    await mark_block_done(connection, "run", ONE, block(0, 1, "T-1"))
    with pytest.raises(RunLostError):
        await mark_block_done(connection, "run", ONE, block(0, 1, "T-2"))

    run = await stored(connection)
    assert (run.done_blocks, run.changed_blocks, run.records) == (1, 1, 10)
    assert await select_open_blocks(connection, "run") == [(0, 0), (2, 0)]


async def test_a_ticket_counts_once_in_whatever_blocks_it_is(connection: Connection) -> None:
    await planned_run(connection)
    await mark_block_done(connection, "run", ONE, block(0, 0, "T-1", "T-2"))
    await mark_block_done(connection, "run", ONE, block(2, 0, "T-2", "T-3"))

    assert (await stored(connection)).retriaged == 3


async def test_who_resumes_a_run_fences_off_who_ran_it(connection: Connection) -> None:
    await planned_run(connection)
    assert await claim_run(connection, "run", OTHER)

    with pytest.raises(RunLostError):
        async with connection.transaction():
            await mark_block_done(connection, "run", ONE, block(0, 0))
    with pytest.raises(RunLostError):
        await beat(connection, "run", ONE)
    await end_run(connection, "run", ONE, DONE)
    await mark_block_done(connection, "run", OTHER, block(0, 0))
    run = await stored(connection)
    assert (run.state, run.done_blocks) == ("running", 1)


async def test_a_plan_is_made_once(connection: Connection) -> None:
    await planned_run(connection)

    with pytest.raises(RunLostError):
        await insert_plan(connection, "run", ONE, PLAN)


async def test_a_cancelled_run_is_at_an_end(connection: Connection) -> None:
    await planned_run(connection)
    await cancel_run(connection, "run")
    await cancel_run(connection, "run")

    with pytest.raises(RunLostError):
        await beat(connection, "run", ONE)
    assert not await claim_run(connection, "run", ONE)
    assert await select_open_blocks(connection, "run") == []


async def test_what_is_done_is_not_cancelled(connection: Connection) -> None:
    await planned_run(connection)
    await end_run(connection, "run", ONE, DONE)
    await cancel_run(connection, "run")

    assert (await stored(connection)).state == "done"


async def test_what_failed_keeps_its_plan_and_can_be_resumed(connection: Connection) -> None:
    await planned_run(connection)
    await end_run(connection, "run", ONE, FAILED, "a bug")
    failed = await stored(connection)

    assert (failed.state, failed.error) == ("failed", "a bug")
    assert await claim_run(connection, "run", OTHER)
    assert (await stored(connection)).error is None
    assert len(await select_open_blocks(connection, "run")) == len(PLAN)


async def test_the_dispatcher_leaves_alone_what_is_watched_run_or_over(
    connection: Connection, database: str
) -> None:
    await make_run(connection, "watched", is_attended=True)
    await make_run(connection, "run")
    await make_run(connection, "over")
    await cancel_run(connection, "over")
    other = await asyncpg.connect(database)
    assert await lock_run(other, "run")

    assert not await ReplayDispatcher(connection, asyncio.Event()).run_cycle()
    assert not await lock_run(connection, "run")
    await other.close()


async def test_a_replay_whose_process_dies_again_and_again_is_given_up(
    connection: Connection,
) -> None:
    await planned_run(connection)
    await connection.execute("UPDATE replay_runs SET attempts = $1", MAX_ATTEMPTS)

    assert await ReplayDispatcher(connection, asyncio.Event()).run_cycle()
    run = await stored(connection)
    assert run.state == "failed"
    assert run.error == "its process died 5 times within one block"


async def test_a_block_that_is_done_forgives_the_deaths_before_it(connection: Connection) -> None:
    await planned_run(connection)
    await connection.execute("UPDATE replay_runs SET attempts = $1", MAX_ATTEMPTS)
    await mark_block_done(connection, "run", ONE, block(0, 0))

    assert await connection.fetchval("SELECT attempts FROM replay_runs") == 0


async def test_forgetting_the_requests_forgets_their_runs_alone(connection: Connection) -> None:
    await make_run(connection, "requested")
    await make_run(connection, "watched", is_attended=True)
    await forget_topic(connection, TOPIC, window_minutes=5)

    assert await select_run(connection, "requested") is None
    assert await select_run(connection, "watched") is not None
