"""One Faust app (one consumer group) for one agent."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias

import faust
import mode
import msgspec

from schemas.settings import Settings
from streams.batch_delivery import (
    BatchApp,
    ClaimPartitions,
    PassThroughSchema,
    scheduler_of,
)

# Never reached: what waits for the agent is bounded by batch_delivery.py.
STREAM_BUFFER_EVENTS: Final = 4_096
SEVEN_DAYS_S: Final = 604_800.0

RunAgent: TypeAlias = Callable[[faust.StreamT[Any]], Awaitable[None]]


class FetchPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a fetch is answered: after so many bytes or so long, whichever comes first.

    `batch_records` bounds a batch where the settings' bound is too much. With `aligns_chunks`
    batches of a backlog end where chunks end.
    """

    min_bytes: int
    max_wait_ms: int
    batch_records: int | None = None
    aligns_chunks: bool = False


# A fetch costs about 1.1 ms: bulk topics wait for their bytes, a person's line does not.
INTERACTIVE: Final = FetchPolicy(min_bytes=1, max_wait_ms=500)
# A triage takes about 2 ms: a batch's transaction stays short.
SMALL_BATCHES: Final = FetchPolicy(min_bytes=1, max_wait_ms=500, batch_records=100)


def bulk_policy(settings: Settings) -> FetchPolicy:
    """Return how bulk logs are fetched."""
    return FetchPolicy(
        min_bytes=settings.fetch_min_bytes,
        max_wait_ms=settings.fetch_max_wait_ms,
        aligns_chunks=True,
    )


class AppPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One Faust app: the consumer group's name, its topics, and how they are fetched.

    `instance_id` is unique and stable per worker slot (static membership: a restart within the
    session timeout moves no partition).
    """

    name: str
    topics: Sequence[str]
    policy: FetchPolicy
    instance_id: str


def create_app(
    settings: Settings, plan: AppPlan, *, claim: ClaimPartitions, run_agent: RunAgent
) -> BatchApp:
    """Return an app that hands the batches of the plan's topics to `run_agent`; not started."""
    app = BatchApp(
        f"{settings.group_prefix}-{plan.name}",
        broker=[f"kafka://{address}" for address in settings.kafka_bootstrap.split(",")],
        fetch_min_bytes=plan.policy.min_bytes,
        fetch_max_wait_ms=plan.policy.max_wait_ms,
        aligns_chunks=plan.policy.aligns_chunks,
        claim=claim,
        consumer_group_instance_id=plan.instance_id,
        ConsumerScheduler=scheduler_of(plan.policy.batch_records or settings.batch_records),
        agent_supervisor=mode.CrashingSupervisor,
        consumer_auto_offset_reset="none",
        consumer_max_fetch_size=settings.fetch_partition_bytes,
        stream_buffer_maxsize=STREAM_BUFFER_EVENTS,
        broker_max_poll_records=settings.batch_records,
        stream_wait_empty=False,
        broker_max_poll_interval=SEVEN_DAYS_S,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.5,
        broker_request_timeout=40.0,
        broker_commit_interval=2.0,
        table_standby_replicas=0,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        autodiscover=False,
        store="memory://",
    )
    topic = app.topic(*plan.topics, schema=PassThroughSchema())
    app.agent(topic, name=f"{plan.name}-agent")(run_agent)
    return app
