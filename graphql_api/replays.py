"""Replays: which there were, and how far the running ones have come."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Annotated, Final

import strawberry

from graphql_api.connections import After, Connection, First, connection_of
from graphql_api.context import Info
from graphql_api.errors import bad_input
from graphql_api.pagination import checked_page_size, decode_cursor, encode_cursor, split_page
from graphql_api.scalars import Instant, Long, instant_from_datetime
from graphql_api.store.replays import ReplayFilter, StoredReplay, select_replay, select_replays

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@strawberry.enum(description="How a replay stands.")
class ReplayState(Enum):
    """How a replay stands."""

    REQUESTED = strawberry.enum_value("REQUESTED", description="It waits for its turn.")
    RUNNING = strawberry.enum_value(
        "RUNNING", description="It runs, or goes on soon: `heartbeatAt` says when it last did."
    )
    DONE = strawberry.enum_value("DONE", description="All its blocks are done.")
    FAILED = strawberry.enum_value(
        "FAILED", description="It ended unexpectedly; `aiops replay --resume` goes on with it."
    )
    REFUSED = strawberry.enum_value(
        "REFUSED", description="It cannot be done: `error` says why, such as cut by retention."
    )
    CANCELLED = strawberry.enum_value("CANCELLED", description="Somebody cancelled it.")


ReplayId = Annotated[strawberry.ID, strawberry.argument(description="The replay's id.")]


@strawberry.type(description="History read again, block by block, with today's rules.")
class Replay:
    """A replay."""

    id: strawberry.ID = strawberry.field(description="Its id.")
    topic: str = strawberry.field(description="The topic that is read again.")
    partition: int | None = strawberry.field(description="The only partition; null for all.")
    from_bound: str | None = strawberry.field(
        name="from", description="The first offset or time, as asked; null for all there is."
    )
    to_bound: str | None = strawberry.field(
        name="to", description="The offset or time behind the last, as asked."
    )
    is_retriage: bool = strawberry.field(
        description="Whether tickets are triaged again with today's model."
    )
    is_dry_run: bool = strawberry.field(
        description="Whether it only tells what would change: nothing is written."
    )
    state: ReplayState = strawberry.field(description="How it stands.")
    requested_by: str = strawberry.field(description="Who asked for it.")
    requested_at: Instant = strawberry.field(description="When.")
    started_at: Instant | None = strawberry.field(description="When it began.")
    heartbeat_at: Instant | None = strawberry.field(description="When it last went on.")
    ended_at: Instant | None = strawberry.field(description="When it ended.")
    error: str | None = strawberry.field(description="Why it failed or was refused.")
    blocks: int | None = strawberry.field(
        description="How many blocks of 65,536 offsets it has; null until it is planned."
    )
    done_blocks: int = strawberry.field(description="How many of them are done.")
    changed_blocks: int = strawberry.field(
        description="How many of these differ from what was stored."
    )
    records: Long = strawberry.field(description="How many records were read again.")
    retriaged: Long | None = strawberry.field(
        description="How many tickets have another triage; null unless it triages again."
    )

    @classmethod
    def from_row(cls, row: StoredReplay) -> "Replay":
        """Return the replay in a row."""
        return cls(
            id=strawberry.ID(row.run_id),
            topic=row.topic,
            partition=row.partition,
            from_bound=row.from_bound,
            to_bound=row.to_bound,
            is_retriage=row.is_retriage,
            is_dry_run=row.is_dry_run,
            state=ReplayState(row.state.upper()),
            requested_by=row.requested_by,
            requested_at=instant_from_datetime(row.requested_at),
            started_at=_instant(row.started_at),
            heartbeat_at=_instant(row.heartbeat_at),
            ended_at=_instant(row.ended_at),
            error=row.error,
            blocks=row.blocks,
            done_blocks=row.done_blocks,
            changed_blocks=row.changed_blocks,
            records=Long(row.records),
            retriaged=Long(row.retriaged) if row.is_retriage else None,
        )


def _instant(moment: datetime | None) -> Instant | None:
    return None if moment is None else instant_from_datetime(moment)


def _encode_place(row: StoredReplay) -> str:
    return encode_cursor([(row.requested_at - _EPOCH) // _MICROSECOND, row.run_id])


def _decode_place(after: str) -> tuple[datetime, str]:
    requested_us, run_id = decode_cursor(after, tuple[int, str])
    try:
        requested_at = _EPOCH + requested_us * _MICROSECOND
    except OverflowError as exc:
        raise bad_input("not a cursor of this list", "after") from exc
    if "\0" in run_id:
        raise bad_input("not a cursor of this list", "after")
    return requested_at, run_id


@strawberry.type
class ReplayQuery:
    """Queries over replays."""

    @strawberry.field(description="Replays, those asked for last first.")
    async def replays(
        self,
        info: Info,
        topic: Annotated[
            str | None, strawberry.argument(description="Only those of this topic.")
        ] = None,
        states: Annotated[
            list[ReplayState] | None, strawberry.argument(description="Only those that stand so.")
        ] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[Replay]:
        """Return a page of replays."""
        size = checked_page_size(first, "first")
        place = None if after is None else _decode_place(after)
        wanted = ReplayFilter(
            topic=topic,
            states=None if states is None else frozenset(one.name.lower() for one in states),
        )
        found = await select_replays(info.context.services.database, wanted, place, size + 1)
        rows, has_next = split_page(found, size)
        return connection_of(
            [Replay.from_row(row) for row in rows],
            [_encode_place(row) for row in rows],
            has_next=has_next,
            after=after,
        )

    @strawberry.field(description="A replay; null while the stream has not taken it.")
    async def replay(self, info: Info, id: ReplayId) -> Replay | None:
        """Return a replay by its id."""
        found = await select_replay(info.context.services.database, id)
        return Replay.from_row(found) if found else None


@strawberry.type
class ReplaySubscription:
    """Subscriptions over replays."""

    @strawberry.subscription(
        description="Replays as they are asked for, go on and end; steps that follow quickly are "
        "told as one."
    )
    async def replay_progressed(
        self,
        info: Info,
        id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Only this replay; null for all."),
        ] = None,
    ) -> AsyncIterator[Replay]:
        """Yield replays."""
        async with info.context.services.replay_feed.subscribed() as subscriber:
            while True:
                row = await subscriber.get()
                if id is None or row.run_id == id:
                    yield Replay.from_row(row)
