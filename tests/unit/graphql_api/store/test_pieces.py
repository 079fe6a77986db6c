"""The newest lines of a piece are those that sorting all of its lines would give."""

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.store.pieces import LineKey, LogLine, Piece
from schemas.ids import RecordId
from tests.integration.graphql_api.seeding import make_line

TIMES = st.lists(st.integers(0, 9), max_size=30)


def piece_of(times: list[int]) -> Piece[LogLine]:
    lines = [
        LogLine(RecordId("t", 0, offset), make_line(offset, record_ms=record_ms), None)
        for offset, record_ms in enumerate(times)
    ]
    return Piece(lines, lambda line: line)


@given(times=TIMES, limit=st.integers(1, 12))
def test_without_a_test_the_newest_lines_are_found(times: list[int], limit: int) -> None:
    piece = piece_of(times)

    found = piece.newest(limit, below=None, matches=None)

    newest = sorted(piece.lines, key=lambda line: line.key, reverse=True)[:limit]
    assert [piece.view(position) for _, position, _ in found] == newest
    assert [key for key, _, _ in found] == [line.key for line in newest]


@given(times=TIMES, limit=st.integers(1, 12), record_ms=st.integers(-1, 10), offset=st.integers(0))
def test_only_lines_below_a_key_that_pass_are_found(
    times: list[int], limit: int, record_ms: int, offset: int
) -> None:
    piece = piece_of(times)
    below: LineKey = (record_ms, RecordId("t", 0, offset))

    found = piece.newest(limit, below=below, matches=lambda stored: stored.offset % 3 == 0)

    wanted = [line for line in piece.lines if line.key < below and line.stored.offset % 3 == 0]
    wanted.sort(key=lambda line: line.key, reverse=True)
    assert [piece.view(position) for _, position, _ in found] == wanted[:limit]
