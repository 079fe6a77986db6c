"""The simulated world in place of the real one."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import structlog

from streams import block_reader, dead_letters, replay
from streams.topic_check import TopicInfo
from tests.simulation.loop import run_simulated
from tests.simulation.schedule import Schedule

ONLY_CRITICAL = 50


class Simulator:
    """Runs schedules."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        clock = SimpleNamespace(monotonic=lambda: asyncio.get_running_loop().time())
        monkeypatch.setattr(block_reader, "time", clock)

    def run(self, seed: int) -> tuple[list[str], list[str]]:
        """Return what went wrong under this seed, and what happened, in order."""
        return run_simulated(self._run(seed))

    async def _run(self, seed: int) -> tuple[list[str], list[str]]:
        schedule = Schedule(seed)

        async def require_topics(*_: object) -> dict[str, TopicInfo]:
            return schedule.topics

        self._patch.setattr(block_reader, "AIOKafkaConsumer", schedule.consumer)
        self._patch.setattr(replay, "require_topics", require_topics)
        self._patch.setattr(dead_letters, "AIOKafkaProducer", schedule.producer)
        return await schedule.run(), schedule.story


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A simulator, with the product silent."""
    usual = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(ONLY_CRITICAL))
    yield Simulator(monkeypatch)
    structlog.configure(**usual)
