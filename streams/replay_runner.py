"""Runs one replay from the table of runs, or goes on with it where another process ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable
from uuid import UUID, uuid4

import structlog

from schemas.db.pool import Connection, Pool
from schemas.errors import ConfigError
from schemas.settings import Settings
from streams.dead_letters import DeadLetterProducer
from streams.domain.replays import parse_range
from streams.lanes import handler_of
from streams.processes import Choices
from streams.replay import (
    BlockHandler,
    BlockPlan,
    BlockResult,
    Replayer,
    ReplayObserver,
    ReplayRefusedError,
)
from streams.retrying import is_transient
from streams.store.replay_runs import (
    DONE,
    FAILED,
    REFUSED,
    DoneBlock,
    ReplayRun,
    RunLostError,
    beat,
    claim_run,
    end_run,
    insert_plan,
    lock_run,
    mark_block_done,
    select_open_blocks,
    select_run,
    unlock_run,
)
from streams.store.templates import delete_unseen_shapes

if TYPE_CHECKING:
    from streams.store.tickets import TicketKey

log = structlog.get_logger()

# One holds the run's lock, one keeps the lines' shelves, one replaces the block.
POOL_SIZE: Final = 3


@runtime_checkable
class Retriaging(Protocol):
    """What triages tickets again; it takes a second to import (numpy)."""

    async def warm_up(self, connection: Connection) -> None:
        """Learn what is stored."""

    def take_retriaged(self) -> "frozenset[TicketKey]":
        """Return which tickets have other answers since the last call."""


class ReplayRunner:
    """Runs a replay by its id, the only process that does."""

    def __init__(
        self, settings: Settings, pool: Pool, choices: Choices, observer: ReplayObserver
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._choices = choices
        self._observer = observer
        self._token = uuid4()

    async def run(self, run_id: str) -> ReplayRun:
        """Do what is left of the run, and return it as it ended: done, or cancelled meanwhile.

        Raises:
            ConfigError: there is no such run, it has ended, it is run by another process, or what
                it asks for does not exist (then it is refused).
            ReplayRefusedError: retention has cut into a block; it is refused.
            TransientError: the broker does not answer; the run can be resumed.
            OSError, asyncpg.PostgresError: Postgres does not answer; the run can be resumed.
        """
        async with self._locked(run_id):
            run = await self._claimed(run_id)
            try:
                await self._run(run)
            except RunLostError:
                log.info("replay_lost", run=run_id)
            except (ConfigError, ReplayRefusedError) as exc:
                await self._end(run_id, REFUSED, str(exc))
                raise
            except Exception as exc:
                if not is_transient(exc):
                    await self._end(run_id, FAILED, repr(exc))
                raise
            return await self._selected(run_id)

    @asynccontextmanager
    async def _locked(self, run_id: str) -> AsyncIterator[None]:
        async with self._pool.acquire() as connection:
            if not await lock_run(connection, run_id):
                raise ConfigError(f"replay {run_id} is run by another process now")
            try:
                yield
            finally:
                # A connection that is gone has freed the lock already.
                with suppress(Exception):
                    await unlock_run(connection, run_id)

    async def _claimed(self, run_id: str) -> ReplayRun:
        async with self._pool.acquire() as connection:
            is_claimed = await claim_run(connection, run_id, self._token)
        run = await self._selected(run_id)
        if not is_claimed:
            raise ConfigError(f"replay {run_id} has ended: it is {run.state}")
        log.info("replay_claimed", run=run_id, topic=run.topic, done_blocks=run.done_blocks)
        return run

    async def _selected(self, run_id: str) -> ReplayRun:
        async with self._pool.acquire() as connection:
            run = await select_run(connection, run_id)
        if run is None:
            raise ConfigError(f"there is no replay {run_id}")
        return run

    async def _end(self, run_id: str, state: str, error: str | None = None) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await end_run(connection, run_id, self._token, state, error)
        log.info("replay_ended", run=run_id, state=state)

    async def _run(self, run: ReplayRun) -> None:
        handler = block_handler(self._settings, run.topic, self._choices, retriage=run.is_retriage)
        if isinstance(handler, Retriaging):
            async with self._pool.acquire() as connection:
                await handler.warm_up(connection)
        dead_letters = DeadLetterProducer(self._settings.kafka_bootstrap)
        try:
            replayer: Replayer[Any] = Replayer(self._settings, self._pool, handler, dead_letters)
            plans = await self._planned(replayer, run)
            marks = _Marks(self._pool, run.run_id, self._token, handler)
            await replayer.run(
                plans,
                is_dry_run=run.is_dry_run,
                observer=self._observer,
                record=marks.record,
                pause=marks.pause,
            )
        finally:
            await dead_letters.stop()
        await self._finish(run)

    async def _planned(self, replayer: Replayer[Any], run: ReplayRun) -> list[BlockPlan]:
        """Return the blocks that are still to do; which there are is decided once."""
        if run.blocks is None:
            wanted = parse_range(run.from_bound, run.to_bound)
            found = await replayer.plan(run.topic, wanted, partition=run.partition)
            blocks = [(one.partition, one.block) for one in found]
            async with self._pool.acquire() as connection, connection.transaction():
                await insert_plan(connection, run.run_id, self._token, blocks)
        async with self._pool.acquire() as connection:
            left = await select_open_blocks(connection, run.run_id)
        self._observer.planned(run.done_blocks + len(left), run.done_blocks)
        return [
            BlockPlan(topic=run.topic, partition=partition, block=block)
            for partition, block in left
        ]

    async def _finish(self, run: ReplayRun) -> None:
        done = await self._selected(run.run_id)
        if done.changed_blocks and not done.is_dry_run:
            async with self._pool.acquire() as connection:
                await delete_unseen_shapes(connection)
        await self._end(run.run_id, DONE)


class _Marks:
    """Notes how far a run has come."""

    def __init__(self, pool: Pool, run_id: str, token: UUID, handler: BlockHandler[Any]) -> None:
        self._pool = pool
        self._run_id = run_id
        self._token = token
        self._handler = handler

    async def record(self, connection: Connection, result: BlockResult) -> None:
        """Note in its own transaction that a block is done."""
        handler = self._handler
        done = DoneBlock(
            partition=result.plan.partition,
            block=result.plan.block,
            records=result.records,
            is_changed=result.changed,
            retriaged=(
                handler.take_retriaged() if isinstance(handler, Retriaging) else frozenset()
            ),
        )
        await mark_block_done(connection, self._run_id, self._token, done)

    async def pause(self, duration_s: float) -> None:
        """Wait; the run is alive all the same, unless somebody cancelled it."""
        async with self._pool.acquire() as connection:
            await beat(connection, self._run_id, self._token)
        await asyncio.sleep(duration_s)


def block_handler(
    settings: Settings, topic: str, choices: Choices, *, retriage: bool
) -> BlockHandler[Any]:
    """Return what is done with a block of the topic.

    Raises:
        ConfigError: no stream of ours reads the topic.
    """
    if retriage:
        from streams.agents.tickets import RetriageHandler

        return RetriageHandler(choices.triage)
    return handler_of(settings, topic, choices)
