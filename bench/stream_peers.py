"""Peers of the logs worker, run by `bench.streams` and `bench.peers` in processes of their own.

Each shares the topic with the others of its group, parses the lines and stores a row a line. After
so many lines it prints the CPU seconds it took from its first record to its last commit.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import faust  # noqa: TID251 - one peer is a plain Faust agent
import psycopg
from confluent_kafka import Consumer, Message

BATCH_RECORDS: Final = 5_000
INSERTED_ROWS: Final = 500

ROWS: Final = """
DROP TABLE IF EXISTS peer_rows, peer_watermarks;
CREATE TABLE peer_rows (
    partition integer, "offset" bigint, record_ms bigint, event_time text, level text, body text);
"""
KEY: Final = 'ALTER TABLE peer_rows ADD PRIMARY KEY (partition, "offset")'
WATERMARKS: Final = "CREATE TABLE peer_watermarks (partition integer PRIMARY KEY, next bigint)"
# What keeps a peer from storing a line twice.
TABLES: Final = {"bare": ROWS + WATERMARKS, "faust": ROWS + KEY, "quix": ROWS + KEY}
COPY: Final = "COPY peer_rows FROM STDIN"
UPSERT: Final = """
INSERT INTO peer_watermarks VALUES (%s, %s)
ON CONFLICT (partition) DO UPDATE SET next = EXCLUDED.next
"""
INSERT: Final = "INSERT INTO peer_rows VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"


def row_of(partition: int, offset: int, record_ms: int, value: bytes) -> tuple[Any, ...]:
    event_time, level, body = value.decode().split(" ", 2)
    return partition, offset, record_ms, event_time, level, body


def run_bare(bootstrap: str, dsn: str, topic: str, count: int) -> None:
    """Confluent's consumer and COPY, rows and positions in one transaction: the Python limit."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"{topic}.bare",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": "false",
        }
    )
    consumer.subscribe([topic])
    with psycopg.connect(dsn) as connection:
        messages: list[Message] = []
        while not messages:
            messages = consumer.consume(1, timeout=30)
        started = time.process_time()
        while count:
            messages += consumer.consume(BATCH_RECORDS, timeout=1)
            copy_batch(connection, messages)
            count -= len(messages)
            messages = []
        print(time.process_time() - started)
    consumer.close()


def copy_batch(connection: psycopg.Connection[Any], messages: Sequence[Message]) -> None:
    ends: dict[int, int] = {}
    with connection.cursor() as cursor:
        with cursor.copy(COPY) as copy:
            for message in messages:
                partition, offset = message.partition() or 0, message.offset() or 0
                ends[partition] = offset + 1
                copy.write_row(
                    row_of(partition, offset, message.timestamp()[1], message.value() or b"")
                )
        cursor.executemany(UPSERT, list(ends.items()))
    connection.commit()


class PlainApp(faust.App):
    """Faust as it comes, but for the folders that it makes and leaves behind."""

    async def on_first_start(self) -> None:
        """Make none."""


def run_faust(bootstrap: str, dsn: str, topic: str, count: int) -> None:
    """The agent of Faust's own tutorial, with an INSERT of some rows at a time."""
    app = PlainApp(
        f"{topic}.faust",
        broker=f"kafka://{bootstrap}",
        value_serializer="raw",
        key_serializer="raw",
        web_enabled=False,
        topic_disable_leader=True,
        store="memory://",
    )

    async def store(stream: faust.StreamT[Any]) -> None:
        connection = await asyncpg.connect(dsn)
        rows: list[tuple[Any, ...]] = []
        seen, started = 0, time.process_time()
        async for event in stream.events():
            message = event.message
            rows.append(
                row_of(
                    message.partition, message.offset, int(message.timestamp * 1000), event.value
                )
            )
            seen += 1
            if len(rows) == INSERTED_ROWS or seen == count:
                await connection.executemany(INSERT, rows)
                rows.clear()
            if seen == count:
                print(time.process_time() - started, flush=True)
                os._exit(0)

    app.agent(app.topic(topic))(store)

    async def run() -> None:
        await app.start()
        await asyncio.Event().wait()

    asyncio.run(run())


PEERS: Final = {"bare": run_bare, "faust": run_faust}
