"""What the product's statements do, by their identity, on the rows of the fake database.

Each statement that the simulated code sends is one function here; the contract of the database
(`contracts.py`) holds them to what Postgres makes of the same text.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias
from uuid import UUID

from streams.dead_letters import (
    DELETE_DEAD_LETTERS,
    INSERT_DEAD_LETTERS,
    SELECT_DEAD_LETTER_OFFSETS,
)
from streams.offsets import (
    ADVANCE_OFFSET,
    CLAIM_PARTITION,
    INSERT_GAP,
    LOCK_OFFSET,
    LOCK_STORED_RANGE,
    SELECT_NEXT_OFFSETS,
    SELECT_STORED_RANGE,
    SKIP_TO,
)
from streams.store.shelves import FREE_SHELVES, KEEP_SHELVES
from tests.simulation.numbers import (
    ADD_TO_BLOCK,
    DELETE_BLOCK,
    DELETE_NUMBERS,
    INSERT_NUMBERS,
    SELECT_BLOCK,
    SELECT_NUMBERS,
    SELECT_WRITER,
)
from tests.simulation.tables import Key, Row, Transaction

Run: TypeAlias = Callable[..., Awaitable[list[Row]]]

OFFSETS: Final = "stream_offsets"
GAPS: Final = "offset_gaps"
LETTERS: Final = "dead_letters"
NUMBERS: Final = "numbers"
BLOCKS: Final = "number_blocks"


async def _claim(
    tx: Transaction, topic: str, partition: int, topic_id: UUID | None, begin: int, writer: UUID
) -> list[Row]:
    key: Key = (OFFSETS, topic, partition)
    await tx.lock(key)
    new = {"topic_id": topic_id, "first_offset": begin, "next_offset": begin, "max_event_ns": 0}
    stored = tx.get(key) or new
    row = {**stored, "topic_id": stored["topic_id"] or topic_id, "writer": writer}
    await tx.put(key, row)
    return [row]


async def _skip(tx: Transaction, topic: str, partition: int, offset: int) -> list[Row]:
    key: Key = (OFFSETS, topic, partition)
    await tx.lock(key)
    stored = tx.get(key)
    if stored is not None:
        await tx.put(key, {**stored, "next_offset": offset})
    return []


async def _insert_gap(
    tx: Transaction, topic: str, partition: int, from_offset: int, to_offset: int
) -> list[Row]:
    key: Key = (GAPS, topic, partition, from_offset)
    await tx.lock(key)
    if tx.get(key) is None:
        await tx.put(key, {"from_offset": from_offset, "to_offset": to_offset})
    return []


async def _lock(tx: Transaction, topic: str, partition: int) -> list[Row]:
    key: Key = (OFFSETS, topic, partition)
    if tx.get(key) is None:
        return []
    await tx.lock(key)
    return _found(tx.get(key))


async def _select_offset(tx: Transaction, topic: str, partition: int) -> list[Row]:
    return _found(tx.get((OFFSETS, topic, partition)))


async def _select_offsets(tx: Transaction, topic: str) -> list[Row]:
    return [{**row, "partition": key[2]} for key, row in tx.of(OFFSETS) if key[1] == topic]


async def _advance(
    tx: Transaction, topic: str, partition: int, end: int, event_ns: int, writer: UUID, *_: str
) -> list[Row]:
    key: Key = (OFFSETS, topic, partition)
    await tx.lock(key)
    stored = tx.get(key)
    if stored is None or stored["writer"] != writer:
        return []
    newest = max(stored["max_event_ns"], event_ns)
    row = {**stored, "next_offset": end, "max_event_ns": newest}
    await tx.put(key, row)
    return [row]


async def _insert_letters(tx: Transaction, *columns: list[Any]) -> list[Row]:
    for topic, partition, offset, reason, *_ in zip(*columns, strict=True):
        key: Key = (LETTERS, topic, partition, offset)
        await tx.lock(key)
        if tx.get(key) is None:
            await tx.put(key, {"offset": offset, "reason": reason})
    return []


async def _delete_letters(
    tx: Transaction, topic: str, partition: int, first: int, end: int, kept: list[int]
) -> list[Row]:
    for key, row in _within(tx, LETTERS, topic, partition, range(first, end)):
        if row["offset"] not in kept:
            await tx.delete(key)
    return []


async def _hold_nothing(_: Transaction) -> list[Row]:
    """Answer who keeps old lines from being dropped: nobody drops any here."""
    return []


async def _select_letters(
    tx: Transaction, topic: str, partition: int, first: int, end: int
) -> list[Row]:
    return [row for _, row in _within(tx, LETTERS, topic, partition, range(first, end))]


async def _insert_numbers(
    tx: Transaction, topic: str, partition: int, offsets: list[int], numbers: list[int]
) -> list[Row]:
    for offset, number in zip(offsets, numbers, strict=True):
        row = {"topic": topic, "partition": partition, "offset": offset, "number": number}
        tx.insert(NUMBERS, row)
    return []


async def _delete_numbers(
    tx: Transaction, topic: str, partition: int, first: int, end: int
) -> list[Row]:
    for key, row in tx.of(NUMBERS):
        if (row["topic"], row["partition"]) == (topic, partition) and first <= row["offset"] < end:
            await tx.delete(key)
    return []


async def _select_numbers(tx: Transaction, topic: str, partition: int) -> list[Row]:
    rows = [row for _, row in tx.of(NUMBERS)]
    mine = [row for row in rows if (row["topic"], row["partition"]) == (topic, partition)]
    return sorted(mine, key=lambda row: (row["offset"], row["number"]))


async def _add_to_block(
    tx: Transaction, topic: str, partition: int, block: int, records: int, total: int
) -> list[Row]:
    key: Key = (BLOCKS, topic, partition, block)
    await tx.lock(key)
    stored = tx.get(key) or {"records": 0, "total": 0}
    row = {"records": stored["records"] + records, "total": stored["total"] + total}
    await tx.put(key, row)
    return []


async def _delete_block(tx: Transaction, topic: str, partition: int, block: int) -> list[Row]:
    await tx.delete((BLOCKS, topic, partition, block))
    return []


async def _select_block(tx: Transaction, topic: str, partition: int, block: int) -> list[Row]:
    return _found(tx.get((BLOCKS, topic, partition, block)))


def _found(row: Row | None) -> list[Row]:
    return [] if row is None else [row]


def _within(
    tx: Transaction, table: str, topic: str, partition: int, offsets: range
) -> list[tuple[Key, Row]]:
    return [
        (key, row)
        for key, row in tx.of(table)
        if key[1:3] == (topic, partition) and row["offset"] in offsets
    ]


STATEMENTS: Final[Mapping[str, Run]] = {
    CLAIM_PARTITION: _claim,
    SKIP_TO: _skip,
    INSERT_GAP: _insert_gap,
    LOCK_OFFSET: _lock,
    SELECT_STORED_RANGE: _select_offset,
    SELECT_NEXT_OFFSETS: _select_offsets,
    KEEP_SHELVES: _hold_nothing,
    FREE_SHELVES: _hold_nothing,
    LOCK_STORED_RANGE: _lock,
    SELECT_WRITER: _select_offset,
    ADVANCE_OFFSET: _advance,
    INSERT_DEAD_LETTERS: _insert_letters,
    DELETE_DEAD_LETTERS: _delete_letters,
    SELECT_DEAD_LETTER_OFFSETS: _select_letters,
    INSERT_NUMBERS: _insert_numbers,
    DELETE_NUMBERS: _delete_numbers,
    SELECT_NUMBERS: _select_numbers,
    ADD_TO_BLOCK: _add_to_block,
    DELETE_BLOCK: _delete_block,
    SELECT_BLOCK: _select_block,
}
