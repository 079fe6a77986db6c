"""Runs a redrive from the command line: who is told, what is counted, when it ends."""

import asyncio
import signal
from collections import Counter
from typing import Final

import msgspec

from aiops.absences import told_absences
from aiops.value_filter import ValueFilter
from schemas.db.pool import open_pool
from schemas.settings import Settings
from streams.redrive import Outcome, RedriveObserver, Redriver, RedriveRequest

POOL_SIZE: Final = 2


class RedriveReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the records met on the dead letter topic: `read` is the sum of `outcomes`."""

    topic: str
    is_dry_run: bool
    read: int
    outcomes: dict[Outcome, int]


async def redrive_topic(
    settings: Settings,
    request: RedriveRequest,
    observer: RedriveObserver,
    value_filter: ValueFilter | None,
) -> RedriveReport:
    """Send the open letters of a topic; Ctrl-C and SIGTERM end it behind the letter at hand.

    Raises:
        ConfigError: the topic or its dead letter topic does not exist.
        TransientError: the broker or Postgres does not answer.
    """
    counter = _Counter(observer)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    with told_absences():
        pool = await open_pool(
            settings.postgres_dsn, application_name="aiops-redrive", max_size=POOL_SIZE
        )
        try:
            redriver = Redriver(settings.kafka_bootstrap, pool, request, repair=value_filter)
            await redriver.run(counter, stopping)
        finally:
            await pool.close()
    return RedriveReport(
        topic=request.topic,
        is_dry_run=request.is_dry_run,
        read=counter.outcomes.total(),
        outcomes={outcome: counter.outcomes[outcome] for outcome in Outcome},
    )


class _Counter:
    """Counts what it passes on to another observer."""

    def __init__(self, observer: RedriveObserver) -> None:
        self._observer = observer
        self.outcomes: Counter[Outcome] = Counter()

    def planned(self, records: int) -> None:
        self._observer.planned(records)

    def record_done(self, outcome: Outcome) -> None:
        self.outcomes[outcome] += 1
        self._observer.record_done(outcome)
