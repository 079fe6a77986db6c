"""One time limit for many operations at once, with one timer in all."""

import asyncio


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
