import pytest

from schemas.errors import ConfigError, TransientError
from schemas.settings import Settings
from streams.app import INTERACTIVE
from streams.dead_letters import DeadLetterLimitError
from streams.lanes import plan_tasks
from streams.worker import WorkerFailedError, exit_status

LIMIT_PASSED = DeadLetterLimitError(topic="logs.raw", rejected=9, records=9)


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (LIMIT_PASSED, 1),
        (ConfigError("topic logs.raw does not exist"), 2),
        (TransientError("no answer while taking over partitions"), 3),
        (WorkerFailedError("ended by itself"), 3),
        (ValueError("a bug"), 3),
    ],
)
def test_the_exit_status_tells_whether_a_restart_helps(failure: Exception, status: int) -> None:
    assert exit_status(failure) == status


def test_slots_of_a_role_are_different_members_of_one_group() -> None:
    plans = [plan_tasks(Settings(), "logs", slot)[0].plan for slot in ("0", "1", "0")]

    assert {plan.name for plan in plans} == {"logs"}
    assert plans[0].instance_id != plans[1].instance_id
    assert plans[0].instance_id == plans[2].instance_id


def test_bulk_topics_wait_for_their_bytes_and_a_persons_line_for_nothing() -> None:
    settings = Settings(log_topics="logs.raw, app.logs")
    (bulk,) = plan_tasks(settings, "logs", "0")
    interactive = plan_tasks(settings, "interactive", "0")

    assert bulk.plan.topics == ["logs.raw", "app.logs"]
    assert bulk.plan.policy.min_bytes == settings.fetch_min_bytes
    assert ["logs.submitted"] in [task.plan.topics for task in interactive]
    assert {task.plan.policy.min_bytes for task in interactive} == {INTERACTIVE.min_bytes}


def test_the_finalizer_reads_no_topic() -> None:
    assert plan_tasks(Settings(), "finalizer", "0") == []
