from collections.abc import Callable
from importlib.metadata import version
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import aiokafka
import pytest
from aiokafka.errors import NoOffsetForPartitionError
from aiokafka.structs import ConsumerRecord, TopicPartition
from faust.exceptions import ConsumerNotStarted
from faust.transport import consumer as base_consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import ConfigError
from schemas.records import LOG_APPEND_TIME, SourceRecord
from schemas.settings import Settings
from streams.app import INTERACTIVE, AppPlan, create_app
from streams.batch_delivery import (
    MAX_BATCHES_IN_MEMORY,
    BatchApp,
    BatchConsumer,
    BatchConsumerThread,
    PartitionBatch,
    scheduler_of,
)
from streams.offsets import OutdatedClaimError, PartitionRange
from streams.stands import PartitionStand, partition_stands

TOPIC = "logs.raw"


def kafka_record(partition: int, offset: int) -> ConsumerRecord:
    return ConsumerRecord(
        topic=TOPIC,
        partition=partition,
        offset=offset,
        timestamp=1_000 + offset,
        timestamp_type=LOG_APPEND_TIME,
        key=b"key",
        value=b"value",
        checksum=None,
        serialized_key_size=3,
        serialized_value_size=5,
        headers=(("h", b"1"),),
    )


@st.composite
def fetches(draw: st.DrawFn) -> list[dict[TP, list[ConsumerRecord]]]:
    """Fetches in a row, each of some partitions; compaction leaves gaps between offsets."""
    positions = dict.fromkeys(range(3), 0)
    fetched = []
    for _ in range(draw(st.integers(1, 4))):
        records = {}
        for partition in draw(st.sets(st.sampled_from(sorted(positions)), min_size=1)):
            offsets = []
            for step in draw(st.lists(st.integers(1, 3), max_size=12)):
                positions[partition] += step
                offsets.append(positions[partition])
            records[TP(TOPIC, partition)] = [kafka_record(partition, one) for one in offsets]
        fetched.append(records)
    return fetched


def delivered(
    fetched: list[dict[TP, list[ConsumerRecord]]], batch_records: int
) -> list[tuple[TP, PartitionBatch]]:
    scheduler = scheduler_of(batch_records)()
    return [one for records in fetched for one in scheduler.iterate(records)]


@given(fetches(), st.integers(1, 6))
def test_each_record_comes_once_and_in_order(
    fetched: list[dict[TP, list[ConsumerRecord]]], batch_records: int
) -> None:
    batches = delivered(fetched, batch_records)

    for partition in range(3):
        tp = TP(TOPIC, partition)
        came = [record for place, batch in batches if place == tp for record in batch.records]
        assert came == [record for records in fetched for record in records.get(tp, [])]
    assert all(1 <= len(batch.records) <= batch_records for _, batch in batches)


@given(fetches(), st.integers(1, 6))
def test_a_batch_follows_the_one_before_it(
    fetched: list[dict[TP, list[ConsumerRecord]]], batch_records: int
) -> None:
    for partition in range(3):
        batches = [
            batch for tp, batch in delivered(fetched, batch_records) if tp.partition == partition
        ]
        assert all(after.follows == before.offset + 1 for before, after in pairwise(batches))
        assert all(batch.follows <= batch.records[0].offset for batch in batches)


def test_partitions_take_turns() -> None:
    fetched = {
        TP(TOPIC, partition): [kafka_record(partition, offset) for offset in range(count)]
        for partition, count in ((0, 5), (1, 2))
    }

    batches = scheduler_of(2)().iterate(fetched)

    assert [(tp.partition, len(batch.records)) for tp, batch in batches] == [
        (0, 2),
        (1, 2),
        (0, 2),
        (0, 1),
    ]


def test_after_a_claim_a_batch_follows_the_claimed_offset() -> None:
    """Offsets between it and the first record do not exist on the broker."""
    scheduler = scheduler_of(10)()
    scheduler.positions[TP(TOPIC, 0)] = 7

    ((_, batch),) = scheduler.iterate({TP(TOPIC, 0): [kafka_record(0, 9)]})

    assert (batch.follows, batch.offset) == (7, 9)


def test_a_batch_hands_its_records_over_as_envelopes() -> None:
    batch = PartitionBatch([kafka_record(2, 5)], follows=5)

    assert batch.source_records() == [
        SourceRecord(
            topic=TOPIC,
            partition=2,
            offset=5,
            value=b"value",
            key=b"key",
            headers=(("h", b"1"),),
            timestamp_ms=1_005,
            timestamp_type=LOG_APPEND_TIME,
        )
    ]


# What follows pins what batch_delivery.py uses of Faust and aiokafka without a promise of theirs.

RECORD_FIELDS = (
    "topic",
    "partition",
    "offset",
    "timestamp",
    "timestamp_type",
    "headers",
    "key",
    "value",
    "checksum",
    "serialized_key_size",
    "serialized_value_size",
)
CONSUMER: Any = SimpleNamespace(app=SimpleNamespace(consumer_generation_id=3))


@pytest.mark.parametrize(
    ("package", "pinned"),
    [("faust-streaming", "0.15.3"), ("mode-streaming", "0.7.1"), ("aiokafka", "0.14.0")],
)
def test_the_versions_are_those_whose_private_names_are_known(package: str, pinned: str) -> None:
    assert version(package) == pinned


def test_a_batch_stands_for_a_record_of_faust() -> None:
    batch = PartitionBatch([kafka_record(2, 5), kafka_record(2, 6)], follows=5)

    message: Any = driver.Consumer._to_message(CONSUMER, TP(TOPIC, 2), batch)

    assert message.value is batch
    assert (message.topic, message.partition, message.offset) == (TOPIC, 2, 6)
    assert (message.timestamp, message.timestamp_type) == (1.006, LOG_APPEND_TIME)
    assert message.generation_id == 3


@pytest.mark.parametrize("missing", RECORD_FIELDS)
def test_faust_reads_each_of_the_record_fields(missing: str) -> None:
    record = SimpleNamespace(**{name: 0 for name in RECORD_FIELDS if name != missing})

    with pytest.raises(AttributeError, match=missing):
        driver.Consumer._to_message(CONSUMER, TP(TOPIC, 0), record)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (driver.AIOKafkaConsumerThread, "_create_worker_consumer"),
        (driver.AIOKafkaConsumerThread, "earliest_offsets"),
        (driver.AIOKafkaConsumerThread, "highwaters"),
        (driver.AIOKafkaConsumerThread, "seek"),
        (driver.Consumer, "_new_consumer_thread"),
        (driver.Consumer, "seek_to_committed"),
        (driver.Consumer, "on_partitions_assigned"),
        (BatchApp, "on_rebalance_start"),
        (driver.Consumer, "_getmany"),
        (base_consumer.Consumer, "_add_gap"),
        (base_consumer.Consumer, "_new_offset"),
        (BatchApp, "_new_transport"),
    ],
)
def test_what_we_override_or_call_exists(owner: type, name: str) -> None:
    assert callable(getattr(owner, name))


@pytest.fixture
async def app() -> BatchApp:
    # Within the test's loop, else Faust makes one of its own.
    plan = AppPlan(name="logs", topics=[TOPIC], policy=INTERACTIVE, instance_id="host-logs-0")

    async def claim(*_: object) -> dict[tuple[str, int], int]:
        return {}

    async def run_agent(_: object) -> None:
        return

    return create_app(Settings(group_prefix="test"), plan, claim=claim, run_agent=run_agent)


def consumer_of(app: BatchApp) -> Any:  # private names have no types
    return app.consumer


async def test_the_apps_consumer_is_ours(app: BatchApp) -> None:
    consumer = consumer_of(app)
    assert consumer.scheduler.batch_records == Settings().batch_records
    assert isinstance(consumer._thread, BatchConsumerThread)
    assert isinstance(consumer, BatchConsumer)
    assert app.conf.id == "test-logs"


async def test_the_aiokafka_consumer_has_our_fetch_settings(app: BatchApp) -> None:
    consumer = consumer_of(app)._thread._create_worker_consumer(app.transport)

    assert isinstance(consumer, aiokafka.AIOKafkaConsumer)
    assert consumer._fetch_min_bytes == INTERACTIVE.min_bytes
    assert consumer._fetch_max_wait_ms == INTERACTIVE.max_wait_ms
    assert consumer._isolation_level == "read_committed"
    assert consumer._auto_offset_reset == "none"
    assert consumer._group_instance_id == "host-logs-0"


async def test_the_offset_to_commit_lies_behind_the_last_acked_batch(app: BatchApp) -> None:
    consumer, tp = consumer_of(app), TP(TOPIC, 0)
    assert consumer._new_offset(tp) is None

    consumer._acked[tp].extend([4_999, 9_999])
    consumer._acked_index[tp].update([4_999, 9_999])

    assert consumer._new_offset(tp) == 10_000
    assert consumer._new_offset(tp) is None
    assert not consumer._acked_index[tp]


async def test_a_gap_costs_nothing(app: BatchApp) -> None:
    consumer = consumer_of(app)

    await consumer._add_gap(TP(TOPIC, 0), 0, 10**9)

    assert not consumer._gap[TP(TOPIC, 0)]


async def test_an_app_that_has_not_joined_its_group_stands_nowhere(app: BatchApp) -> None:
    assert await partition_stands(app, {}) == []


async def test_nothing_is_fetched_while_enough_batches_wait(app: BatchApp) -> None:
    """The consumer has not started: an attempt to fetch raises."""
    consumer, records = consumer_of(app), {TP(TOPIC, 0): [kafka_record(0, 1)]}
    waiting = [
        batch
        for _ in range(MAX_BATCHES_IN_MEMORY)
        for _, batch in consumer.scheduler.iterate(records)
    ]

    assert await consumer._getmany(active_partitions=set(), timeout=1.0) == {}

    waiting.pop()
    with pytest.raises(ConsumerNotStarted):
        await consumer._getmany(active_partitions=set(), timeout=1.0)


async def test_a_fetch_that_meets_an_unclaimed_partition_returns_nothing(
    app: BatchApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = consumer_of(app)

    async def meet_unclaimed(*_: object) -> None:
        raise NoOffsetForPartitionError(TopicPartition(TOPIC, 0))

    monkeypatch.setattr(driver.Consumer, "_getmany", meet_unclaimed)

    assert await consumer._getmany(active_partitions=set(), timeout=1.0) == {}


async def test_what_was_fetched_before_the_claim_is_not_delivered(
    app: BatchApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer, fetched = consumer_of(app), {TP(TOPIC, 0): [1], TP(TOPIC, 1): [2]}

    async def fetch(*_: object) -> dict[TP, list[int]]:
        return fetched

    monkeypatch.setattr(driver.Consumer, "_getmany", fetch)
    consumer.scheduler.claimed[TP(TOPIC, 1)] = 0

    assert await consumer._getmany(active_partitions=set(), timeout=1.0) == {TP(TOPIC, 1): [2]}


class Broker:
    """What a consumer thread is asked during a claim; the end moves on between two looks."""

    def __init__(self, *ends: int) -> None:
        self._ends = iter(ends)
        self.sought: dict[TP, int] = {}

    async def earliest_offsets(self, *places: TP) -> dict[TP, int]:
        return dict.fromkeys(places, 0)

    async def highwaters(self, *places: TP) -> dict[TP, int]:
        return dict.fromkeys(places, next(self._ends))

    def seek(self, place: TP, offset: int) -> None:
        self.sought[place] = offset


async def claim_with_60_stored(
    held: list[PartitionRange], _: Callable[[], bool]
) -> dict[tuple[str, int], int]:
    """Refuse as the database does while the broker seems to have less than is stored."""
    if held[0].end < 60:
        raise ConfigError("made anew")
    return {(TOPIC, 0): 60}


async def test_a_claim_that_waited_is_not_taken_for_a_topic_made_anew(
    app: BatchApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it waited the former owner stored what had come since we asked for the end."""
    consumer, broker = consumer_of(app), Broker(50, 61)
    app.claim = claim_with_60_stored
    monkeypatch.setattr(consumer, "_thread", broker)
    monkeypatch.setattr(consumer, "assignment", lambda: {TP(TOPIC, 0)})

    await consumer.seek_to_committed()

    assert broker.sought == {TP(TOPIC, 0): 60}


async def test_a_topic_that_stays_shorter_than_what_is_stored_is_refused(
    app: BatchApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = consumer_of(app)
    app.claim = claim_with_60_stored
    monkeypatch.setattr(consumer, "_thread", Broker(50, 50, 50))
    monkeypatch.setattr(consumer, "assignment", lambda: {TP(TOPIC, 0)})

    with pytest.raises(ConfigError, match="made anew"):
        await consumer.seek_to_committed()


async def test_nothing_is_claimed_while_the_group_shares_its_partitions_anew(
    app: BatchApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer, broker = consumer_of(app), Broker(60)
    seen: list[bool] = []

    async def claim_in_a_rebalance(
        _: list[PartitionRange], is_current: Callable[[], bool]
    ) -> dict[tuple[str, int], int]:
        seen.append(is_current())
        app.on_rebalance_start()
        seen.append(is_current())
        raise OutdatedClaimError

    app.claim = claim_in_a_rebalance
    monkeypatch.setattr(consumer, "_thread", broker)
    monkeypatch.setattr(consumer, "assignment", lambda: {TP(TOPIC, 0)})
    claimed = await consumer.seek_to_committed()

    assert (claimed, broker.sought, seen) == ({}, {}, [True, False])


async def stand_after_a_claim_at_60(
    app: BatchApp, monkeypatch: pytest.MonkeyPatch, *, delivered: int, stored: dict[Any, int]
) -> PartitionStand:
    """Return how a partition stands that was claimed at 60 and fetched to its end."""
    consumer, place = consumer_of(app), TP(TOPIC, 0)

    async def position(_: TP) -> int:
        return delivered

    async def highwaters(*places: TP) -> dict[TP, int]:
        return dict.fromkeys(places, delivered)

    monkeypatch.setattr(consumer, "assignment", lambda: {place})
    monkeypatch.setattr(consumer, "position", position)
    monkeypatch.setattr(consumer, "highwaters", highwaters)
    consumer.scheduler.claimed[place] = 60
    consumer.scheduler.positions[place] = delivered
    (stand,) = await partition_stands(app, stored)
    return stand


async def test_a_partition_whose_first_batches_were_lost_is_waiting(
    app: BatchApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand = await stand_after_a_claim_at_60(app, monkeypatch, delivered=80, stored={})

    assert (stand.stored, stand.is_waiting, stand.lag) == (60, True, 20)


async def test_a_partition_that_another_worker_had_meanwhile_is_not(
    app: BatchApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this one stored before it lost the partition is older than what it claimed."""
    stored = {(TOPIC, 0): 40}

    stand = await stand_after_a_claim_at_60(app, monkeypatch, delivered=60, stored=stored)

    assert (stand.stored, stand.is_waiting) == (60, False)
