"""What the API asks the broker, and how long it waits for it."""

import asyncio
from typing import Any

import pytest

from graphql_api import producer
from graphql_api.producer import EndOffsets


class SilentConsumer:
    """A broker that takes connections and answers nothing."""

    def __init__(self, **_: Any) -> None:
        self.is_asked = asyncio.Event()

    async def start(self) -> None:
        return

    async def end_offsets(self, _: object) -> object:
        self.is_asked.set()
        return await asyncio.get_running_loop().create_future()


async def test_the_wait_for_ones_turn_is_part_of_the_time_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the hundredth who asks while the broker is silent waits a hundred limits."""
    silent = SilentConsumer()
    monkeypatch.setattr(producer, "AIOKafkaConsumer", lambda **_: silent)
    end_offsets = EndOffsets("127.0.0.1:9")
    place = [("logs.raw", 0)]
    first = asyncio.create_task(end_offsets.get(place, timeout_s=600))
    await silent.is_asked.wait()
    second = asyncio.create_task(end_offsets.get(place, timeout_s=0))
    done, _ = await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED, timeout=20)
    first.cancel()
    second.cancel()

    assert done == {second}
    assert second.result() == {}
