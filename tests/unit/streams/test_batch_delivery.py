from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
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

from schemas.ids import CHUNK_RECORDS
from schemas.records import LOG_APPEND_TIME, SourceRecord
from schemas.settings import Settings
from streams.app import INTERACTIVE
from streams.batch_delivery import (
    MAX_BATCHES_IN_MEMORY,
    BatchApp,
    BatchConsumer,
    BatchConsumerThread,
    PartitionBatch,
    scheduler_of,
)
from tests.unit.streams.batch_app import TOPIC, consumer_of, kafka_record, unstarted_app


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


def test_batches_that_others_follow_end_where_a_chunk_ends() -> None:
    fetched = {TP(TOPIC, 0): [kafka_record(0, offset) for offset in range(100, 12_300)]}

    batches = scheduler_of(5_000)().iterate(fetched)

    assert [(batch.follows, batch.offset) for _, batch in batches] == [
        (100, 4_095),
        (4_096, 8_191),
        (8_192, 12_299),
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
        (driver.AIOKafkaConsumerThread, "_fetch_records"),
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


app = pytest.fixture(unstarted_app)


async def test_the_apps_consumer_is_ours(app: BatchApp) -> None:
    consumer = consumer_of(app)
    assert consumer.scheduler.batch_records == Settings().batch_records
    assert isinstance(consumer._thread, BatchConsumerThread)
    assert isinstance(consumer, BatchConsumer)
    assert app.conf.id == "test-logs"


def entries(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_started_app_leaves_no_folders(
    app: BatchApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    await app.on_first_start()

    assert entries(tmp_path) == []


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


@pytest.mark.parametrize(("aligns", "count"), [(True, CHUNK_RECORDS), (False, 5_000)])
async def test_the_beginning_of_a_chunk_is_held_back_where_that_is_wanted(
    app: BatchApp, monkeypatch: pytest.MonkeyPatch, aligns: bool, count: int
) -> None:
    place, app.aligns_chunks = TP(TOPIC, 0), aligns

    async def fetch(*_: object) -> dict[TP, list[ConsumerRecord]]:
        return {place: [kafka_record(0, offset) for offset in range(5_000)]}

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_fetch_records", fetch)
    fetched_from = SimpleNamespace(last_stable_offset=lambda _: 10_000)

    records = await consumer_of(app)._thread._fetch_records(fetched_from, set())

    assert len(records[place]) == count
