"""One time limit for many operations at once, with one timer in all; threads, which have none."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


async def run_in_turn(
    turn: asyncio.Lock | asyncio.Semaphore,
    function: Callable[_P, _T],
    *arguments: _P.args,
    **named: _P.kwargs,
) -> _T:
    """Return what the function returns, called in a thread when it is its turn.

    Nothing ends a thread: when its operation is over time, or nobody wants the answer any more, it
    is still at work. So the turn is not over before the function has returned.
    """
    await turn.acquire()
    thread = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **named))
    thread.add_done_callback(lambda _: turn.release())
    return await asyncio.shield(thread)


class TimeLimit:
    """Ends whoever takes longer than `limit_s`.

    A timer of its own costs an operation several times as much as the rest of its bookkeeping, and
    hardly any ever rings. All have the same limit, so the one that started first is due first.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._due_s: dict[asyncio.Timeout, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> asyncio.Timeout:
        """Return a time limit that runs from now, to be entered at once, and stopped in the end."""
        loop = asyncio.get_running_loop()
        limit = asyncio.timeout(None)
        self._due_s[limit] = due_s = loop.time() + self._limit_s
        if self._timer is None:
            self._timer = loop.call_at(due_s, self._ring)
        return limit

    def stop(self, limit: asyncio.Timeout) -> None:
        """Forget a time limit."""
        self._due_s.pop(limit, None)

    def _ring(self) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        for limit, due_s in tuple(self._due_s.items()):
            if due_s > now_s:
                self._timer = loop.call_at(due_s, self._ring)
                return
            del self._due_s[limit]
            limit.reschedule(now_s)
        self._timer = None
