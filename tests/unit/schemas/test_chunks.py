from collections.abc import Callable
from copy import deepcopy
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.chunks import (
    FORMAT_VERSION,
    PIECE_GRIDS,
    RawText,
    StoredLine,
    pack_lines,
    piece_bounds,
    unpack_lines,
)
from schemas.events import LogEvent
from schemas.ids import CHUNK_RECORDS, RecordId
from tests.builders import log_event

# What decoding lets through: any text without lone surrogates, times from 1970 to 2262,
# attributes as JSON values within 64 bits.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
TIMES_NS = st.integers(0, 2**63 - 1)
JSON_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | TEXTS
)
JSON_VALUES = st.recursive(
    JSON_LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
EVENTS = st.builds(
    LogEvent,
    timestamp_ns=TIMES_NS,
    body=TEXTS,
    severity_number=st.integers(0, 24),
    severity_text=st.none() | TEXTS,
    service=st.none() | TEXTS,
    host=st.none() | TEXTS,
    attributes=st.dictionaries(TEXTS, JSON_VALUES, max_size=3),
    trace_id=st.none() | st.just("0af7651916cd43dd8448eb211c80319c"),
    span_id=st.none() | st.just("b7ad6b7169203331"),
)


@st.composite
def raws(draw: st.DrawFn, body: str) -> RawText | None:
    return draw(
        st.one_of(
            st.none(),
            st.builds(RawText, TEXTS),
            st.builds(lambda head: RawText(head + body), TEXTS),
            st.builds(lambda text: RawText(text, is_base64=True), st.just("gP8=")),
        )
    )


@st.composite
def pieces(draw: st.DrawFn) -> list[StoredLine]:
    """Lines of some records in order; a record's events share its offset and time."""
    lines = []
    offset = draw(st.integers(0, 2**62))
    for _ in range(draw(st.integers(0, 5))):
        record_ms = draw(st.integers(-1, 2**43))
        for index in range(draw(st.integers(1, 3))):
            event = draw(EVENTS)
            lines.append(
                StoredLine(
                    offset=offset,
                    index=index,
                    record_ms=record_ms,
                    event=event,
                    shape_id=draw(st.integers(-(2**63), 2**63 - 1)),
                    headline=draw(st.none() | TEXTS),
                    raw=draw(raws(event.body)) if index == 0 else None,
                )
            )
        offset += draw(st.integers(1, 5))
    return lines


@settings(max_examples=40)
@given(pieces())
def test_packed_lines_come_back_as_they_were(lines: list[StoredLine]) -> None:
    assert unpack_lines(pack_lines(lines)) == lines


@settings(max_examples=40)
@given(pieces())
def test_the_same_lines_give_the_same_bytes(lines: list[StoredLine]) -> None:
    assert pack_lines(deepcopy(lines)) == pack_lines(lines)


def stored_line(offset: int, body: str = "request served", **changes: object) -> StoredLine:
    event = log_event(body, **changes)
    return StoredLine(offset=offset, index=0, record_ms=0, event=event, shape_id=offset)


def test_more_distinct_values_than_a_byte_can_number_come_back() -> None:
    lines = [stored_line(offset, service=f"service-{offset}") for offset in range(300)]

    assert unpack_lines(pack_lines(lines)) == lines


def test_integers_beyond_64_bits_become_text_and_stay_so() -> None:
    line = stored_line(1, attributes={"big": [10**30, {"deep": -(10**20)}, 2**64 - 1, True]})

    (stored,) = unpack_lines(pack_lines([line]))

    kept = [str(10**30), {"deep": str(-(10**20))}, 2**64 - 1, True]
    assert stored.event.attributes == {"big": kept}
    assert pack_lines([stored]) == pack_lines([line])


def test_a_line_knows_its_coordinates() -> None:
    assert stored_line(7).record_id("logs.raw", 2) == RecordId("logs.raw", 2, 7, 0)


def test_raw_text_that_ends_with_the_body_costs_no_second_copy() -> None:
    body = "".join(chr(33 + number * 7919 % 90) for number in range(2_000))
    alone = stored_line(1, body=body)
    with_raw = msgspec.structs.replace(alone, raw=RawText("Mar 14 08:00:00 " + body))

    assert len(pack_lines([with_raw])) < len(pack_lines([alone])) + 40


@pytest.mark.parametrize(
    "payload",
    [b"", b"no chunk", zstandard.compress(b"no MessagePack"), zstandard.compress(b"\x93\x01\x02")],
)
def test_bytes_that_are_no_piece_are_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="not a chunk piece"):
        unpack_lines(payload)


def test_another_format_version_is_refused_with_both_numbers() -> None:
    columns = columns_of(pack_lines([stored_line(1)]))
    columns[0] = FORMAT_VERSION + 1
    payload = zstandard.compress(msgspec.msgpack.encode(columns))

    with pytest.raises(ValueError, match=f"chunk format {FORMAT_VERSION + 1}, .* reads"):
        unpack_lines(payload)


TEXTS_AT, RAW_FORMS_AT = 10, 9
KINDS_OF_RAW = [
    ("a", RawText("Mar 14 a")),
    ("b", None),
    ("a", RawText('{"message":"a"}')),
    ("c", RawText("YzpA", is_base64=True)),
    ("b", RawText("b")),
]


def lines_of_all_kinds() -> list[StoredLine]:
    """Lines of three shapes that take turns, with raw texts of each kind."""
    return [
        msgspec.structs.replace(stored_line(number, body=body), shape_id=ord(body), raw=raw)
        for number, (body, raw) in enumerate(KINDS_OF_RAW)
    ]


def columns_of(payload: bytes) -> list[Any]:
    columns: list[Any] = msgspec.msgpack.decode(zstandard.decompress(payload))
    return columns


def test_texts_lie_by_shape_and_prefixes_behind_them() -> None:
    columns = columns_of(pack_lines(lines_of_all_kinds()))

    assert columns[TEXTS_AT] == ["a", "a", '{"message":"a"}', "b", "b", "c", "YzpA", "Mar 14 ", ""]
    assert columns[RAW_FORMS_AT] == bytes([1, 0, 2, 3, 1])


def test_pieces_of_the_first_format_are_read() -> None:
    lines = lines_of_all_kinds()
    columns = columns_of(pack_lines(lines))
    columns[0] = 1
    columns[TEXTS_AT] = ["a", "Mar 14 ", "b", "", "a", '{"message":"a"}', "c", "YzpA", "b", ""]

    assert unpack_lines(zstandard.compress(msgspec.msgpack.encode(columns))) == lines


@pytest.mark.parametrize("change", [list[str].pop, lambda texts: texts.append("one more")])
def test_a_piece_with_a_text_too_many_or_missing_is_refused(
    change: Callable[[list[str]], object],
) -> None:
    columns = columns_of(pack_lines(lines_of_all_kinds()))
    change(columns[TEXTS_AT])

    with pytest.raises(ValueError, match="not a chunk piece"):
        unpack_lines(zstandard.compress(msgspec.msgpack.encode(columns)))


CHUNK_STARTS = st.integers(0, 2**40).map(lambda number: number * CHUNK_RECORDS)
LENGTHS = st.integers(0, CHUNK_RECORDS)


@given(CHUNK_STARTS, LENGTHS)
def test_pieces_cover_the_stored_part_of_a_chunk_without_gap(start: int, length: int) -> None:
    bounds = piece_bounds(start, start + length)

    edges = [start, *(end for _, end in bounds)]
    assert [first for first, _ in bounds] == edges[:-1]
    assert edges[-1] == start + length


@given(CHUNK_STARTS, st.integers(1, CHUNK_RECORDS))
def test_all_pieces_but_the_tail_lie_on_a_grid(start: int, length: int) -> None:
    *whole, tail = piece_bounds(start, start + length)

    assert all(end - first in PIECE_GRIDS and first % (end - first) == 0 for first, end in whole)
    assert tail[1] - tail[0] <= PIECE_GRIDS[-1] or tail[1] - tail[0] in PIECE_GRIDS


@given(CHUNK_STARTS, LENGTHS, LENGTHS)
def test_a_growing_chunk_only_merges_pieces(start: int, one: int, other: int) -> None:
    """Each former piece lies in one later piece, so what is rewritten is read back whole."""
    before = piece_bounds(start, start + min(one, other))
    after = piece_bounds(start, start + max(one, other))

    assert all(any(a <= first and end <= b for a, b in after) for first, end in before)


@given(CHUNK_STARTS, st.integers(0, 3 * CHUNK_RECORDS))
def test_a_full_chunk_is_one_piece_whatever_follows(start: int, beyond: int) -> None:
    bounds = piece_bounds(start, start + CHUNK_RECORDS + beyond)

    assert bounds == [(start, start + CHUNK_RECORDS)]


def test_an_open_chunk_has_few_pieces() -> None:
    assert max(len(piece_bounds(0, end)) for end in range(CHUNK_RECORDS)) == 15 + 15 + 1
