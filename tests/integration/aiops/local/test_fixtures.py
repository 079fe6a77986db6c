"""The fixtures that the other integration tests stand on."""

import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from kafka import KafkaConsumer, KafkaProducer

from tests.conftest import MakeTopic
from tests.servers import remove_leftovers, scratch_directory

pytestmark = pytest.mark.integration


def test_a_record_comes_back_from_a_fresh_topic(kafka_server: str, make_topic: MakeTopic) -> None:
    topic = make_topic("logs.raw", partitions=2)
    producer = KafkaProducer(bootstrap_servers=kafka_server)
    producer.send(topic, b"a line", partition=1).get(timeout=30)
    producer.close()
    consumer = KafkaConsumer(
        topic, bootstrap_servers=kafka_server, auto_offset_reset="earliest", group_id=None
    )
    record = next(consumer)
    consumer.close()

    assert (record.partition, record.offset, record.value) == (1, 0, b"a line")


async def test_each_test_has_a_migrated_database_of_its_own(database: str) -> None:
    connection = await asyncpg.connect(database)
    names = await connection.fetch("SELECT name FROM schema_migrations")
    await connection.close()

    assert names


async def test_an_empty_database_has_no_tables(empty_database: str) -> None:
    connection = await asyncpg.connect(empty_database)
    count = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()

    assert count == 0


STAY = """
import time
from tests.servers import scratch_directory
with scratch_directory() as path:
    (path / "data").mkdir()
    print(path, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_session_leaves_is_removed_by_the_next() -> None:
    command = [sys.executable, "-c", STAY]
    with (
        scratch_directory() as ours,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as session,
    ):
        assert session.stdout is not None
        theirs = Path(session.stdout.readline().strip())
        remove_leftovers()
        lived = theirs.exists()
        session.kill()
        session.wait()

        remove_leftovers()

        assert lived
        assert not theirs.exists()
        assert ours.exists()
    assert not ours.exists()
