"""rsyslog's omkafka with the templates that people use."""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from schemas.records import SourceRecord
from tests.integration.shippers.programs import rsyslog
from tests.integration.shippers.times import nanoseconds
from tests.topic_reading import events_of, read_records

pytestmark = pytest.mark.integration

STRUCTURED: Final = (
    "<165>1 2024-03-14T09:26:53.589793+02:00 web-7 billing 4711 ID47 "
    '[exampleSDID@32473 iut="3"] café is "closed"\n'
).encode()
PLAIN: Final = b"<11>2024-03-14T07:26:54+00:00 web-8 cron[99]: disk full on /var\n"
LATIN_1: Final = b"<30>2024-03-14T07:26:55+00:00 web-8 menu[7]: caf\xe9\n"
TRACE: Final = b"<27>2024-03-14T07:26:56+00:00 web-9 shop[12]: boom\tat line 3 \x1b[31mred\x1b[0m\n"
JSON_TEMPLATE: Final = r"""
template(name="lines" type="list" option.json="on") {
  constant(value="{\"@timestamp\":\"") property(name="timereported" dateFormat="rfc3339")
  constant(value="\",\"@version\":\"1\",\"message\":\"") property(name="msg")
  constant(value="\",\"host\":\"") property(name="hostname")
  constant(value="\",\"severity\":\"") property(name="syslogseverity-text")
  constant(value="\",\"facility\":\"") property(name="syslogfacility-text")
  constant(value="\",\"programname\":\"") property(name="programname")
  constant(value="\",\"procid\":\"") property(name="procid") constant(value="\"}\n")
}
"""


async def ship(
    bootstrap: str,
    topic: str,
    home: Path,
    lines: Sequence[bytes],
    *,
    template: str | None = None,
    first: int = 0,
) -> list[SourceRecord]:
    """Return what rsyslog makes of lines it gets over TCP, from offset `first` on."""
    chosen = f' template="{template}"' if template else ""
    definition = JSON_TEMPLATE if template == "lines" else ""
    action = f'action(type="omkafka" broker=["{bootstrap}"] topic="{topic}"{chosen})\n'
    with rsyslog(home, definition + action) as port:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"".join(lines))
        return await read_records(bootstrap, topic, len(lines), first=first)


async def test_the_default_template_keeps_all_but_the_severity(
    kafka_server: str, topic: str, home: Path
) -> None:
    records = await ship(kafka_server, topic, home, [STRUCTURED, PLAIN])

    first, second = events_of(records)
    assert (first.host, first.service, first.body) == ("web-7", "billing", 'café is "closed"')
    assert first.timestamp_ns == nanoseconds("2024-03-14T07:26:53.589793")
    assert (second.host, second.service, second.body) == ("web-8", "cron", "disk full on /var")
    assert second.attributes["process.pid"] == 99
    assert [first.severity_number, second.severity_number] == [0, 0]


async def test_the_default_templates_record_time_is_the_lines_own(
    kafka_server: str, topic: str, home: Path
) -> None:
    (record,) = await ship(kafka_server, topic, home, [PLAIN])

    assert record.timestamp_ms * 1_000_000 == nanoseconds("2024-03-14T07:26:54")


async def test_the_rfc_5424_template_keeps_severity_and_structured_data(
    kafka_server: str, topic: str, home: Path
) -> None:
    lines = [STRUCTURED, PLAIN]
    records = await ship(
        kafka_server, topic, home, lines, template="RSYSLOG_SyslogProtocol23Format"
    )

    first, second = events_of(records)
    assert (first.severity_number, first.severity_text) == (10, "notice")
    assert first.attributes["syslog.structured_data.exampleSDID@32473.iut"] == "3"
    assert first.attributes["syslog.msgid"] == "ID47"
    assert first.attributes["syslog.facility.code"] == 20
    assert (second.severity_text, second.service, second.body) == (
        "err",
        "cron",
        "disk full on /var",
    )


async def test_the_forward_template_keeps_severity(
    kafka_server: str, topic: str, home: Path
) -> None:
    records = await ship(kafka_server, topic, home, [PLAIN], template="RSYSLOG_ForwardFormat")

    (event,) = events_of(records)
    assert (event.severity_number, event.service, event.host) == (17, "cron", "web-8")


async def test_a_json_template_is_read_by_its_names(
    kafka_server: str, topic: str, home: Path
) -> None:
    records = await ship(kafka_server, topic, home, [STRUCTURED, PLAIN, TRACE], template="lines")

    first, second, third = events_of(records)
    assert (first.severity_text, first.service, first.host) == ("notice", "billing", "web-7")
    assert first.body == 'café is "closed"'
    assert first.timestamp_ns == nanoseconds("2024-03-14T07:26:53.589793")
    assert (second.severity_number, second.body) == (17, "disk full on /var")
    assert third.body.startswith("boom")


async def test_bytes_that_are_no_utf_8_stay_one_line(
    kafka_server: str, topic: str, home: Path
) -> None:
    records = await ship(kafka_server, topic, home, [LATIN_1], template="lines")

    (event,) = events_of(records)
    assert (event.body, event.service) == ("caf\ufffd", "menu")
