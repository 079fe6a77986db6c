"""syslog-ng's kafka-c destination, by default and as JSON."""

import socket
from pathlib import Path
from typing import Final

import pytest

from schemas.records import SourceRecord
from tests.integration.shippers.programs import syslog_ng
from tests.integration.shippers.times import nanoseconds
from tests.topic_reading import events_of, read_records

pytestmark = pytest.mark.integration

STRUCTURED: Final = (
    "<165>1 2024-03-14T09:26:53.589793+02:00 web-7 billing 4711 ID47 "
    '[exampleSDID@32473 iut="3"] café is "closed"\n'
).encode()
LATIN_1: Final = b"<11>1 2024-03-14T07:26:54Z web-8 cron 99 - - caf\xe9\n"
AS_JSON: Final = "$(format-json --scope rfc5424 --exclude DATE --key ISODATE)"


async def ship(
    bootstrap: str,
    topic: str,
    home: Path,
    line: bytes,
    *,
    message: str | None = None,
    first: int = 0,
) -> SourceRecord:
    """Return what syslog-ng makes of a line on its socket, at offset `first`."""
    chosen = f' message("{message}")' if message else ""
    path = home / "log.sock"
    kafka = f'bootstrap-servers("{bootstrap}") topic("{topic}"){chosen}'
    config = (
        f'source s {{ unix-stream("{path}" flags(syslog-protocol) keep-hostname(yes)); }};\n'
        f"destination d {{ kafka-c({kafka}); }};\n"
        "log { source(s); destination(d); };\n"
    )
    with syslog_ng(home, config), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(line)
        (record,) = await read_records(bootstrap, topic, 1, first=first)
    return record


async def test_the_default_message_keeps_all_but_the_severity(
    kafka_server: str, topic: str, home: Path
) -> None:
    record = await ship(kafka_server, topic, home, STRUCTURED)

    (event,) = events_of([record])
    assert (event.host, event.service, event.body) == ("web-7", "billing", 'café is "closed"')
    assert event.attributes["process.pid"] == 4711
    assert event.timestamp_ns == nanoseconds("2024-03-14T07:26:53")
    assert event.severity_number == 0


async def test_format_json_keeps_severity_and_structured_data(
    kafka_server: str, topic: str, home: Path
) -> None:
    record = await ship(kafka_server, topic, home, STRUCTURED, message=AS_JSON)

    (event,) = events_of([record])
    assert (event.severity_number, event.severity_text) == (10, "notice")
    assert (event.host, event.service, event.body) == ("web-7", "billing", 'café is "closed"')
    assert event.timestamp_ns == nanoseconds("2024-03-14T07:26:53")
    assert event.attributes["_SDATA.exampleSDID@32473.iut"] == "3"


async def test_bytes_that_are_no_utf_8_arrive_as_syslog_ng_writes_them(
    kafka_server: str, topic: str, home: Path
) -> None:
    record = await ship(kafka_server, topic, home, LATIN_1, message=AS_JSON)

    (event,) = events_of([record])
    assert (event.body, event.severity_text) == (r"caf\xe9", "err")
