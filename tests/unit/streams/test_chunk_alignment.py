"""What is held back until a chunk is whole, and what is not."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import CHUNK_RECORDS
from streams.chunk_alignment import (
    MAX_HELD_BYTES,
    MAX_HOLD_S,
    ChunkAligner,
    Records,
    before_last_chunk_end,
)

PLACE = TopicPartition("logs.raw", 0)
OTHER = TopicPartition("logs.raw", 1)
FAR = 100 * CHUNK_RECORDS


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def aligner(clock: Clock) -> ChunkAligner:
    return ChunkAligner(clock)


def records(first: int, end: int, *, value: bytes | None = b"line") -> Records:
    return [SimpleNamespace(offset=offset, value=value) for offset in range(first, end)]


def offsets(handed_over: dict[TopicPartition, Records], place: TopicPartition = PLACE) -> list[int]:
    return [record.offset for record in handed_over.get(place, [])]


def align(aligner: ChunkAligner, fetched: Records, end: int | None = FAR) -> list[int]:
    return offsets(aligner.align({PLACE: fetched} if fetched else {}, lambda _: end))


def test_a_backlog_is_handed_over_in_whole_chunks(aligner: ChunkAligner) -> None:
    assert align(aligner, records(0, 5_000)) == list(range(4_096))
    assert align(aligner, records(5_000, 10_000)) == list(range(4_096, 8_192))
    assert align(aligner, records(10_000, 12_288)) == list(range(8_192, 12_288))


def test_what_ends_a_partition_is_handed_over_at_once(aligner: ChunkAligner) -> None:
    assert align(aligner, records(0, 5_000), end=8_191) == list(range(5_000))
    assert align(aligner, records(5_000, 5_001), end=None) == [5_000]


def test_a_chunk_that_the_broker_holds_whole_is_waited_for(aligner: ChunkAligner) -> None:
    assert align(aligner, records(100, 200), end=4_096) == []
    assert align(aligner, records(200, 4_096), end=4_096) == list(range(100, 4_096))


def test_a_fetch_that_brings_nothing_ends_the_wait(aligner: ChunkAligner) -> None:
    assert align(aligner, records(0, 100)) == []
    assert align(aligner, []) == list(range(100))
    assert align(aligner, []) == []


def test_other_partitions_do_not_make_one_wait_for_long(
    aligner: ChunkAligner, clock: Clock
) -> None:
    assert align(aligner, records(0, 50)) == []
    clock.now += MAX_HOLD_S / 2
    assert align(aligner, records(50, 100)) == []
    assert offsets(aligner.align({OTHER: records(0, 10)}, lambda _: 10)) == []
    clock.now += MAX_HOLD_S / 2
    handed_over = aligner.align({OTHER: records(10, 20)}, lambda _: 20)

    assert offsets(handed_over) == list(range(100))
    assert offsets(handed_over, OTHER) == list(range(10, 20))


def test_the_wait_of_a_new_chunk_is_its_own(aligner: ChunkAligner, clock: Clock) -> None:
    assert align(aligner, records(0, 4_000)) == []
    clock.now += MAX_HOLD_S / 2
    assert align(aligner, records(4_000, 4_200)) == list(range(4_096))
    clock.now += MAX_HOLD_S / 2
    assert offsets(aligner.align({OTHER: records(0, 1)}, lambda _: 1)) == []


def test_long_lines_are_not_held_back(aligner: ChunkAligner) -> None:
    long = bytes(MAX_HELD_BYTES // 3)

    assert align(aligner, records(0, 3, value=long)) == []
    assert align(aligner, records(3, 4, value=long)) == [0, 1, 2, 3]


def test_what_all_partitions_hold_back_is_bounded(aligner: ChunkAligner) -> None:
    long = bytes(MAX_HELD_BYTES // 3)

    handed_over = aligner.align(
        {PLACE: records(0, 2, value=long), OTHER: records(0, 2, value=long)}, lambda _: FAR
    )

    assert (offsets(handed_over), offsets(handed_over, OTHER)) == ([], [0, 1])


def test_a_record_without_a_value_weighs_nothing(aligner: ChunkAligner) -> None:
    assert align(aligner, records(0, 10, value=None)) == []


def test_what_is_fetched_again_is_handed_over_once(aligner: ChunkAligner) -> None:
    assert align(aligner, records(0, 100)) == []
    assert align(aligner, records(50, 4_096)) == list(range(50, 4_096))


def test_what_is_forgotten_does_not_come_back(aligner: ChunkAligner) -> None:
    assert align(aligner, records(0, 100)) == []
    aligner.forget()

    assert align(aligner, records(0, 4_096)) == list(range(4_096))


@pytest.mark.parametrize(
    ("first", "end", "count"),
    [(0, 4_096, 4_096), (0, 4_095, 0), (4_000, 8_200, 4_192), (4_096, 4_097, 0), (5, 6, 0)],
)
def test_the_last_end_of_a_chunk_is_found(first: int, end: int, count: int) -> None:
    assert before_last_chunk_end(records(first, end)) == count


@given(
    steps=st.lists(st.integers(0, 3_000), min_size=1, max_size=12),
    first=st.integers(0, 10_000),
    gap=st.integers(1, 50),
)
def test_nothing_is_lost_repeated_or_reordered(steps: list[int], first: int, gap: int) -> None:
    """Offsets leave gaps; the fetches end anywhere, some bring nothing."""
    aligner, sent, received = ChunkAligner(Clock()), [], list[int]()
    position, end = first, first + sum(steps) * gap
    for step in steps:
        fetched: list[Any] = [
            SimpleNamespace(offset=position + number * gap, value=b"") for number in range(step)
        ]
        position += step * gap
        sent += [record.offset for record in fetched]
        received += align(aligner, fetched, end=end)
    received += align(aligner, [])

    assert received == sent
