"""The fixtures that the other integration tests stand on."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import asyncpg
import pytest
from kafka import KafkaConsumer, KafkaProducer

from aiops.local.ports import is_free
from tests import servers
from tests.conftest import MakeTopic
from tests.servers import MEMORY, remove_leftovers, roomy_memory, scratch_directory
from tests.workers import ROOT

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
import sys
import time
from pathlib import Path
from tests.servers import scratch_directory
with scratch_directory(Path(sys.argv[1])) as path:
    (path / "data").mkdir()
    print(path, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("place", [Path(tempfile.gettempdir()), MEMORY], ids=["disk", "memory"])
def test_what_a_killed_session_leaves_is_removed_by_the_next(place: Path) -> None:
    if not place.exists():
        pytest.skip(f"this system has no {place}")
    command = [sys.executable, "-c", STAY, str(place)]
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


def test_databases_lie_in_memory_only_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(servers, "MEMORY", tmp_path)
    monkeypatch.setattr(servers, "MEMORY_ROOM_BYTES", 1)
    roomy = roomy_memory()
    monkeypatch.setattr(servers, "MEMORY_ROOM_BYTES", 2**60)
    full = roomy_memory()
    monkeypatch.setattr(servers, "MEMORY", tmp_path / "none")

    assert (roomy, full, roomy_memory()) == (tmp_path, None, None)


ASK = """
import os
import sys
from kafka.admin import KafkaAdminClient
address = os.environ["AIOPS_TEST_KAFKA"]
KafkaAdminClient(bootstrap_servers=address).close()
print(address)
sys.exit(3)
"""


def test_a_command_is_run_with_the_address_of_a_broker_that_ends_with_it() -> None:
    environ = {name: text for name, text in os.environ.items() if name != "AIOPS_TEST_KAFKA"}
    command = [sys.executable, "-m", "tests.with_broker", sys.executable, "-c", ASK]
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    port = int(done.stdout.rpartition(":")[2])

    assert done.returncode == 3
    assert is_free(port)
