"""One LISTEN connection a process: it wakes who waits for progress, and tells of revocations."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

import asyncpg
import msgspec
import structlog

from graphql_api.store.loans import is_database_away
from schemas.db.pool import CONNECT_TIMEOUT_S
from schemas.ids import RecordId

PROGRESS: Final = "aiops_progress"
SUMMARIES: Final = "aiops_summaries"
CHANGELOGS: Final = "aiops_changelogs"
TRIAGES: Final = "aiops_triages"
REPLAYS: Final = "aiops_replays"
ACCESS: Final = "aiops_access"
POLL_S: Final = 0.5
_RETRY_S: Final = 0.5

log = structlog.get_logger(__name__)

Partition = tuple[str, int]


class Progress(msgspec.Struct, frozen=True):
    """A committed batch: the partition's next offset."""

    topic: str
    partition: int
    next_offset: int


class SummaryNote(msgspec.Struct, frozen=True):
    """A window whose summary was written or revised; '' stands for no service."""

    service: str
    start_ns: int


class ChangelogNote(msgspec.Struct, frozen=True):
    """A changelog that was written, revised or (revision 0) removed; '' is what is unreleased."""

    repository: str
    release: str
    revision: int


class TriageNote(msgspec.Struct, frozen=True):
    """A ticket that was triaged."""

    project: str
    ticket_id: str


class ReplayNote(msgspec.Struct, frozen=True):
    """A replay that was asked for, has gone on, or has ended."""

    run_id: str


SELECT_NEXT_OFFSETS: Final = """
SELECT topic, partition, next_offset FROM stream_offsets
WHERE (topic, partition) IN (SELECT * FROM unnest($1::text[], $2::int[]))
"""


class Listener:
    """Listens on its own connection; whatever may have been missed is asked for after a reconnect.

    `on_progress`, `on_summary`, `on_changelog`, `on_access` and `on_reconnect` are called in the
    event loop.
    """

    def __init__(self, dsn: str, *, max_waiters: int) -> None:
        self._dsn = dsn
        self._max_waiters = max_waiters
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._waiters: dict[Partition, set[tuple[int, asyncio.Future[None]]]] = defaultdict(set)
        self._waiting = 0
        self._task: asyncio.Task[None] | None = None
        self.on_progress: list[Callable[[Progress], None]] = [self._wake]
        self.on_summary: list[Callable[[SummaryNote], None]] = []
        self.on_changelog: list[Callable[[ChangelogNote], None]] = []
        self.on_triage: list[Callable[[TriageNote], None]] = []
        self.on_replay: list[Callable[[ReplayNote], None]] = []
        self.on_access: list[Callable[[], None]] = []
        self.on_reconnect: list[Callable[[], None]] = []

    @property
    def is_connected(self) -> bool:
        """Tell whether notifications arrive at present."""
        return self._connection is not None and not self._connection.is_closed()

    @property
    def waiting(self) -> int:
        """Return how many wait at present."""
        return self._waiting

    def start(self) -> None:
        """Connect in the background, again and again if need be."""
        self._task = asyncio.create_task(self._run(), name="listener")

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._connection is not None:
            self._connection.terminate()

    async def wait_until_passed(self, record_id: RecordId, timeout_s: float) -> bool:
        """Wait until the partition's stored next offset has passed a record; False if it has not.

        At most `max_waiters` wait; who comes later is told False at once.
        """
        if self._waiting >= self._max_waiters:
            return False
        partition = (record_id.topic, record_id.partition)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = (record_id.offset, future)
        self._waiters[partition].add(waiter)
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            return False
        else:
            return True
        finally:
            self._waiting -= 1
            self._forget(partition, waiter)

    def _forget(self, partition: Partition, waiter: tuple[int, asyncio.Future[None]]) -> None:
        waiters = self._waiters.get(partition)
        if waiters is not None:
            waiters.discard(waiter)
            if not waiters:
                del self._waiters[partition]

    def _wake(self, progress: Progress) -> None:
        for offset, future in self._waiters.get((progress.topic, progress.partition), ()):
            if offset < progress.next_offset and not future.done():
                future.set_result(None)

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as exc:  # noqa: BLE001 - the top of a task, which must go on
                if not is_database_away(exc):
                    log.warning("listener_failed", error=type(exc).__name__)
            await asyncio.sleep(_RETRY_S)

    async def _listen(self) -> None:
        """Listen until the connection is lost."""
        connection = await asyncpg.connect(
            self._dsn,
            timeout=CONNECT_TIMEOUT_S,
            server_settings={"application_name": "aiops-api-listener"},
        )
        try:
            await connection.add_listener(PROGRESS, self._heard_progress)
            await connection.add_listener(SUMMARIES, self._heard_summary)
            await connection.add_listener(CHANGELOGS, self._heard_changelog)
            await connection.add_listener(TRIAGES, self._heard_triage)
            await connection.add_listener(REPLAYS, self._heard_replay)
            await connection.add_listener(ACCESS, self._heard_access)
            self._connection = connection
            for told in self.on_reconnect:
                told()
            # The first poll reads what was committed before LISTEN; the rest are the backup.
            while not connection.is_closed():
                await self._poll(connection)
                await asyncio.sleep(POLL_S)
        finally:
            self._connection = None
            connection.terminate()

    async def _poll(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        if not self._waiters:
            # Nothing to ask for, but a dead connection must be noticed.
            await connection.fetchval("SELECT 1", timeout=CONNECT_TIMEOUT_S)
            return
        topics, partitions = zip(*self._waiters, strict=True)
        rows = await connection.fetch(
            SELECT_NEXT_OFFSETS, list(topics), list(partitions), timeout=CONNECT_TIMEOUT_S
        )
        for row in rows:
            self._wake(Progress(row["topic"], row["partition"], row["next_offset"]))

    def _heard_progress(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        self._heard(payload, Progress, self.on_progress)

    def _heard_summary(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        self._heard(payload, SummaryNote, self.on_summary)

    def _heard_changelog(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        self._heard(payload, ChangelogNote, self.on_changelog)

    def _heard_triage(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        self._heard(payload, TriageNote, self.on_triage)

    def _heard_replay(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        self._heard(payload, ReplayNote, self.on_replay)

    def _heard_access(self, _connection: Any, _pid: int, _channel: str, _payload: object) -> None:
        for told in self.on_access:
            told()

    def _heard(self, payload: object, kind: type[Any], told: list[Callable[[Any], None]]) -> None:
        try:
            note = msgspec.json.decode(str(payload), type=kind)
        except msgspec.MsgspecError:
            log.warning("notification_malformed", kind=kind.__name__)
            return
        for one in told:
            one(note)
