"""Runs a replay from the command line: a row of its own, progress, what changed."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from getpass import getuser
from typing import Any, Final

import msgspec

from aiops.absences import told_absences
from aiops.choices import read_choices
from schemas.db.migrate import require_migrated
from schemas.db.pool import Pool, open_pool
from schemas.errors import ConfigError
from schemas.events import ReplayStartEvent
from schemas.settings import Settings
from streams.dead_letters import DeadLetterProducer
from streams.domain.replays import BadReplayRequestError, ReplayRange, check_request
from streams.domain.replays import parse_range as parse_bounds
from streams.replay import Replayer, ReplayObserver
from streams.replay_runner import POOL_SIZE, ReplayRunner, block_handler
from streams.retrying import retry_transient
from streams.store.replay_runs import NewRun, ReplayRun, insert_run

ID_BYTES: Final = 4


class ReplayRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to replay, all partitions where none is named; bounds are offsets or times."""

    topic: str
    begin: str | None = None
    end: str | None = None
    partition: int | None = None
    is_dry_run: bool = False
    is_retriage: bool = False


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay did, or would do; `retriaged` tickets have another triage now."""

    run_id: str
    state: str
    topic: str
    is_dry_run: bool
    blocks: int
    changed_blocks: int
    records: int
    retriaged: int | None = None


def parse_range(begin: str | None, end: str | None) -> ReplayRange:
    """Return the range; each end is an offset (digits) or an RFC 3339 time, UTC unless it says.

    Raises:
        ConfigError: a text is neither.
    """
    try:
        return parse_bounds(begin, end)
    except BadReplayRequestError as exc:
        raise ConfigError(exc.problem, setting=f"--{exc.argument}") from exc


async def replay_topic(
    settings: Settings,
    request: ReplayRequest,
    observer: ReplayObserver,
    named: Callable[[str], None] = lambda _: None,
) -> ReplayReport:
    """Replay the blocks that the request touches; `named` is told the id to resume it by.

    Raises:
        ConfigError: no stream of ours reads the topic, or it does not exist.
        ReplayRefusedError: retention has cut into a block.
        TransientError: the broker or Postgres does not answer.
    """
    asked = _checked(request)
    choices = read_choices(settings)
    block_handler(settings, asked.topic, choices, retriage=asked.is_retriage)
    async with _opened_pool(settings) as pool:
        run_id = await _insert(pool, asked)
        named(run_id)
        return _report(await ReplayRunner(settings, pool, choices, observer).run(run_id))


async def resume_replay(settings: Settings, run_id: str, observer: ReplayObserver) -> ReplayReport:
    """Do what is left of a replay that was interrupted or has failed, or was only asked for.

    Raises:
        ConfigError: there is none, it has ended, or another process runs it.
        ReplayRefusedError: retention has cut into a block.
        TransientError: the broker or Postgres does not answer.
    """
    choices = read_choices(settings)
    async with _opened_pool(settings) as pool:
        return _report(await ReplayRunner(settings, pool, choices, observer).run(run_id))


async def resume_in_background(
    settings: Settings, run_id: str, observer: ReplayObserver
) -> ReplayReport:
    """Do what is left of a replay, however long the broker or Postgres is away.

    Raises:
        ConfigError: there is none, it has ended, or another process runs it.
        ReplayRefusedError: retention has cut into a block.
    """
    return await retry_transient("replay", lambda: resume_replay(settings, run_id, observer))


async def compare_topic(
    settings: Settings, topic: str, wanted: ReplayRange, observer: ReplayObserver
) -> None:
    """Tell the observer of each block whether a replay would change it; nothing is written.

    Raises:
        ConfigError: no stream of ours reads the topic, or it does not exist.
        ReplayRefusedError: retention has cut into a block.
        TransientError: the broker or Postgres does not answer.
    """
    handler = block_handler(settings, topic, read_choices(settings), retriage=False)
    dead_letters = DeadLetterProducer(settings.kafka_bootstrap)
    async with _opened_pool(settings) as pool:
        replayer: Replayer[Any] = Replayer(settings, pool, handler, dead_letters)
        plans = await replayer.plan(topic, wanted)
        observer.planned(len(plans), 0)
        await replayer.run(plans, is_dry_run=True, observer=observer)


def _checked(request: ReplayRequest) -> ReplayStartEvent:
    asked = ReplayStartEvent(
        topic=request.topic,
        partition=request.partition,
        from_bound=request.begin,
        to_bound=request.end,
        is_retriage=request.is_retriage,
        is_dry_run=request.is_dry_run,
        requested_by=_user_name(),
    )
    try:
        check_request(asked)
    except BadReplayRequestError as exc:
        raise ConfigError(exc.problem, setting=f"--{exc.argument}") from exc
    return asked


def _user_name() -> str:
    try:
        return getuser()
    except (OSError, KeyError):
        # A container's user need not have a name.
        return "unknown"


@asynccontextmanager
async def _opened_pool(settings: Settings) -> AsyncIterator[Pool]:
    with told_absences():
        pool = await open_pool(
            settings.postgres_dsn, application_name="aiops-replay", max_size=POOL_SIZE
        )
        try:
            async with pool.acquire() as connection:
                await require_migrated(connection)
            yield pool
        finally:
            await pool.close()


async def _insert(pool: Pool, asked: ReplayStartEvent) -> str:
    new = NewRun(
        run_id=secrets.token_hex(ID_BYTES),
        asked=asked,
        requested_at=datetime.now(UTC),
        is_attended=True,
    )
    async with pool.acquire() as connection:
        await insert_run(connection, new)
    return new.run_id


def _report(run: ReplayRun) -> ReplayReport:
    return ReplayReport(
        run_id=run.run_id,
        state=run.state,
        topic=run.topic,
        is_dry_run=run.is_dry_run,
        blocks=run.done_blocks,
        changed_blocks=run.changed_blocks,
        records=run.records,
        retriaged=run.retriaged if run.is_retriage else None,
    )
