import pytest

from schemas.errors import ConfigError
from schemas.settings import Settings
from schemas.topics import (
    COMMITS_RAW,
    LOGS_SUBMITTED,
    REPLAYABLE_TOPICS,
    REPLAYS_REQUESTED,
    SOURCE_TOPICS,
    TICKETS_RAW,
    TRIAGE_FEEDBACK,
)
from streams.agents.commits import CommitsHandler
from streams.agents.feedback import FeedbackHandler
from streams.agents.logs import LogsHandler
from streams.agents.tickets import TicketsHandler
from streams.app import SMALL_BATCHES
from streams.lanes import handler_of, plan_tasks
from streams.processes import FINALIZER, INTERACTIVE_ROLE, LOGS

SETTINGS = Settings()


def test_every_topic_is_read_by_one_role_alone() -> None:
    read = [
        topic
        for role in (LOGS, INTERACTIVE_ROLE, FINALIZER)
        for task in plan_tasks(SETTINGS, role, "0")
        for topic in task.plan.topics
    ]

    assert sorted(read) == sorted(spec.name for spec in SOURCE_TOPICS)


def test_each_lane_has_a_group_and_an_instance_of_its_own() -> None:
    plans = [task.plan for task in plan_tasks(SETTINGS, INTERACTIVE_ROLE, "3")]

    assert [plan.name for plan in plans] == [
        "submitted",
        "commits",
        "tickets",
        "feedback",
        "replays",
    ]
    assert len({plan.instance_id for plan in plans}) == len(plans)
    assert all(plan.instance_id.endswith(f"-{plan.name}-3") for plan in plans)


def test_what_takes_long_comes_in_small_batches() -> None:
    plans = {task.plan.name: task.plan for task in plan_tasks(SETTINGS, INTERACTIVE_ROLE, "0")}

    assert plans["tickets"].policy == plans["feedback"].policy == SMALL_BATCHES


@pytest.mark.parametrize(
    ("topic", "handler"),
    [
        ("logs.raw", LogsHandler),
        (LOGS_SUBMITTED.name, LogsHandler),
        (COMMITS_RAW.name, CommitsHandler),
        (TICKETS_RAW.name, TicketsHandler),
        (TRIAGE_FEEDBACK.name, FeedbackHandler),
    ],
)
def test_a_replay_does_what_the_lane_does(topic: str, handler: type) -> None:
    assert type(handler_of(SETTINGS, topic)) is handler


def test_every_topic_but_that_of_requests_can_be_replayed() -> None:
    for topic in REPLAYABLE_TOPICS:
        handler_of(SETTINGS, topic.name)

    assert (*REPLAYABLE_TOPICS, REPLAYS_REQUESTED) == SOURCE_TOPICS
    with pytest.raises(ConfigError):
        handler_of(SETTINGS, REPLAYS_REQUESTED.name)


def test_a_topic_that_no_stream_reads_is_told() -> None:
    with pytest.raises(ConfigError, match="no stream reads topic elsewhere"):
        handler_of(SETTINGS, "elsewhere")
