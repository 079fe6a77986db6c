"""A fake Kafka: logs of partitions, and as much of aiokafka's clients as the streams use."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError, OffsetOutOfRangeError

from schemas.records import Headers
from tests.simulation.network import Fate, Network

LARGEST_VALUE_BYTES = 1_000_000
TIMESTAMP_MS = 1_773_475_200_000


class FakeRecord(NamedTuple):
    """A record as aiokafka gives it."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    timestamp: int = TIMESTAMP_MS
    timestamp_type: int = 0


class FakeLog:
    """The records of a partition; some offsets hold none."""

    def __init__(self) -> None:
        self.records: list[FakeRecord] = []
        # Those that retention has deleted too.
        self.history: list[FakeRecord] = []
        self.beginning = 0
        self.end = 0


class FakeKafka:
    """The broker."""

    def __init__(self) -> None:
        self.logs: dict[TopicPartition, FakeLog] = defaultdict(FakeLog)
        self.appended = asyncio.Event()

    def append(
        self,
        topic: str,
        value: bytes | None,
        *,
        partition: int = 0,
        key: bytes | None = None,
        headers: Headers = (),
    ) -> int:
        """Add a record and return its offset."""
        log = self.logs[TopicPartition(topic, partition)]
        record = FakeRecord(topic, partition, log.end, value, key, headers)
        log.records.append(record)
        log.history.append(record)
        log.end += 1
        self._tell()
        return log.end - 1

    def append_marker(self, topic: str, partition: int = 0) -> None:
        """Use up an offset that no reader sees, as the end of a transaction does."""
        self.logs[TopicPartition(topic, partition)].end += 1
        self._tell()

    def delete_before(self, place: TopicPartition, offset: int) -> None:
        """Delete what is older, as retention does."""
        log = self.logs[place]
        log.beginning = max(log.beginning, min(offset, log.end))
        log.records = [one for one in log.records if one.offset >= log.beginning]

    def _tell(self) -> None:
        self.appended.set()
        self.appended = asyncio.Event()


class FakeConsumer:
    """Reads assigned partitions from where it is told to."""

    def __init__(self, kafka: FakeKafka, network: Network) -> None:
        self._kafka = kafka
        self._network = network
        self.positions: dict[TopicPartition, int] = {}
        # How often each position was set: what was asked for before is no answer any more.
        self._seeks: Counter[TopicPartition] = Counter()

    async def start(self) -> None:
        """Connect."""
        await self._network.carry()

    async def stop(self) -> None:
        """Leave."""

    def assign(self, places: Iterable[TopicPartition]) -> None:
        """Read these partitions and no others."""
        self.positions = {place: self.positions.get(place, 0) for place in places}

    def seek(self, place: TopicPartition, offset: int) -> None:
        """Go on reading at `offset`; an answer that is on its way is dropped."""
        self.positions[place] = offset
        self._seeks[place] += 1

    async def position(self, place: TopicPartition) -> int:
        """Return the offset to be read next."""
        return self.positions[place]

    async def beginning_offsets(
        self, places: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Return the first offsets that are still there."""
        await self._network.carry()
        return {place: self._kafka.logs[place].beginning for place in places}

    async def end_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offsets behind the last."""
        await self._network.carry()
        return {place: self._kafka.logs[place].end for place in places}

    async def getmany(
        self, *places: TopicPartition, timeout_ms: int = 0, max_records: int
    ) -> dict[TopicPartition, list[FakeRecord]]:
        """Return records from the positions on, waiting for some; positions move behind them.

        Raises:
            OffsetOutOfRangeError: a position was cut off by retention.
        """
        wanted = places or tuple(sorted(self.positions))
        asked = {place: self._seeks[place] for place in wanted}
        if all(self.positions[one] == self._kafka.logs[one].end for one in wanted):
            await self._wait(timeout_ms)
        await self._network.carry()
        fetched: dict[TopicPartition, list[FakeRecord]] = {}
        for place, seeks in asked.items():
            if self._seeks[place] == seeks and place in self.positions:
                records = self._read(place, self.positions[place], max_records)
                max_records -= len(records)
                if records:
                    fetched[place] = records
        return fetched

    async def _wait(self, timeout_ms: int) -> None:
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await self._kafka.appended.wait()
        except TimeoutError:
            return

    def _read(self, place: TopicPartition, position: int, most: int) -> list[FakeRecord]:
        log = self._kafka.logs[place]
        if not log.beginning <= position <= log.end:
            raise OffsetOutOfRangeError({place: position})
        if most <= 0:
            return []
        records = [one for one in log.records if one.offset >= position][:most]
        is_at_the_end = not records or records[-1] is log.records[-1]
        self.positions[place] = log.end if is_at_the_end else records[-1].offset + 1
        return records


class FakeProducer:
    """Sends one record at a time and waits until the broker has it."""

    def __init__(self, kafka: FakeKafka, network: Network) -> None:
        self._kafka = kafka
        self._network = network

    async def start(self) -> None:
        """Connect."""
        await self._network.carry()

    async def stop(self) -> None:
        """Leave."""

    async def send_and_wait(
        self,
        topic: str,
        *,
        value: bytes | None,
        key: bytes | None,
        headers: Iterable[tuple[str, bytes]],
        partition: int = 0,
    ) -> None:
        """Return when the broker has the record.

        Raises:
            KafkaConnectionError: no answer came; does the broker have it? Who knows.
            MessageSizeTooLargeError: the broker refuses it.
        """
        fate = self._network.next_fate()
        await self._network.carry()
        if len(value or b"") > LARGEST_VALUE_BYTES:
            raise MessageSizeTooLargeError
        if fate is not Fate.REQUEST_LOST:
            self._kafka.append(topic, value, partition=partition, key=key, headers=tuple(headers))
        await self._network.carry()
        if fate is not Fate.ANSWERED:
            raise KafkaConnectionError
