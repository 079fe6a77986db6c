from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import BLOCK_RECORDS
from schemas.records import SourceRecord
from streams.domain.log_blocks import (
    MAX_EXAMPLE_CHARACTERS,
    MAX_SERVICE_CHARACTERS,
    BlockTally,
    is_late,
    service_key,
    tally_blocks,
)
from streams.domain.log_lines import LinePreparer, PreparedRecord
from streams.domain.windows import MINUTE_NS
from tests.builders import START_NS

WINDOW_NS = 5 * MINUTE_NS
MS = 1_000_000
FIRST_OFFSET = BLOCK_RECORDS - 20

VALUES = st.sampled_from(
    [
        b"ERROR payment 17 failed",
        b"INFO payment 18 done",
        b'{"service": "cart", "level": "warn", "message": "slow query 93 ms"}',
        b'{"service": "cart", "level": "info", "message": "query 12 ms"}',
        b'[{"message": "one"}, {"message": "two", "service": "pay"}]',
        b"",
        b"\x1f\x8b\x08broken gzip",
    ]
)
STEPS = st.tuples(VALUES, st.integers(0, 900), st.integers(1, 3))


@st.composite
def prepared_records(draw: st.DrawFn) -> list[PreparedRecord]:
    """Records around the edge of a block, with gaps, over some minutes."""
    preparer = LinePreparer()
    offset, records = FIRST_OFFSET, []
    for value, seconds, step in draw(st.lists(STEPS, max_size=25)):
        record = SourceRecord(
            topic="logs.raw",
            partition=0,
            offset=offset,
            value=value,
            timestamp_ms=START_NS // MS + seconds * 1_000,
        )
        records.append(preparer.prepare(record))
        offset += step
    return records


def as_data(tallies: list[BlockTally]) -> list[object]:
    return [
        (
            tally.block,
            tally.records,
            tally.events,
            tally.dropped,
            tally.dead_lettered,
            sorted(tally.minutes.items()),
            sorted(tally.shapes.items()),
        )
        for tally in tallies
    ]


def merged(batches: list[list[PreparedRecord]]) -> list[BlockTally]:
    """Add up the tallies of batches the way the store adds a batch to what is stored."""
    stored: dict[int, BlockTally] = {}
    for batch in batches:
        for tally in tally_blocks(batch, WINDOW_NS):
            into = stored.setdefault(tally.block, BlockTally(tally.block, WINDOW_NS))
            into.records += tally.records
            into.events += tally.events
            into.dropped.update(tally.dropped)
            into.dead_lettered.update(tally.dead_lettered)
            for key, minute in tally.minutes.items():
                if key in into.minutes:
                    into.minutes[key].merge(minute)
                else:
                    into.minutes[key] = minute
            for shape_id, seen in tally.shapes.items():
                known = into.shapes.setdefault(shape_id, seen)
                if known is not seen:
                    known.lines += seen.lines
                    known.first_event_ns = min(known.first_event_ns, seen.first_event_ns)
                    known.last_event_ns = max(known.last_event_ns, seen.last_event_ns)
    return list(stored.values())


@given(prepared_records(), st.sets(st.integers(0, 25), max_size=6))
def test_counts_do_not_depend_on_how_records_come_in_batches(
    records: list[PreparedRecord], cuts: set[int]
) -> None:
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < len(records)), len(records)]
    batches = [records[start:end] for start, end in pairwise(edges)]

    assert as_data(merged(batches)) == as_data(tally_blocks(records, WINDOW_NS))


@given(prepared_records())
def test_every_line_is_counted_once(records: list[PreparedRecord]) -> None:
    tallies = tally_blocks(records, WINDOW_NS)

    lines = sum(len(record.lines) for record in records)
    assert sum(tally.records for tally in tallies) == len(records)
    assert sum(tally.events for tally in tallies) == lines
    minutes = [minute for tally in tallies for minute in tally.minutes.values()]
    assert sum(sum(minute.kinds.values()) for minute in minutes) == lines
    shapes = [seen for tally in tallies for seen in tally.shapes.values()]
    assert sum(seen.lines for seen in shapes) == lines


@given(prepared_records())
def test_a_record_has_lines_or_a_reason_why_not(records: list[PreparedRecord]) -> None:
    for record in records:
        outcomes = [bool(record.lines), record.dropped is not None, record.is_rejected]
        assert sum(outcomes) == 1


@given(prepared_records())
def test_the_example_of_a_shape_is_its_first_line(records: list[PreparedRecord]) -> None:
    for tally in tally_blocks(records, WINDOW_NS):
        for shape_id, seen in tally.shapes.items():
            places = [
                (line.stored.offset, line.stored.index)
                for record in records
                if record.offset // BLOCK_RECORDS == tally.block
                for line in record.lines
                if line.stored.shape_id == shape_id
            ]
            assert (seen.example_offset, seen.example_index) == min(places)


@pytest.mark.parametrize(
    ("lag_ms", "late"),
    [(0, False), (2 * WINDOW_NS // MS, False), (2 * WINDOW_NS // MS + 1, True)],
)
def test_a_line_is_late_more_than_a_window_after_its_window(lag_ms: int, late: bool) -> None:
    assert is_late(START_NS, START_NS // MS + lag_ms, WINDOW_NS) is late


def test_a_record_without_time_is_never_late() -> None:
    assert not is_late(START_NS, -1, WINDOW_NS)


def test_a_service_key_fits_an_index_and_postgres_text() -> None:
    assert service_key(None) == ""
    assert service_key("a\0b") == "ab"
    assert len(service_key("é" * 10_000)) == MAX_SERVICE_CHARACTERS


def test_a_long_example_is_cut() -> None:
    record = SourceRecord(topic="logs.raw", partition=0, offset=0, value=b"word " * 10_000)
    (tally,) = tally_blocks([LinePreparer().prepare(record)], WINDOW_NS)

    (seen,) = tally.shapes.values()
    assert len(seen.example) == MAX_EXAMPLE_CHARACTERS
