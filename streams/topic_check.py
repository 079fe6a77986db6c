"""Asks the broker for topics: do they exist, and are they still the same ones."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import msgspec
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, UnknownTopicOrPartitionError

from schemas.errors import ConfigError, TransientError

REQUEST_TIMEOUT_MS: Final = 10_000


class TopicInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as the broker describes it; making it anew changes the id."""

    name: str
    topic_id: UUID
    partitions: int


@contextmanager
def open_admin(bootstrap: str) -> Iterator[KafkaAdminClient]:
    """Yield an admin client, closed at the end.

    Raises:
        TransientError: the broker does not answer, now or within the block.
    """
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap.split(","),
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            bootstrap_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        try:
            yield admin
        finally:
            admin.close()
    except KafkaError as exc:
        raise TransientError(f"Kafka at {bootstrap} does not answer: {exc!r}") from exc


async def require_topics(bootstrap: str, names: Sequence[str]) -> dict[str, TopicInfo]:
    """Return the topics by name.

    Raises:
        ConfigError: one does not exist; the message has the command to run.
        TransientError: the broker does not answer.
    """
    found = await asyncio.to_thread(describe_topics, bootstrap, names)
    missing = sorted(set(names) - found.keys())
    if missing:
        raise ConfigError(f"topic {', '.join(missing)} does not exist: run `aiops topics create`")
    return found


def describe_topics(bootstrap: str, names: Sequence[str]) -> dict[str, TopicInfo]:
    """Return those of the topics that exist, by name.

    Raises:
        TransientError: the broker does not answer, or cannot tell yet.
    """
    if not names:
        return {}
    with open_admin(bootstrap) as admin:
        described = admin.describe_topics(list(names))
    for topic in described:
        if topic["error_code"] not in (0, UnknownTopicOrPartitionError.errno):
            raise TransientError(f"topic {topic['name']}: Kafka error {topic['error_code']}")
    return {
        topic["name"]: TopicInfo(
            name=topic["name"],
            topic_id=UUID(str(topic["topic_id"])),
            partitions=len(topic["partitions"]),
        )
        for topic in described
        if not topic["error_code"]
    }
