"""The lines around one, while a worker writes on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from graphql_api.store.database import Database
from graphql_api.store.lines import LineReader
from schemas.db.pool import Connection
from schemas.ids import RecordId
from schemas.records import SourceRecord
from streams.domain.log_lines import LinePreparer, PreparedRecord
from tests.log_records import START_MS
from tests.stored_lines import TOPIC, append

pytestmark = pytest.mark.integration


def prepared(count: int) -> list[PreparedRecord]:
    preparer = LinePreparer()
    return [
        preparer.prepare(
            SourceRecord(
                topic=TOPIC,
                partition=0,
                offset=offset,
                value=b"INFO request %d served" % offset,
                timestamp_ms=START_MS + offset,
            )
        )
        for offset in range(count)
    ]


class WrittenMeanwhile:
    """A database to which a worker writes after the first statement of a reader."""

    def __init__(self, connection: Connection, records: list[PreparedRecord]) -> None:
        self._connection = connection
        self._records = records

    @asynccontextmanager
    async def read_lines(self) -> AsyncIterator["WrittenMeanwhile"]:
        yield self

    async def fetch(self, query: str, *arguments: Any) -> Any:
        rows = await self._connection.fetch(query, *arguments)
        records, self._records = self._records, []
        if records:
            await append(self._connection, records)
        return rows


async def test_lines_whose_pieces_are_merged_meanwhile_are_not_left_out(
    connection: Connection,
) -> None:
    records = prepared(300)
    await append(connection, records[:20])
    written = WrittenMeanwhile(connection, records[20:])
    reader = LineReader(
        cast("Database", written), lambda line: line.record_id.offset, cache_lines=1_000
    )
    lower, upper = await reader.around(RecordId(TOPIC, 0, 10), before=3, after=8)

    assert lower == [7, 8, 9]
    assert upper == list(range(11, 19))
