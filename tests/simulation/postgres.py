"""A fake Postgres server, its connections and pools: as much of asyncpg as the agents use."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Self, TypeVar
from uuid import UUID

import asyncpg

from tests.simulation.network import Fate, Network
from tests.simulation.statements import STATEMENTS
from tests.simulation.tables import Changes, Row, Tables, Transaction, Watch

# As the server is told to: an open transaction without a statement is undone.
IDLE_IN_TRANSACTION_S = 10.0
# A client that is gone is noticed at once or by keepalives.
LONGEST_UNNOTICED_S = 20.0

_T = TypeVar("_T")


class FakePostgres:
    """The server: tables that outlive it, sessions that do not."""

    def __init__(
        self, *, idle_s: float = IDLE_IN_TRANSACTION_S, watch: Watch | None = None
    ) -> None:
        self.tables = Tables(watch)
        self.idle_s = idle_s
        self.is_up = True
        self.sessions: list[Session] = []

    def connect(self, client: UUID) -> "Session":
        """Return a new session; `client` is for whoever watches.

        Raises:
            ConnectionRefusedError: the server is down.
        """
        if not self.is_up:
            raise ConnectionRefusedError
        self.sessions = [one for one in self.sessions if not one.is_over]
        session = Session(self, client)
        self.sessions.append(session)
        return session

    def stop(self) -> None:
        """Undo all open transactions and let nobody in."""
        self.is_up = False
        self.end_sessions()

    def start(self) -> None:
        """Let clients in again."""
        self.is_up = True

    def end_sessions(self) -> None:
        """End all sessions, as an administrator may."""
        for session in self.sessions:
            session.end()


class Session:
    """The server's side of a connection."""

    def __init__(self, server: FakePostgres, client: UUID) -> None:
        self._server = server
        self._client = client
        self._transaction: Transaction | None = None
        self._savepoints: list[Changes] = []
        self._idle: asyncio.TimerHandle | None = None
        self.is_over = False

    async def run(self, statement: str, *arguments: object) -> list[Row]:
        """Execute a statement, in the open transaction or in one of its own."""
        self._wake()
        transaction = self._transaction or Transaction(self._server.tables, self._client)
        rows = await STATEMENTS[statement](transaction, *arguments)
        if self._transaction is None:
            transaction.commit()
        self._rest()
        return rows

    async def begin(self) -> None:
        """Open a transaction; within one, a savepoint."""
        if self._transaction is None:
            self._transaction = Transaction(self._server.tables, self._client)
        else:
            self._savepoints.append(self._transaction.save())
        self._rest()

    async def commit(self) -> None:
        """Commit the open transaction, or release the last savepoint."""
        self._wake()
        assert self._transaction is not None
        if self._savepoints:
            self._savepoints.pop()
        else:
            self._transaction.commit()
            self._transaction = None
        self._rest()

    async def roll_back(self) -> None:
        """Undo the open transaction, or what came after the last savepoint."""
        self._wake()
        assert self._transaction is not None
        if self._savepoints:
            self._transaction.go_back(self._savepoints.pop())
        else:
            self._transaction.roll_back()
            self._transaction = None
        self._rest()

    def end(self) -> None:
        """Undo what is open and answer no more; repeating is safe."""
        self.is_over = True
        if self._idle is not None:
            self._idle.cancel()
        if self._transaction is not None:
            self._transaction.roll_back()
            self._transaction = None

    def _wake(self) -> None:
        if self._idle is not None:
            self._idle.cancel()

    def _rest(self) -> None:
        if self._transaction is not None and not self.is_over:
            loop = asyncio.get_running_loop()
            self._idle = loop.call_later(self._server.idle_s, self.end)


class FakeConnection:
    """The client's side."""

    def __init__(self, session: Session, network: Network, chooser: Random) -> None:
        self.session = session
        self._network = network
        self._chooser = chooser
        self.is_lost = False

    async def fetch(self, statement: str, *arguments: object) -> list[Row]:
        """Execute a statement and return its rows."""
        return await self.call(lambda session: session.run(statement, *arguments))

    async def fetchrow(self, statement: str, *arguments: object) -> Row | None:
        """Execute a statement and return its first row."""
        rows = await self.fetch(statement, *arguments)
        return rows[0] if rows else None

    async def execute(self, statement: str, *arguments: object) -> str:
        """Execute a statement."""
        await self.fetch(statement, *arguments)
        return ""

    def transaction(self) -> "FakeTransaction":
        """Return a transaction, not begun."""
        return FakeTransaction(self)

    async def call(self, work: Callable[[Session], Awaitable[_T]]) -> _T:
        """Have the server do something, if the request gets there, and return its answer.

        Raises:
            asyncpg.InterfaceError: the connection was lost before.
            asyncpg.ConnectionDoesNotExistError: it is lost now; was the work done? Who knows.
            TimeoutError: no answer came in time.
        """
        if self.is_lost:
            raise asyncpg.InterfaceError("the underlying connection is closed")
        fate = self._network.next_fate()
        try:
            await self._network.carry()
            answer = await self._asked(work, fate)
            await self._network.carry()
        except (TimeoutError, asyncpg.AdminShutdownError, asyncpg.ConnectionDoesNotExistError):
            self.lose()
            raise
        if fate is Fate.ANSWER_LOST or self.session.is_over:
            self.lose()
            raise asyncpg.ConnectionDoesNotExistError("connection was closed")
        return answer

    async def _asked(self, work: Callable[[Session], Awaitable[_T]], fate: Fate) -> _T:
        if fate is Fate.REQUEST_LOST or self.session.is_over:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed")
        return await work(self.session)

    def lose(self) -> None:
        """Be of no use any more; the server notices some time later."""
        if not self.is_lost:
            self.is_lost = True
            unnoticed_s = self._chooser.choice((0.0, self._chooser.uniform(0, LONGEST_UNNOTICED_S)))
            asyncio.get_running_loop().call_later(unnoticed_s, self.session.end)


class FakeTransaction:
    """A transaction of a connection, by `async with` or by hand."""

    def __init__(self, connection: FakeConnection) -> None:
        self._connection = connection

    async def start(self) -> None:
        """Begin."""
        await self._connection.call(Session.begin)

    async def commit(self) -> None:
        """Commit."""
        await self._connection.call(Session.commit)

    async def rollback(self) -> None:
        """Undo."""
        await self._connection.call(Session.roll_back)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await (self.commit() if kind is None else self.rollback())


class FakePool:
    """Connections of one client; those in use are known, so that the client can be killed."""

    def __init__(
        self, server: FakePostgres, network: Network, chooser: Random, client: UUID
    ) -> None:
        self._server = server
        self._client = client
        self._network = network
        self._chooser = chooser
        self._free: list[FakeConnection] = []
        self._used: list[FakeConnection] = []

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[FakeConnection]:
        """Yield a connection that is not known to be lost.

        Raises:
            ConnectionRefusedError: the server is down.
        """
        connection = await self._connection()
        self._used.append(connection)
        try:
            yield connection
        finally:
            self._used.remove(connection)
            if not connection.is_lost:
                self._free.append(connection)

    async def _connection(self) -> FakeConnection:
        while self._free:
            connection = self._free.pop()
            if not connection.session.is_over:
                return connection
        await self._network.carry()
        return FakeConnection(self._server.connect(self._client), self._network, self._chooser)

    def abandon(self) -> None:
        """Be gone, as a killed process is: the server notices some time later."""
        for connection in (*self._used, *self._free):
            connection.lose()
