"""A seeded series of all that the simulated code asks of the database, and the answers to it."""

from random import Random
from typing import TypeAlias
from uuid import UUID

import msgspec

from schemas.db.pool import Connection, Pool
from schemas.errors import AiOpsError
from schemas.records import DeadLetter, Rejection, SourceRecord
from streams.dead_letters import insert_dead_letters, replace_dead_letters
from streams.offsets import (
    OffsetSpan,
    PartitionRange,
    advance_offset,
    claim_partition,
    lock_offset,
    lock_stored_range,
    select_stored_range,
)
from tests.simulation.numbers import SELECT_BLOCK, SELECT_NUMBERS, NumbersHandler, PreparedNumber

TOPIC = "numbers"
STEPS = 150
OFFSETS = 40
WRITERS = (UUID(int=1), UUID(int=2))
TOPIC_IDS = (None, UUID(int=7))

Answer: TypeAlias = object


async def answers_of_series(pool: Pool, seed: int) -> list[Answer]:
    """Return what each step gives; each is a transaction of its own, some are undone."""
    chooser = Random(seed)
    answers: list[Answer] = []
    async with pool.acquire() as connection:
        for _ in range(STEPS):
            step = chooser.choice(STEPS_TO_CHOOSE)
            transaction = connection.transaction()
            await transaction.start()
            try:
                answer = await step(connection, chooser)
            except AiOpsError as exc:
                answer = str(exc)
            is_kept = chooser.random() < 0.8
            await (transaction.commit() if is_kept else transaction.rollback())
            answers.append((step.__name__, answer))
        answers += [await _all_of(connection, partition) for partition in range(2)]
    return answers


async def _all_of(connection: Connection, partition: int) -> Answer:
    numbers = await connection.fetch(SELECT_NUMBERS, TOPIC, partition)
    block = await connection.fetchrow(SELECT_BLOCK, TOPIC, partition, 0)
    return (
        await select_stored_range(connection, TOPIC, partition),
        [(row["offset"], row["number"]) for row in numbers],
        None if block is None else (block["records"], block["total"]),
    )


async def _claim(connection: Connection, chooser: Random) -> Answer:
    beginning = chooser.randrange(OFFSETS // 4)
    held = PartitionRange(
        topic=TOPIC,
        partition=chooser.randrange(2),
        beginning=beginning,
        end=beginning + chooser.randrange(OFFSETS),
        topic_id=chooser.choice(TOPIC_IDS),
    )
    return await claim_partition(connection, held, chooser.choice(WRITERS))


async def _lock(connection: Connection, chooser: Random) -> Answer:
    return await lock_offset(connection, TOPIC, chooser.randrange(2), chooser.choice(WRITERS))


async def _select(connection: Connection, chooser: Random) -> Answer:
    return await select_stored_range(connection, TOPIC, chooser.randrange(2))


async def _lock_range(connection: Connection, chooser: Random) -> Answer:
    return await lock_stored_range(connection, TOPIC, chooser.randrange(2))


async def _append(connection: Connection, chooser: Random) -> Answer:
    span, numbers = _numbers(chooser)
    await NumbersHandler().append(connection, span, numbers)
    await advance_offset(
        connection, span, max_event_ns=chooser.randrange(100), writer=chooser.choice(WRITERS)
    )
    return await _all_of(connection, span.partition)


async def _replace(connection: Connection, chooser: Random) -> Answer:
    span, numbers = _numbers(chooser)
    differs = await NumbersHandler().replace(connection, span, numbers)
    return differs, await _all_of(connection, span.partition)


async def _note_letters(connection: Connection, chooser: Random) -> Answer:
    await insert_dead_letters(connection, _letters(chooser, _span(chooser)))
    return None


async def _replace_letters(connection: Connection, chooser: Random) -> Answer:
    span = _span(chooser)
    fresh = await replace_dead_letters(connection, span, _letters(chooser, span))
    return [msgspec.structs.asdict(one.record)["offset"] for one in fresh]


def _span(chooser: Random) -> OffsetSpan:
    first = chooser.randrange(OFFSETS)
    end = first + chooser.randrange(1, 10)
    return OffsetSpan(topic=TOPIC, partition=chooser.randrange(2), first=first, end=end)


def _record(span: OffsetSpan, offset: int, value: bytes) -> SourceRecord:
    return SourceRecord(topic=TOPIC, partition=span.partition, offset=offset, value=value)


def _numbers(chooser: Random) -> tuple[OffsetSpan, list[PreparedNumber]]:
    span, handler = _span(chooser), NumbersHandler()
    values = {
        offset: str(chooser.randrange(100)).encode() for offset in range(span.first, span.end)
    }
    return span, [handler.prepare(_record(span, offset, value)) for offset, value in values.items()]


def _letters(chooser: Random, span: OffsetSpan) -> list[DeadLetter]:
    offsets = [one for one in range(span.first, span.end) if chooser.random() < 0.5]
    return [
        DeadLetter(record=_record(span, offset, b"?"), rejection=Rejection("not_a_number"))
        for offset in offsets
    ]


STEPS_TO_CHOOSE = (
    _claim,
    _lock,
    _select,
    _lock_range,
    _append,
    _append,
    _replace,
    _note_letters,
    _replace_letters,
)
