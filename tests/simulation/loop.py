"""An event loop whose clock moves only while every task waits: an hour costs nothing."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class StuckError(Exception):
    """Every task waits for another one, and nothing is to happen at any time."""


class _TimePasses(selectors.SelectSelector):
    """Told to wait for sockets, it moves the clock on instead; there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return at once; the time is later by `timeout`."""
        if timeout is None:
            raise StuckError
        self.now_s += max(timeout, 0.0)
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """The same tasks with the same seed run in the same order, whatever the machine does."""

    def __init__(self) -> None:
        self._clock = _TimePasses()
        super().__init__(self._clock)

    def time(self) -> float:
        """Return the simulated seconds since the start."""
        return self._clock.now_s


def run_simulated(main: Coroutine[Any, Any, _T]) -> _T:
    """Return what `main` returns in a loop of its own; tasks that are left are cancelled.

    Raises:
        StuckError: every task waits for another one.
    """
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(main)
