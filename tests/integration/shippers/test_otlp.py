"""OTLP protobuf, as the Collector's Kafka exporter writes it."""

import pytest

from tests.integration.shippers import otlp
from tests.ledger import produce
from tests.topic_reading import events_of, read_records

pytestmark = pytest.mark.integration


async def test_one_export_becomes_its_log_records(kafka_server: str, topic: str) -> None:
    produce(kafka_server, topic, [otlp.export_request()])
    events = events_of(await read_records(kafka_server, topic, 1))

    assert [event.body for event in events] == list(otlp.BODIES)
    assert [event.timestamp_ns for event in events] == [otlp.SECOND_NS, otlp.SECOND_NS + 1]
    assert [event.severity_number for event in events] == [17, 13]
    assert {(event.service, event.host) for event in events} == {("payments", "node-3")}


async def test_text_attributes_and_trace_context_are_kept(kafka_server: str, topic: str) -> None:
    produce(kafka_server, topic, [otlp.export_request()])
    first, second = events_of(await read_records(kafka_server, topic, 1))

    assert (first.severity_text, second.severity_text) == ("Error", "WARN")
    assert first.attributes["order.id"] == 4711
    assert first.attributes["otel.scope.name"] == "shop"
    assert (first.trace_id, first.span_id) == (otlp.TRACE_ID, otlp.SPAN_ID)
    assert (second.trace_id, second.span_id) == (None, None)
