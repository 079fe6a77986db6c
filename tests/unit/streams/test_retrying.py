import asyncio

import asyncpg
import pytest

from schemas.errors import ConfigError, OffsetFenceError, TransientError
from streams.retrying import FIRST_DELAY_S, MAX_DELAY_S, is_transient, retry_transient

PASSING = [
    asyncpg.ConnectionDoesNotExistError("connection was closed"),  # 08003
    asyncpg.SerializationError("could not serialize"),  # 40001
    asyncpg.DeadlockDetectedError("deadlock"),  # 40P01
    asyncpg.DiskFullError("no space"),  # 53100
    asyncpg.TooManyConnectionsError("too many"),  # 53300
    asyncpg.AdminShutdownError("terminating"),  # 57P01
    asyncpg.CrashShutdownError("terminating"),  # 57P02
    asyncpg.CannotConnectNowError("starting up"),  # 57P03
    asyncpg.QueryCanceledError("statement timeout"),  # 57014
    asyncpg.IdleInTransactionSessionTimeoutError("idle"),  # 25P03
    asyncpg.ReadOnlySQLTransactionError("standby"),  # 25006
    asyncpg.LockNotAvailableError("lock timeout"),  # 55P03
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.InternalClientError("cannot switch to state 15; another operation is in progress"),
    ConnectionRefusedError(111, "refused"),
    ConnectionResetError(104, "reset"),
    TimeoutError(),
    TransientError("no answer"),
]
LASTING = [
    asyncpg.DataError("invalid input"),  # 22000
    asyncpg.NumericValueOutOfRangeError("out of range"),  # 22003
    asyncpg.UniqueViolationError("duplicate key"),  # 23505
    asyncpg.UndefinedTableError("no such table"),  # 42P01
    asyncpg.UndefinedColumnError("no such column"),  # 42703
    asyncpg.InsufficientPrivilegeError("denied"),  # 42501
    OffsetFenceError(topic="logs.raw", partition=0),
    ConfigError("not migrated"),
    ValueError("a bug"),
    KeyError("a bug"),
]


@pytest.mark.parametrize("exc", PASSING, ids=lambda exc: type(exc).__name__)
def test_what_passes_by_itself_is_repeated(exc: Exception) -> None:
    assert is_transient(exc)


@pytest.mark.parametrize("exc", LASTING, ids=lambda exc: type(exc).__name__)
def test_what_stays_as_it_is_is_not_repeated(exc: Exception) -> None:
    assert not is_transient(exc)


def test_the_text_of_an_error_decides_nothing() -> None:
    assert not is_transient(RuntimeError("connection is closed, deadlock detected"))


class Attempts:
    """Fails with each of the given errors in turn, then succeeds; notes the pauses between."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.pauses: list[float] = []

    async def attempt(self) -> str:
        if self.failures:
            raise self.failures.pop(0)
        return "done"

    async def pause(self, delay_s: float) -> None:
        self.pauses.append(delay_s)

    async def run(self) -> str:
        return await retry_transient("test", self.attempt, pause=self.pause)


async def test_success_waits_for_nothing() -> None:
    attempts = Attempts()

    assert await attempts.run() == "done"
    assert attempts.pauses == []


async def test_pauses_double_up_to_a_limit() -> None:
    attempts = Attempts(*[ConnectionRefusedError() for _ in range(10)])

    assert await attempts.run() == "done"
    assert attempts.pauses[:3] == [FIRST_DELAY_S, 2 * FIRST_DELAY_S, 4 * FIRST_DELAY_S]
    assert attempts.pauses[-1] == MAX_DELAY_S
    assert len(attempts.pauses) == 10


async def test_a_lasting_error_leaves_at_once() -> None:
    attempts = Attempts(ConnectionRefusedError(), ValueError("a bug"), ConnectionRefusedError())

    with pytest.raises(ValueError, match="a bug"):
        await attempts.run()
    assert len(attempts.pauses) == 1


async def test_cancelling_ends_the_wait() -> None:
    attempts = Attempts(ConnectionRefusedError())
    paused = asyncio.Event()

    async def pause_for_ever(_: float) -> None:
        paused.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(retry_transient("test", attempts.attempt, pause=pause_for_ever))
    await paused.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


class CutOffTransaction:
    """Waits in the midst of its work; its clean-up fails, as a rollback does without a server."""

    def __init__(self) -> None:
        self.began = asyncio.Event()

    async def attempt(self) -> None:
        try:
            self.began.set()
            await asyncio.Event().wait()
        finally:
            raise asyncpg.InterfaceError("the underlying connection is closed")


async def test_a_cancelled_attempt_that_cannot_clean_up_is_not_repeated() -> None:
    work = CutOffTransaction()
    task = asyncio.create_task(retry_transient("test", work.attempt))
    await work.began.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_time_limit_ends_an_attempt_that_cannot_clean_up() -> None:
    with pytest.raises(TimeoutError):
        await attempt_for(0.01)


async def attempt_for(limit_s: float) -> None:
    async with asyncio.timeout(limit_s):
        await retry_transient("test", CutOffTransaction().attempt)
