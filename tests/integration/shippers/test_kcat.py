"""kcat: lines, keys, headers, whole files, tombstones."""

from pathlib import Path
from typing import Final

import pytest

from streams.domain.decode import decode_record
from tests.integration.shippers.programs import kcat
from tests.integration.shippers.times import nanoseconds
from tests.topic_reading import events_of, read_records

pytestmark = pytest.mark.integration

TRACE_ID: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
FILE: Final = b"""\
2024-03-14T07:26:53Z INFO started
2024-03-14T07:26:54Z ERROR request failed
Traceback (most recent call last):
  File "app.py", line 3, in serve
    handle()
ValueError: no such order
2024-03-14T07:26:55Z INFO stopped
"""


async def test_each_line_is_a_record(kafka_server: str, topic: str) -> None:
    kcat(kafka_server, topic, stdin=b"disk full\n\n2024-03-14T07:26:53Z WARN low memory\r\n")
    records = await read_records(kafka_server, topic, 2)

    first, second = events_of(records)
    assert (first.body, first.severity_number) == ("disk full", 0)
    assert first.timestamp_ns == records[0].timestamp_ms * 1_000_000
    assert (second.body, second.severity_text) == ("low memory", "WARN")
    assert second.timestamp_ns == nanoseconds("2024-03-14T07:26:53")


async def test_keys_and_headers_arrive_and_name_the_service(kafka_server: str, topic: str) -> None:
    headers = (
        "service.name=checkout",
        "host=web-7",
        f"traceparent=00-{TRACE_ID}-00f067aa0ba902b7-01",
    )
    options = [part for header in headers for part in ("-H", header)]
    kcat(kafka_server, topic, "-K:", *options, stdin=b"order-1:ERROR: card declined\n")
    records = await read_records(kafka_server, topic, 1)

    (event,) = events_of(records)
    assert records[0].key == b"order-1"
    assert (event.service, event.host, event.trace_id) == ("checkout", "web-7", TRACE_ID)
    assert (event.severity_text, event.body) == ("ERROR", "card declined")


async def test_a_whole_file_is_split_into_its_events(
    kafka_server: str, topic: str, tmp_path: Path
) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(FILE)
    kcat(kafka_server, topic, str(path))
    records = await read_records(kafka_server, topic, 1)

    events = events_of(records)
    assert [event.body.partition("\n")[0] for event in events] == [
        "started",
        "request failed",
        "stopped",
    ]
    assert events[1].attributes["exception.type"] == "ValueError"


async def test_a_null_value_is_dropped_as_a_tombstone(kafka_server: str, topic: str) -> None:
    kcat(kafka_server, topic, "-Z", "-K:", stdin=b"order-1:\n")
    (record,) = await read_records(kafka_server, topic, 1)

    assert (record.key, record.value) == (b"order-1", None)
    assert decode_record(record, fallback_ms=0).dropped == "tombstone"
