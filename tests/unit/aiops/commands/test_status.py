from datetime import UTC, datetime

import msgspec
import pytest

from aiops.commands.status import replay_line
from aiops.status import Replay

RUNNING = Replay(
    run_id="5f0c2a9e",
    topic="logs.raw",
    partition=None,
    state="running",
    is_interrupted=False,
    is_attended=True,
    is_dry_run=False,
    is_retriage=False,
    requested_by="anna",
    requested_at=datetime(2026, 11, 25, 12, tzinfo=UTC),
    heartbeat_at=None,
    ended_at=None,
    blocks=12,
    done_blocks=3,
    changed_blocks=1,
    records=196_608,
    error=None,
)


def line(**changes: object) -> str:
    return replay_line(msgspec.structs.replace(RUNNING, **changes))


def test_a_replay_is_told_with_how_far_it_has_come() -> None:
    expected = "replay 5f0c2a9e: logs.raw running, 3/12 blocks, 196608 records, 1 changed"

    assert line() == expected


def test_a_dry_run_of_one_partition_that_is_not_planned_yet_says_so() -> None:
    told = line(partition=2, blocks=None, done_blocks=0, is_dry_run=True)

    assert "logs.raw[2] running, 0/? blocks" in told
    assert told.endswith("would change")


@pytest.mark.parametrize(
    ("changes", "is_told"),
    [
        ({"is_interrupted": True}, True),
        ({"state": "failed", "is_attended": False, "error": "a bug"}, True),
        ({"is_interrupted": True, "is_attended": False}, False),
        ({"state": "refused", "error": "is cut"}, False),
        ({"state": "done"}, False),
        ({}, False),
    ],
)
def test_the_way_on_is_told_where_a_person_must_go_it(
    changes: dict[str, object], is_told: bool
) -> None:
    assert ("aiops replay --resume 5f0c2a9e" in line(**changes)) is is_told


def test_why_a_replay_was_refused_is_told() -> None:
    assert line(state="refused", error="the block at 0 is cut").endswith(": the block at 0 is cut")
