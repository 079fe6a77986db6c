"""Keeps a replay from making the live stream late."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import structlog

log = structlog.get_logger()

LOOK_INTERVAL_S: Final = 1.0
# Where nobody works off the lag a replay still goes on, a block at a time.
MAX_WAIT_S: Final = 60.0

# Returns how many records of the topic wait to be processed.
ReadLag: TypeAlias = Callable[[], Awaitable[int]]


class LagThrottle:
    """Lets a block begin when the live lag is no larger than it was before the last block.

    A lag of at most `tolerance` records is that of a stream that keeps up. No wait is longer than
    `MAX_WAIT_S`.
    """

    def __init__(
        self,
        read_lag: ReadLag,
        *,
        tolerance: int,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_lag = read_lag
        self._tolerance = tolerance
        self._pause = pause
        self._clock = clock
        self._allowed: int | None = None

    async def give_way(self) -> None:
        """Return when the lag is what it was at the last call; at once on the first."""
        started = self._clock()
        lag = await self._read_lag()
        while self._allowed is not None and lag > self._allowed:
            if self._clock() - started >= MAX_WAIT_S:
                log.warning("replay_goes_on", lag=lag, allowed=self._allowed)
                break
            await self._pause(LOOK_INTERVAL_S)
            lag = await self._read_lag()
        self._allowed = max(lag, self._tolerance)
