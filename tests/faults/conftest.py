"""Streams of logs to break things under."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kafka.admin import KafkaAdminClient, NewTopic

from aiops.local.kafka import Kafka
from aiops.local.postgres import Postgres
from schemas.db.migrate import migrate
from schemas.topics import dead_letter_topic
from tests.conftest import MakeTopic
from tests.faults.log_stream import LogStream

PARTITIONS = 4
# Records are older than the broker's default retention.
KEPT = {"retention.ms": "-1"}


@pytest.fixture
def log_stream(kafka_server: str, database: str, make_topic: MakeTopic) -> LogStream:
    """A stream on the session's servers."""
    topic = make_topic("logs", partitions=PARTITIONS, config=KEPT)
    make_topic(dead_letter_topic("logs"), partitions=PARTITIONS)
    return LogStream(bootstrap=kafka_server, dsn=database, topic=topic, partitions=PARTITIONS)


@pytest.fixture
async def own_postgres_stream(
    kafka_server: str, own_postgres: Postgres, make_topic: MakeTopic
) -> LogStream:
    """A stream whose database server may be stopped."""
    await migrate(own_postgres.dsn)
    topic = make_topic("logs", partitions=PARTITIONS, config=KEPT)
    make_topic(dead_letter_topic("logs"), partitions=PARTITIONS)
    return LogStream(
        bootstrap=kafka_server, dsn=own_postgres.dsn, topic=topic, partitions=PARTITIONS
    )


@pytest.fixture
def own_kafka_stream(own_kafka: Kafka, database: str) -> LogStream:
    """A stream whose broker may be stopped."""
    return stream_on(own_kafka.bootstrap, database, replication=1)


def stream_on(bootstrap: str, dsn: str, *, replication: int) -> LogStream:
    """Make the topics on a broker that has none yet."""
    with admin_of(bootstrap) as admin:
        names = ["logs", dead_letter_topic("logs")]
        admin.create_topics(
            [NewTopic(name, PARTITIONS, replication, topic_configs=KEPT) for name in names],
            wait_for_metadata=True,
        )
    return LogStream(bootstrap=bootstrap, dsn=dsn, topic="logs", partitions=PARTITIONS)


@contextmanager
def admin_of(bootstrap: str) -> Iterator[KafkaAdminClient]:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        yield admin
    finally:
        admin.close()


@pytest.fixture
def cluster_stream(own_kafka_cluster: Kafka, database: str) -> LogStream:
    """A stream on three brokers, each of which holds every record."""
    return stream_on(own_kafka_cluster.bootstrap, database, replication=3)
