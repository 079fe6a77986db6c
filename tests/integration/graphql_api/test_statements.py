"""Every statement fits the migrated schema, and the hot ones use their indexes."""

import importlib
import pkgutil
import re

import pytest

import graphql_api
from graphql_api.store.lines import (
    END_OF_TIME_MS,
    FIRST_BATCH,
    SELECT_PIECE_AT,
    SELECT_PIECES,
    SELECT_PIECES_AROUND,
)
from graphql_api.store.logs import SELECT_VOLUME
from graphql_api.store.pieces import SELECT_PAYLOADS
from graphql_api.store.summaries import SELECT_SERVICE_SUMMARIES, SELECT_SUMMARIES
from graphql_api.store.templates import SELECT_TEMPLATE, SELECT_TEMPLATES
from schemas.db.pool import Connection
from tests.databases import touched_blocks

pytestmark = pytest.mark.integration

PREPARABLE = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
NEWEST = (END_OF_TIME_MS, "\U0010ffff", 0, 0)


def statements() -> dict[str, str]:
    """Return every constant of the service that is a statement."""
    found = {}
    for module_info in pkgutil.walk_packages(graphql_api.__path__, "graphql_api."):
        if module_info.name == "graphql_api.export_schema":
            continue
        module = importlib.import_module(module_info.name)
        for name, value in vars(module).items():
            if name.isupper() and isinstance(value, str) and PREPARABLE.match(value):
                found[f"{module_info.name}.{name}"] = value
    return found


async def test_every_statement_fits_the_schema(connection: Connection) -> None:
    found = statements()

    assert len(found) > 40
    for name, statement in found.items():
        try:
            await connection.prepare(statement)
        except Exception as exc:
            raise AssertionError(name) from exc


SEED_CHUNKS = """
INSERT INTO log_chunks
SELECT 'logs.raw', p, n * 4096, (n + 1) * 4096, 4096, n * 1000000, n * 1000000 + 999,
       n * 1000, n * 1000 + 999, ARRAY['api', 'web'], ARRAY[9, 17]::smallint[],
       ARRAY[1, 2]::bigint[], '\\x00'::bytea
FROM generate_series(0, 2) AS p, generate_series(0, 9999::bigint) AS n
"""
SEED_SUMMARIES = """
INSERT INTO log_window_summaries
SELECT 'service ' || s, n * 300000000000, (n + 1) * 300000000000, 1, false, false, '', '', ''
FROM generate_series(0, 19) AS s, generate_series(0, 999::bigint) AS n
"""
SEED_COUNTS = """
INSERT INTO log_counts
SELECT 'logs.raw', 0, n / 100, 'service ' || n % 10, n, 1, 0, 0, 0, ARRAY[9]::smallint[],
       ARRAY[1]::bigint[], ARRAY[1]
FROM generate_series(0, 49999) AS n
"""


async def plan(connection: Connection, statement: str, *arguments: object) -> str:
    rows = await connection.fetch("EXPLAIN " + statement, *arguments)
    return "\n".join(row[0] for row in rows)


async def test_hot_statements_use_their_indexes(connection: Connection) -> None:
    for seed in (SEED_CHUNKS, SEED_SUMMARIES, SEED_COUNTS):
        await connection.execute(seed)
    await connection.execute("ANALYZE")
    place = ("logs.raw", 1, 5_000_000)
    unfiltered = (-1, END_OF_TIME_MS, None, None, None, FIRST_BATCH, 0)
    everywhere = (2**63 - 1, "", -(2**63) + 1, 2**63 - 1, 21)

    plans = {
        "log_chunks_by_record_time": await plan(connection, SELECT_PIECES, *NEWEST, *unfiltered),
        "log_chunks_pkey": await plan(connection, SELECT_PIECE_AT, *place),
        "log_chunks_pkey ": await plan(connection, SELECT_PIECES_AROUND, *place, 5, 5),
        "log_chunks_pkey  ": await plan(connection, SELECT_PAYLOADS, *place, 5_000_016, 0),
        "log_window_summaries_by_start": await plan(connection, SELECT_SUMMARIES, *everywhere),
        "log_window_summaries_pkey": await plan(
            connection,
            SELECT_SERVICE_SUMMARIES,
            *(2**63 - 1, "service 3", -(2**63) + 1, 2**63 - 1, 21),
        ),
        "log_counts_by_minute": await plan(
            connection, SELECT_VOLUME, 100, 160, None, 1, None, 1_000
        ),
        "log_counts_by_service_minute": await plan(
            connection, SELECT_VOLUME, 100, 20_000, "service 3", 1, None, 1_000
        ),
    }

    assert {index: text for index, text in plans.items() if index.strip() not in text} == {}
    assert not any("Seq Scan" in text for text in plans.values())


async def test_a_deep_page_of_summaries_costs_no_more_than_the_first(
    connection: Connection,
) -> None:
    await connection.execute(SEED_SUMMARIES)
    await connection.execute("VACUUM ANALYZE")
    since_ever = (-(2**63) + 1, 2**63 - 1, 21)
    # Inside of a moment, as most pages start: what is skipped there is a few services.
    first = (9_999 * 300_000_000_000, "service 3", *since_ever)
    # 100,000 summaries into the list.
    deep = (5_000 * 300_000_000_000, "service 3", *since_ever)

    cost = await touched_blocks(connection, SELECT_SUMMARIES, *deep)

    assert cost <= 1.2 * await touched_blocks(connection, SELECT_SUMMARIES, *first) + 2


TEMPLATES = 20
SEED_TEMPLATES = """
INSERT INTO log_templates SELECT n, 'api', 'a', 0, 0, 'e', 'a' FROM generate_series(1, 20) AS n
"""
SEED_SHAPES = """
INSERT INTO log_shape_templates SELECT n, n, 'api', 'a' FROM generate_series(1, 20) AS n
"""
SEED_BLOCKS = """
INSERT INTO log_block_shapes
SELECT 'logs.raw', 0, block, shape, 'api', 'a', 10, 0, 0, 0, 0, ''
FROM generate_series($1::int, $2) AS block, generate_series(1, 20) AS shape
"""


async def test_templates_cost_the_same_however_many_blocks_hold_them(
    connection: Connection,
) -> None:
    for seed in (SEED_TEMPLATES, SEED_SHAPES):
        await connection.execute(seed)
    everywhere = (None, None, 2**62, 0, TEMPLATES)
    costs = []
    for first, last in ((1, 10), (11, 500)):
        await connection.execute(SEED_BLOCKS, first, last)
        await connection.execute("VACUUM ANALYZE")
        costs.append(
            (
                await touched_blocks(connection, SELECT_TEMPLATE, 7),
                await touched_blocks(connection, SELECT_TEMPLATES, *everywhere),
            )
        )

        rows = await connection.fetch(SELECT_TEMPLATES, *everywhere)
        assert [row["lines"] for row in rows] == [10 * last] * TEMPLATES

    few, many = costs
    assert all(after <= before for before, after in zip(few, many, strict=True)), costs
