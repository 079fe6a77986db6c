"""The rows of the fake database: transactions, row locks, read committed."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

# The name of the table, then the row's key.
Key: TypeAlias = tuple[str | int, ...]
Row: TypeAlias = dict[str, Any]
Changes: TypeAlias = dict[Key, Row | None]
# Told whose transaction is about to be committed, and its rows; None for a deleted one.
Watch: TypeAlias = Callable[["Tables", UUID, Changes], None]


class Tables:
    """What is committed, and who holds which row."""

    def __init__(self, watch: Watch | None = None) -> None:
        self.rows: dict[Key, Row] = {}
        self.holders: dict[Key, Transaction] = {}
        self.waiting: dict[Key, deque[asyncio.Future[None]]] = {}
        self._watch = watch
        self._serial = 0

    def next_serial(self) -> int:
        """Return a number that no row has, for tables without a key."""
        self._serial += 1
        return self._serial

    def commit(self, client: UUID, changes: Changes) -> None:
        """Make changes visible, all at once."""
        if self._watch is not None:
            self._watch(self, client, changes)
        for key, row in changes.items():
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row

    def of(self, table: str) -> Iterator[tuple[Key, Row]]:
        """Yield the committed rows of a table."""
        return ((key, row) for key, row in self.rows.items() if key[0] == table)


class Transaction:
    """Sees what is committed and its own changes; holds the rows it wrote or locked to its end."""

    def __init__(self, tables: Tables, client: UUID) -> None:
        self._tables = tables
        self._client = client
        self._changes: Changes = {}
        self._held: list[Key] = []
        self._blocked: asyncio.Future[None] | None = None
        self.is_over = False

    def get(self, key: Key) -> Row | None:
        """Return a row as this transaction sees it."""
        return self._changes[key] if key in self._changes else self._tables.rows.get(key)

    def of(self, table: str) -> list[tuple[Key, Row]]:
        """Return the rows of a table as this transaction sees them, in order of the key."""
        seen = {**dict(self._tables.of(table))}
        for key, row in self._changes.items():
            if key[0] == table:
                seen.pop(key, None)
                if row is not None:
                    seen[key] = row
        return sorted(seen.items(), key=lambda item: item[0])

    async def lock(self, key: Key) -> None:
        """Hold a row, present or to be, when whoever holds it now is over.

        Raises:
            asyncpg.AdminShutdownError: the session was ended meanwhile.
        """
        while self._tables.holders.get(key, self) is not self:
            self._blocked = asyncio.get_running_loop().create_future()
            self._tables.waiting.setdefault(key, deque()).append(self._blocked)
            await self._blocked
            self._blocked = None
        if self.is_over:
            raise asyncpg.AdminShutdownError("terminating connection")
        if key not in self._tables.holders:
            self._tables.holders[key] = self
            self._held.append(key)

    async def put(self, key: Key, row: Row) -> None:
        """Write a row."""
        await self.lock(key)
        self._changes[key] = row

    def save(self) -> Changes:
        """Return the changes so far, to go back to."""
        return dict(self._changes)

    def go_back(self, saved: Changes) -> None:
        """Forget the changes since they were saved; the rows stay held."""
        self._changes = saved

    def insert(self, table: str, row: Row) -> None:
        """Add a row to a table without a key."""
        self._changes[table, self._tables.next_serial()] = row

    async def delete(self, key: Key) -> None:
        """Delete a row."""
        await self.lock(key)
        self._changes[key] = None

    def commit(self) -> None:
        """Make the changes visible and let the rows go."""
        self._tables.commit(self._client, self._changes)
        self._end()

    def roll_back(self) -> None:
        """Forget the changes and let the rows go."""
        self._end()
        if self._blocked is not None and not self._blocked.done():
            self._blocked.set_exception(asyncpg.AdminShutdownError("terminating connection"))

    def _end(self) -> None:
        self.is_over = True
        for key in self._held:
            del self._tables.holders[key]
            for future in self._tables.waiting.pop(key, ()):
                if not future.done():
                    future.set_result(None)
