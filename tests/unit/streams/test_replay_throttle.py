from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from streams.replay_throttle import LOOK_INTERVAL_S, MAX_WAIT_S, LagThrottle

TOLERANCE = 100


class Stream:
    """A live stream by its lag at each look, the last for ever, and a clock that waits move."""

    def __init__(self, *lags: int) -> None:
        self._lags = list(lags)
        self.looks = 0
        self.now_s = 0.0

    async def lag(self) -> int:
        self.looks += 1
        return self._lags.pop(0) if len(self._lags) > 1 else self._lags[0]

    async def pause(self, duration_s: float) -> None:
        self.now_s += duration_s

    def clock(self) -> float:
        return self.now_s


def throttle_of(stream: Stream) -> LagThrottle:
    return LagThrottle(stream.lag, tolerance=TOLERANCE, pause=stream.pause, clock=stream.clock)


async def waits(stream: Stream, blocks: int) -> list[float]:
    """Return the seconds that each block waits before it begins."""
    throttle, waited = throttle_of(stream), []
    for _ in range(blocks):
        before = stream.now_s
        await throttle.give_way()
        waited.append(stream.now_s - before)
    return waited


async def test_the_first_block_begins_at_once_however_large_the_lag() -> None:
    assert await waits(Stream(1_000_000), 1) == [0]


async def test_a_stream_that_keeps_up_is_not_waited_for() -> None:
    assert await waits(Stream(0, 30, TOLERANCE, 99, 0), 5) == [0] * 5


async def test_a_lag_that_a_block_has_caused_is_worked_off_before_the_next() -> None:
    assert await waits(Stream(0, 900, 500, 101, 100), 2) == [0, 3 * LOOK_INTERVAL_S]


async def test_a_lag_that_was_there_before_may_stay() -> None:
    assert await waits(Stream(5_000, 5_000, 4_000, 4_000), 4) == [0] * 4


async def test_a_lag_that_has_shrunk_may_not_grow_again() -> None:
    assert await waits(Stream(5_000, 300, 301, 300), 3) == [0, 0, LOOK_INTERVAL_S]


async def test_where_nobody_works_the_lag_off_a_block_still_begins_after_a_minute() -> None:
    assert await waits(Stream(0, 200), 3) == [0, MAX_WAIT_S, 0]


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=50))
async def test_a_block_begins_with_a_larger_lag_only_when_it_waited_for_long(
    lags: Sequence[int],
) -> None:
    stream = Stream(*lags)
    throttle, allowed = throttle_of(stream), None
    while stream.looks < len(lags):
        before = stream.now_s
        await throttle.give_way()
        lag = lags[min(stream.looks, len(lags)) - 1]

        assert allowed is None or lag <= allowed or stream.now_s - before >= MAX_WAIT_S
        allowed = max(lag, TOLERANCE)
