"""An app that is not started, and records as aiokafka gives them."""

from collections.abc import AsyncIterator
from typing import Any

from aiokafka.structs import ConsumerRecord

from schemas.records import LOG_APPEND_TIME
from schemas.settings import Settings
from streams.app import INTERACTIVE, AppPlan, create_app
from streams.batch_delivery import BatchApp

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


def consumer_of(app: BatchApp) -> Any:  # private names have no types
    return app.consumer


async def unstarted_app() -> AsyncIterator[BatchApp]:
    """Yield an app of one topic; within the test's loop, else Faust makes its own.

    The loop of its consumer's thread would be collected some time later, in no good order.
    """
    app = _make_app()
    yield app
    consumer_of(app)._thread.thread_loop.close()


def _make_app() -> BatchApp:
    plan = AppPlan(name="logs", topics=[TOPIC], policy=INTERACTIVE, instance_id="host-logs-0")

    async def claim(*_: object) -> dict[tuple[str, int], int]:
        return {}

    async def run_agent(_: object) -> None:
        return

    return create_app(Settings(group_prefix="test"), plan, claim=claim, run_agent=run_agent)
