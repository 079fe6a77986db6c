"""Which role of worker reads which topics, and what is done with their records."""

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from schemas.errors import ConfigError
from schemas.settings import Settings
from schemas.topics import (
    COMMITS_RAW,
    LOGS_SUBMITTED,
    REPLAYS_REQUESTED,
    TICKETS_RAW,
    TRIAGE_FEEDBACK,
)
from streams.agents.batches import StreamHandler
from streams.agents.commits import CommitsHandler
from streams.agents.logs import LogsHandler
from streams.agents.replays import ReplayRequestsHandler
from streams.app import INTERACTIVE, SMALL_BATCHES, AppPlan, FetchPolicy, bulk_policy
from streams.domain.windows import NANOSECONDS
from streams.processes import INTERACTIVE_ROLE, LOGS, USUAL_CHOICES, Choices, Role

if TYPE_CHECKING:
    from streams.agents.feedback import FeedbackHandler
    from streams.agents.tickets import TicketsHandler

Handler: TypeAlias = "LogsHandler | CommitsHandler | TicketsHandler | FeedbackHandler"


class Task(NamedTuple):
    """One Faust app of a worker and what its agent does with the batches."""

    plan: AppPlan
    handler: StreamHandler[Any]


class Lane(NamedTuple):
    """A topic of few records: the consumer group's name, and how its batches are fetched."""

    name: str
    topic: str
    policy: FetchPolicy


LANES: Final = (
    Lane("submitted", LOGS_SUBMITTED.name, INTERACTIVE),
    Lane("commits", COMMITS_RAW.name, INTERACTIVE),
    Lane("tickets", TICKETS_RAW.name, SMALL_BATCHES),
    Lane("feedback", TRIAGE_FEEDBACK.name, SMALL_BATCHES),
)


def plan_tasks(
    settings: Settings, role: Role, slot: str, choices: Choices = USUAL_CHOICES
) -> list[Task]:
    """Return what a worker of this role runs; `slot` names it among those of its role."""
    if role == LOGS:
        bulk = _plan("logs", settings.log_topic_names, bulk_policy(settings), slot)
        return [Task(bulk, logs_handler(settings))]
    if role == INTERACTIVE_ROLE:
        requests = _plan("replays", [REPLAYS_REQUESTED.name], INTERACTIVE, slot)
        return [
            *(
                Task(
                    _plan(lane.name, [lane.topic], lane.policy, slot),
                    handler_of(settings, lane.topic, choices),
                )
                for lane in LANES
            ),
            Task(requests, ReplayRequestsHandler()),
        ]
    return []


def _plan(name: str, topics: Sequence[str], policy: FetchPolicy, slot: str) -> AppPlan:
    instance_id = f"{socket.gethostname()}-{name}-{slot}"
    return AppPlan(name=name, topics=topics, policy=policy, instance_id=instance_id)


def logs_handler(settings: Settings) -> LogsHandler:
    """Return what a logs agent does with a batch, by these settings."""
    return LogsHandler(
        window_ns=settings.window_s * NANOSECONDS, shape_room=settings.max_shapes_per_block
    )


def handler_of(settings: Settings, topic: str, choices: Choices = USUAL_CHOICES) -> Handler:
    """Return what is done with the records of a topic, live and on replay.

    What triages tickets takes a second to import (numpy): other workers do without.

    Raises:
        ConfigError: no stream of ours reads the topic, or it holds nothing to be read again.
    """
    if topic in {*settings.log_topic_names, LOGS_SUBMITTED.name}:
        return logs_handler(settings)
    if topic == COMMITS_RAW.name:
        return CommitsHandler()
    if topic == TICKETS_RAW.name:
        from streams.agents.tickets import TicketsHandler

        return TicketsHandler(choices.triage)
    if topic == TRIAGE_FEEDBACK.name:
        from streams.agents.feedback import FeedbackHandler

        return FeedbackHandler(choices.triage)
    raise ConfigError(f"no stream reads topic {topic}", setting="AIOPS_LOG_TOPICS")
