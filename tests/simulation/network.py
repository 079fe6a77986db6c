"""What lies between a client and a server: delays, lost messages, a cut line; by a seed."""

import asyncio
from enum import Enum, auto
from random import Random

SHORTEST_S = 0.000_5
LONGEST_S = 0.01
# As our pools are opened: who hears nothing for so long gives the connection up.
COMMAND_TIMEOUT_S = 60.0


class Fate(Enum):
    """What becomes of a request."""

    ANSWERED = auto()
    REQUEST_LOST = auto()
    ANSWER_LOST = auto()


class Network:
    """One client's way to a server."""

    def __init__(self, chooser: Random, *, loss: float = 0.0) -> None:
        self._chooser = chooser
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._next: Fate | None = None
        self.loss = loss

    def lose_next(self, fate: Fate) -> None:
        """Let the next request have this fate."""
        self._next = fate

    def cut(self) -> None:
        """Pass on nothing more; what is on its way waits."""
        self._flowing.clear()

    def mend(self) -> None:
        """Pass on what waits, and all that follows."""
        self._flowing.set()

    async def carry(self) -> None:
        """Return when a message has arrived.

        Raises:
            TimeoutError: the line is cut for longer than a client waits.
        """
        await asyncio.sleep(self._chooser.uniform(SHORTEST_S, LONGEST_S))
        if not self._flowing.is_set():
            async with asyncio.timeout(COMMAND_TIMEOUT_S):
                await self._flowing.wait()

    def next_fate(self) -> Fate:
        """Return what becomes of the next request."""
        if self._next is not None:
            fate, self._next = self._next, None
            return fate
        if self.loss == 0.0 or self._chooser.random() >= self.loss:
            return Fate.ANSWERED
        return self._chooser.choice((Fate.REQUEST_LOST, Fate.ANSWER_LOST))
