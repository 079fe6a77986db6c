"""All shippers into one topic, through a real worker, into Postgres."""

from pathlib import Path

import pytest

from schemas.topics import dead_letter_topic
from tests.conftest import MakeTopic
from tests.integration.shippers import otlp, test_rsyslog, test_syslog_ng
from tests.integration.shippers.programs import kcat
from tests.integration.shippers.test_kcat import FILE
from tests.ledger import produce, read_topic, stored_lines, wait_until_stored
from tests.topic_reading import events_of, read_records
from tests.workers import running_worker, worker_settings

pytestmark = pytest.mark.integration


@pytest.fixture
def stream(topic: str, make_topic: MakeTopic) -> str:
    """The topic, with dead letters, so that a worker takes it."""
    make_topic(dead_letter_topic("logs.raw"))
    return topic


async def test_what_each_shipper_wrote_is_what_is_stored(
    kafka_server: str, database: str, stream: str, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "app.log"
    file.write_bytes(FILE)
    kcat(kafka_server, stream, str(file))
    produce(kafka_server, stream, [otlp.export_request()])
    for name in ("rsyslog", "syslog-ng"):
        (home / name).mkdir()
    await test_rsyslog.ship(kafka_server, stream, home / "rsyslog", [test_rsyslog.PLAIN], first=2)
    await test_syslog_ng.ship(
        kafka_server, stream, home / "syslog-ng", test_syslog_ng.STRUCTURED, first=3
    )
    truth = await read_records(kafka_server, stream, 4)

    with running_worker("logs", settings=worker_settings(kafka_server, database, stream)):
        await wait_until_stored(database, stream, read_topic(kafka_server, stream, 1))
    stored = [line.event for _, line in await stored_lines(database, stream)]

    assert stored == events_of(truth)
    assert {event.service for event in stored} == {None, "payments", "cron", "billing"}
    assert len(stored) == 7
