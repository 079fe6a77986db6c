"""Seeded schedules of crash, rebalance, lost answer, retention and replay: nothing goes wrong."""

from collections.abc import Iterable
from uuid import UUID

import pytest

from schemas.db.pool import Connection
from streams import replay
from streams.agents import batches
from streams.offsets import (
    OffsetSpan,
    advance_offset,
    lock_stored_range,
    select_stored_range,
)
from tests.simulation.conftest import Simulator
from tests.simulation.numbers import SELECT_WRITER
from tests.soak import SEED_NAME, seeds_for, soak_seconds, soak_seed

SCHEDULES = 250
# A missing check must show within so many.
SCHEDULES_TO_FIND_IT = 200


def first_failure(simulator: Simulator, seeds: Iterable[int], of_kind: str = "") -> str:
    """Return what went wrong in the first schedule that fails so, empty when none does."""
    for seed in seeds:
        violations, story = simulator.run(seed)
        if any(of_kind in one for one in violations):
            shown = "\n".join([*violations, "after", *story])
            return f"{SEED_NAME}={seed} reproduces it:\n{shown}\n"
    return ""


def test_no_schedule_loses_repeats_or_alters_a_record(simulator: Simulator) -> None:
    first = soak_seed()

    assert first_failure(simulator, range(first, first + SCHEDULES)) == ""


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_no_schedule_of_very_many_does(simulator: Simulator) -> None:
    assert first_failure(simulator, seeds_for(soak_seconds())) == ""


def test_a_seed_tells_the_same_story_each_time(simulator: Simulator) -> None:
    for seed in range(20):
        assert simulator.run(seed) == simulator.run(seed)


async def lock_for_anyone(connection: Connection, topic: str, partition: int, _: UUID) -> int:
    """Lock as the fence does, and compare no writer."""
    stored = await lock_stored_range(connection, topic, partition)
    return stored.next if stored else 0


async def read_for_anyone(connection: Connection, topic: str, partition: int, _: UUID) -> int:
    """Lock nothing and compare nothing."""
    stored = await select_stored_range(connection, topic, partition)
    return stored.next if stored else 0


async def advance_for_anyone(
    connection: Connection, span: OffsetSpan, *, max_event_ns: int, writer: UUID
) -> None:
    """Advance in the name of whoever is the writer now."""
    row = await connection.fetchrow(SELECT_WRITER, span.topic, span.partition)
    present = row["writer"] if row else writer
    await advance_offset(connection, span, max_event_ns=max_event_ns, writer=present)


def test_without_the_comparison_of_writers_a_former_one_writes(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "lock_offset", lock_for_anyone)
    monkeypatch.setattr(batches, "advance_offset", advance_for_anyone)

    assert first_failure(simulator, range(SCHEDULES_TO_FIND_IT), "advanced by")


def test_without_the_lock_records_are_repeated(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "lock_offset", read_for_anyone)
    monkeypatch.setattr(batches, "advance_offset", advance_for_anyone)

    assert first_failure(simulator, range(SCHEDULES_TO_FIND_IT), "repeated")


def test_without_its_lock_a_replay_spoils_the_block_that_grows(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "lock_stored_range", select_stored_range)

    assert first_failure(simulator, range(SCHEDULES_TO_FIND_IT), "blocks")


def test_either_comparison_of_writers_is_enough(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row that is advanced is compared too, so that one mistake does not open the fence."""
    monkeypatch.setattr(batches, "lock_offset", lock_for_anyone)

    assert first_failure(simulator, range(SCHEDULES_TO_FIND_IT // 2)) == ""
