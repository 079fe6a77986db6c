"""Topics on the broker: create what is missing, list, and how far each partition is read."""

from collections.abc import Mapping, Sequence

import msgspec
from kafka import TopicPartition
from kafka.admin import NewTopic, OffsetSpec

from aiops.absences import told_absences
from schemas.db.pool import open_pool
from schemas.errors import ConfigError
from schemas.settings import Settings
from schemas.topics import TopicSpec, all_topics
from streams.store.forgetting import forget_topic
from streams.topic_check import describe_topics, open_admin


class TopicRow(msgspec.Struct, frozen=True, kw_only=True):
    """One topic of ours as the broker has it; no partitions when it does not exist."""

    name: str
    key: str
    partitions: int
    records: int


class PartitionEnds(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker holds of a partition: offsets [beginning, end)."""

    topic: str
    partition: int
    beginning: int
    end: int


def create_topics(
    bootstrap: str,
    *,
    log_topics: Sequence[str],
    replication: int,
    partitions: Mapping[str, int],
) -> list[str]:
    """Create the topics that are missing and return their names; repeating is safe.

    `log_topics` are made beside those that always exist; `partitions` overrides the number of
    partitions by topic name.

    Raises:
        TransientError: the broker does not answer.
    """
    specs = [_with_partitions(spec, partitions) for spec in all_topics(log_topics)]
    existing = describe_topics(bootstrap, [spec.name for spec in specs])
    missing = [spec for spec in specs if spec.name not in existing]
    if missing:
        new = [
            NewTopic(spec.name, spec.partitions, replication, topic_configs=dict(spec.topic_config))
            for spec in missing
        ]
        with open_admin(bootstrap) as admin:
            admin.create_topics(new, wait_for_metadata=True)
    return [spec.name for spec in missing]


def _with_partitions(spec: TopicSpec, partitions: Mapping[str, int]) -> TopicSpec:
    source = spec.name.removesuffix(".dlq")
    return msgspec.structs.replace(spec, partitions=partitions.get(source, spec.partitions))


async def forget_stored(settings: Settings, topic: str) -> int:
    """Drop what is stored of a topic; return how many offsets that were.

    Raises:
        ConfigError: nothing is stored of the topic.
        TransientError: Postgres does not answer.
    """
    with told_absences():
        pool = await open_pool(settings.postgres_dsn, application_name="aiops-topics", max_size=1)
        try:
            async with pool.acquire() as connection, connection.transaction():
                window_minutes = settings.window_s // 60
                offsets = await forget_topic(connection, topic, window_minutes=window_minutes)
        finally:
            await pool.close()
    if offsets is None:
        raise ConfigError(f"nothing is stored of topic {topic}")
    return offsets


def list_topics(bootstrap: str) -> list[TopicRow]:
    """Return our topics, in the order they are declared, with the records each holds.

    Raises:
        TransientError: the broker does not answer.
    """
    specs = all_topics()
    ends = partition_ends(bootstrap, [spec.name for spec in specs])
    rows = []
    for spec in specs:
        own = [one for one in ends if one.topic == spec.name]
        records = sum(one.end - one.beginning for one in own)
        rows.append(TopicRow(name=spec.name, key=spec.key, partitions=len(own), records=records))
    return rows


def partition_ends(bootstrap: str, topics: Sequence[str]) -> list[PartitionEnds]:
    """Return the ends of all partitions of those topics that exist, in order.

    Raises:
        TransientError: the broker does not answer.
    """
    existing = describe_topics(bootstrap, topics)
    places = [
        TopicPartition(info.name, partition)
        for info in sorted(existing.values(), key=lambda info: info.name)
        for partition in range(info.partitions)
    ]
    if not places:
        return []
    with open_admin(bootstrap) as admin:
        earliest = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
        latest = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
    return [
        PartitionEnds(
            topic=place.topic,
            partition=place.partition,
            beginning=earliest[place].offset,
            end=latest[place].offset,
        )
        for place in places
    ]
