"""Where a claimed partition is read from, and how it stands after that."""

from collections.abc import Callable
from typing import Any

import pytest
from faust.types import TP

from schemas.errors import ConfigError
from schemas.ids import CHUNK_RECORDS
from streams.batch_delivery import BatchApp
from streams.chunk_alignment import ChunkAligner
from streams.offsets import OutdatedClaimError, PartitionRange
from streams.stands import PartitionStand, partition_stands
from tests.unit.streams.batch_app import TOPIC, consumer_of, kafka_record, unstarted_app

app = pytest.fixture(unstarted_app)


class Broker:
    """What a consumer thread is asked during a claim; the end moves on between two looks."""

    def __init__(self, *ends: int) -> None:
        self._ends = iter(ends)
        self.sought: dict[TP, int] = {}
        self.aligner = ChunkAligner()
        self.aligner.align({TP(TOPIC, 0): [kafka_record(0, 60)]}, lambda _: CHUNK_RECORDS)

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
    assert broker.aligner.align({}, lambda _: None) == {}


async def test_a_topic_that_stays_shorter_than_what_is_stored_is_refused(
    app: BatchApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = consumer_of(app)
    app.claim = claim_with_60_stored
    monkeypatch.setattr(consumer, "_thread", Broker(50, 50, 50))
    monkeypatch.setattr(consumer, "assignment", lambda: {TP(TOPIC, 0)})

    with pytest.raises(ConfigError, match="made anew"):
        await consumer.seek_to_committed()


async def test_an_app_that_has_not_joined_its_group_stands_nowhere(app: BatchApp) -> None:
    assert await partition_stands(app, {}) == []


async def test_nothing_is_claimed_while_the_group_shares_its_partitions_anew(
    app: BatchApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer, broker = consumer_of(app), Broker(60)
    seen: list[bool] = []

    async def claim_in_a_rebalance(
        _: list[PartitionRange], is_current: Callable[[], bool]
    ) -> dict[tuple[str, int], int]:
        seen.append(is_current())
        app.rebalancing_count += 1
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
