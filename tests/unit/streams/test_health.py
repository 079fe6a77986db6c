import pytest
from prometheus_client import REGISTRY

from streams.health import (
    TICK_TIMEOUT_S,
    DisplacedError,
    LagGauge,
    RefusalDetector,
    StallDetector,
    StalledError,
    WorkerHealth,
)
from streams.stands import PartitionStand


def stand(*, stored: int = 10, end: int = 20, fetched: int | None = None) -> PartitionStand:
    reached = end if fetched is None else fetched
    return PartitionStand(
        topic="logs.raw", partition=3, fetched=reached, delivered=reached, stored=stored, end=end
    )


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_partition_that_waits_and_never_moves_is_stalled() -> None:
    detector = StallDetector(timeout_s=60)
    detector.observe(0, [stand()], is_database_well=True)
    detector.observe(59, [stand()], is_database_well=True)

    with pytest.raises(StalledError, match=r"logs\.raw\[3\] has not moved for 60 s"):
        detector.observe(60, [stand()], is_database_well=True)


def test_progress_starts_the_wait_again() -> None:
    detector = StallDetector(timeout_s=60)
    detector.observe(0, [stand(stored=10)], is_database_well=True)
    detector.observe(59, [stand(stored=11)], is_database_well=True)

    detector.observe(100, [stand(stored=11)], is_database_well=True)


def test_a_slow_database_is_no_stalled_worker() -> None:
    detector = StallDetector(timeout_s=60)
    detector.observe(0, [stand()], is_database_well=True)
    detector.observe(90, [stand()], is_database_well=False)

    detector.observe(140, [stand()], is_database_well=True)


def test_the_lag_of_a_lost_partition_is_exported_no_more() -> None:
    gauge = LagGauge()
    gauge.export([stand(stored=10, end=25)])
    of_ours = exported_lag()
    gauge.export([])

    assert (of_ours, exported_lag()) == (15.0, None)


def exported_lag() -> float | None:
    return REGISTRY.get_sample_value("aiops_lag_records", {"topic": "logs.raw", "partition": "3"})


def test_time_in_which_nobody_knows_how_a_partition_stands_is_not_waited() -> None:
    """The broker was away, or the partition was another worker's."""
    detector = StallDetector(timeout_s=60)
    detector.observe(0, [stand()], is_database_well=True)
    detector.observe(30, [], is_database_well=True)
    detector.observe(600, [stand()], is_database_well=True)

    with pytest.raises(StalledError, match="has not moved for 60 s"):
        detector.observe(660, [stand()], is_database_well=True)


def test_an_idle_partition_stalls_nothing() -> None:
    detector = StallDetector(timeout_s=60)
    idle = stand(stored=20, end=20)
    detector.observe(0, [idle], is_database_well=True)

    detector.observe(1_000, [idle], is_database_well=True)


def test_a_partition_of_ours_that_stays_refused_ends_the_worker() -> None:
    detector = RefusalDetector()
    detector.observe("logs", {("logs.raw", 3)})

    with pytest.raises(DisplacedError, match=r"logs\.raw\[3\] is ours"):
        detector.observe("logs", {("logs.raw", 3)})


def test_a_refused_partition_that_is_given_away_meanwhile_ends_nothing() -> None:
    detector = RefusalDetector()
    detector.observe("logs", {("logs.raw", 3)})
    detector.observe("logs", set())
    detector.observe("logs", {("logs.raw", 3)})

    detector.observe("tickets", {("logs.raw", 3)})


def test_a_transaction_marker_at_the_end_is_no_record_that_waits() -> None:
    at_marker = PartitionStand(
        topic="logs.raw", partition=0, fetched=21, delivered=20, stored=20, end=21
    )

    assert not at_marker.is_waiting
    assert at_marker.lag == 0


def test_a_fetch_that_stands_still_counts_as_waiting() -> None:
    behind = stand(stored=10, end=20, fetched=10)

    assert behind.is_waiting
    assert behind.lag == 10


def test_a_worker_is_alive_while_its_event_loop_comes_round() -> None:
    clock = Clock()
    health = WorkerHealth(clock)
    health.tick([])
    clock.now_s = TICK_TIMEOUT_S - 1
    was_alive = health.is_alive
    clock.now_s = TICK_TIMEOUT_S

    assert was_alive
    assert not health.is_alive


def test_a_worker_is_ready_once_nothing_is_in_its_way() -> None:
    health = WorkerHealth(Clock())
    at_start = health.report
    health.tick([])

    assert not at_start.is_ready
    assert at_start.reasons == ["starting"]
    assert health.report.is_ready
