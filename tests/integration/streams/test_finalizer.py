"""The finalizer beside replays, which take shapes away while it writes."""

from collections.abc import Sequence

import msgspec
import pytest

from schemas.db.pool import Connection
from schemas.settings import Settings
from schemas.summaries import WindowSummary
from streams import window_writer
from streams.domain.log_lines import LinePreparer, PreparedRecord
from streams.finalizer import Finalizer
from streams.retrying import is_transient
from streams.store.summaries import WindowKey
from streams.store.templates import Sighting, delete_unseen_shapes, select_sightings
from streams.window_writer import OutdatedReadError
from tests.log_records import log_records
from tests.stored_lines import append

pytestmark = pytest.mark.integration

SELECT_SUMMARIES = "SELECT service, start_ns, document FROM log_window_summaries ORDER BY 1, 2"
DELETE_SIGHTINGS = "DELETE FROM log_block_shapes WHERE shape_id = ANY($1::bigint[])"
DELETE_COUNTS = "DELETE FROM log_counts WHERE service = $1 AND shape_ids && $2::bigint[]"
SELECT_MEMBERS = """
SELECT array_agg(shape_id) FROM log_shape_templates WHERE template_id = ANY($1::bigint[])
"""
CLOSE_ALL_WINDOWS = "UPDATE stream_offsets SET max_event_ns = 4611686018427387904"
MARK = "INSERT INTO log_dirty_windows (topic, partition, service, start_ns) VALUES ($1, 0, $2, $3)"


@pytest.fixture(scope="module")
def prepared() -> list[PreparedRecord]:
    preparer = LinePreparer()
    return [preparer.prepare(one) for one in log_records(3_000, first_offset=0)]


async def finalize(connection: Connection) -> None:
    await Finalizer(connection, Settings()).run_cycle()


async def summaries(connection: Connection) -> dict[WindowKey, WindowSummary]:
    return {
        WindowKey(row["service"], row["start_ns"]): msgspec.json.decode(
            row["document"], type=WindowSummary
        )
        for row in await connection.fetch(SELECT_SUMMARIES)
    }


@pytest.mark.parametrize("calls_before", [0, 1])
async def test_shapes_that_are_replaced_while_a_window_is_written_make_it_begin_again(
    connection: Connection,
    prepared: list[PreparedRecord],
    monkeypatch: pytest.MonkeyPatch,
    calls_before: int,
) -> None:
    """They are looked up when they are met first, and when their template is stored."""
    await append(connection, prepared)
    calls = 0

    async def select_replaced(of: Connection, shape_ids: Sequence[int]) -> dict[int, Sighting]:
        nonlocal calls
        calls += 1
        if calls > calls_before:
            await of.execute(DELETE_SIGHTINGS, shape_ids)
        return await select_sightings(of, shape_ids)

    monkeypatch.setattr(window_writer, "select_sightings", select_replaced)

    with pytest.raises(OutdatedReadError) as caught:
        await finalize(connection)
    assert is_transient(caught.value)


async def test_a_finding_of_a_forgotten_template_holds_up_no_later_window(
    connection: Connection, prepared: list[PreparedRecord]
) -> None:
    """A replay of much marks more windows than one cycle takes; those before may come later."""
    await append(connection, prepared)
    await connection.execute(CLOSE_ALL_WINDOWS)
    await finalize(connection)
    before = await summaries(connection)
    (earlier, later), told = next(
        (pair, told)
        for pair in zip(before, list(before)[1:], strict=False)
        if pair[0].service == pair[1].service
        and (told := {int(one.template_id) for one in before[pair[0]].findings})
    )
    shape_ids = await connection.fetchval(SELECT_MEMBERS, told)
    await connection.execute(DELETE_SIGHTINGS, shape_ids)
    await connection.execute(DELETE_COUNTS, earlier.service, shape_ids)
    await delete_unseen_shapes(connection)
    await connection.execute(MARK, "logs.raw", later.service, later.start_ns)

    await finalize(connection)

    after = await summaries(connection)
    assert after[earlier] == before[earlier]
    assert told.isdisjoint(int(one.template_id) for one in after[later].findings)
