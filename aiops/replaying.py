"""Runs a replay from the command line: range in words, progress, what changed."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from aiops.choices import read_choices
from schemas.db.pool import open_pool
from schemas.errors import ConfigError
from schemas.settings import Settings
from schemas.topics import TICKETS_RAW
from streams.agents.tickets import RetriageHandler
from streams.dead_letters import DeadLetterProducer
from streams.lanes import handler_of
from streams.replay import (
    BlockHandler,
    BlockPlan,
    BlockResult,
    Replayer,
    ReplayObserver,
    ReplayRange,
)
from streams.store.templates import delete_unseen_shapes

_OFFSET: Final = re.compile(r"\d+")
POOL_SIZE: Final = 2


class ReplayRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which blocks of which topic, all its partitions where none is named."""

    topic: str
    range: ReplayRange
    partition: int | None = None
    is_dry_run: bool = False
    is_retriage: bool = False


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay did, or would do; `retriaged` tickets have another triage now."""

    topic: str
    blocks: int
    changed_blocks: int
    records: int
    retriaged: int | None = None


def parse_range(begin: str | None, end: str | None) -> ReplayRange:
    """Return the range; each end is an offset (digits) or an RFC 3339 time, UTC unless it says.

    Raises:
        ConfigError: a text is neither.
    """
    from_offset, from_ms = _parse_bound(begin, "--from")
    to_offset, to_ms = _parse_bound(end, "--to")
    return ReplayRange(from_offset=from_offset, from_ms=from_ms, to_offset=to_offset, to_ms=to_ms)


def _parse_bound(text: str | None, option: str) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    if _OFFSET.fullmatch(text):
        return int(text), None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise ConfigError(
            f"{text!r} is neither an offset nor a time such as 2026-11-25T06:00:00Z",
            setting=option,
        ) from exc
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return None, int(moment.timestamp() * 1000)


async def replay_topic(
    settings: Settings, request: ReplayRequest, observer: ReplayObserver
) -> ReplayReport:
    """Replay the blocks that the request touches.

    Raises:
        ConfigError: no stream of ours reads the topic, or it does not exist.
        ReplayRefusedError: retention has cut into a block.
        TransientError: the broker or Postgres does not answer.
    """
    handler = _handler_of(settings, request)
    counter = _Counter(observer)
    pool = await open_pool(
        settings.postgres_dsn, application_name="aiops-replay", max_size=POOL_SIZE
    )
    dead_letters = DeadLetterProducer(settings.kafka_bootstrap)
    try:
        replayer: Replayer[Any] = Replayer(settings.kafka_bootstrap, pool, handler, dead_letters)
        if isinstance(handler, RetriageHandler):
            async with pool.acquire() as connection:
                await handler.warm_up(connection)
        plans = await replayer.plan(request.topic, request.range, partition=request.partition)
        await replayer.run(plans, is_dry_run=request.is_dry_run, observer=counter)
        if counter.changed_blocks and not request.is_dry_run:
            async with pool.acquire() as connection:
                await delete_unseen_shapes(connection)
    finally:
        await dead_letters.stop()
        await pool.close()
    return ReplayReport(
        topic=request.topic,
        blocks=counter.blocks,
        changed_blocks=counter.changed_blocks,
        records=counter.records,
        retriaged=handler.retriaged_count if isinstance(handler, RetriageHandler) else None,
    )


def _handler_of(settings: Settings, request: ReplayRequest) -> BlockHandler[Any]:
    choices = read_choices(settings)
    if not request.is_retriage:
        return handler_of(settings, request.topic, choices)
    if request.topic != TICKETS_RAW.name:
        raise ConfigError(f"only {TICKETS_RAW.name} can be triaged again", setting="--retriage")
    return RetriageHandler(choices.triage)


class _Counter:
    """Counts what it passes on to another observer."""

    def __init__(self, observer: ReplayObserver) -> None:
        self._observer = observer
        self.blocks = self.changed_blocks = self.records = 0

    def planned(self, plans: Sequence[BlockPlan]) -> None:
        self._observer.planned(plans)

    def block_done(self, result: BlockResult) -> None:
        self.blocks += 1
        self.changed_blocks += result.changed
        self.records += result.records
        self._observer.block_done(result)
