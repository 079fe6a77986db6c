"""OTLP from both encodings, against the reference implementation of its messages."""

from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Metric,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from schemas.events import LogEvent
from tests.unit.streams.domain.decode.builders import decode, event_of

NS = 1773476813589793123


def _attribute(key: str, **value: Any) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(**value))


def _logs(*records: LogRecord, resource: list[KeyValue] | None = None) -> bytes:
    return LogsData(
        resource_logs=[
            ResourceLogs(
                resource=Resource(attributes=resource or []),
                scope_logs=[ScopeLogs(log_records=records)],
            )
        ]
    ).SerializeToString()


def _event(resource: list[KeyValue] | None = None, **fields: Any) -> LogEvent:
    return event_of(_logs(LogRecord(**fields), resource=resource))


def test_every_field_of_a_protobuf_record_is_read() -> None:
    event = _event(
        [_attribute("service.name", string_value="s"), _attribute("host.name", string_value="h")],
        time_unix_nano=NS,
        severity_number=18,
        body=AnyValue(string_value="b"),
        attributes=[
            _attribute("i", int_value=-5),
            _attribute("d", double_value=1.5),
            _attribute("t", bool_value=True),
            _attribute("l", array_value=ArrayValue(values=[AnyValue(int_value=1)])),
            _attribute("m", kvlist_value=KeyValueList(values=[_attribute("k", string_value="v")])),
            _attribute("n", double_value=float("nan")),
        ],
        trace_id=bytes(range(16)),
        span_id=bytes(range(8)),
        event_name="e",
    )

    assert (event.timestamp_ns, event.severity_number, event.severity_text) == (NS, 18, "ERROR2")
    assert (event.service, event.host, event.body) == ("s", "h", "b")
    assert (event.trace_id, event.span_id) == (bytes(range(16)).hex(), bytes(range(8)).hex())
    assert event.attributes == {
        "service.name": "s", "host.name": "h", "i": -5, "d": 1.5, "t": True, "l": [1], "m.k": "v",
        "event.name": "e",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (AnyValue(int_value=7), "7"),
        (AnyValue(bytes_value=b"raw"), "raw"),
        (AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="\u00e9")])), '["\u00e9"]'),
        (
            AnyValue(kvlist_value=KeyValueList(values=[_attribute("message", string_value="m")])),
            "m",
        ),
        (AnyValue(kvlist_value=KeyValueList(values=[_attribute("a", int_value=1)])), '{"a":1}'),
        (None, "e"),
    ],
)
def test_a_body_of_any_type_becomes_text(body: AnyValue | None, expected: str) -> None:
    assert _event(body=body, event_name="e", time_unix_nano=NS).body == expected


def test_a_body_is_opened_only_without_a_severity() -> None:
    body = AnyValue(string_value="ERROR: x")

    assert _event(body=body, time_unix_nano=NS).body == "x"
    assert _event(body=body, time_unix_nano=NS, severity_text="info").body == "ERROR: x"
    assert _event(body=body, time_unix_nano=NS, severity_number=9).severity_text == "INFO"


def test_an_unknown_service_gives_way() -> None:
    resource = [
        _attribute("service.name", string_value="unknown_service:java"),
        _attribute("k8s.deployment.name", string_value="d"),
        _attribute("k8s.node.name", string_value="n"),
    ]

    event = _event(resource, time_unix_nano=NS)

    assert (event.service, event.host) == ("d", "n")


def test_metrics_are_the_wrong_signal() -> None:
    metrics = MetricsData(
        resource_metrics=[
            ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=[Metric(name="cpu")])])
        ]
    )

    rejection = decode(metrics.SerializeToString()).rejection

    assert rejection is not None
    assert rejection.reason == "otlp_wrong_signal"


def test_a_batch_becomes_one_event_a_record_up_to_the_limit() -> None:
    records = [LogRecord(time_unix_nano=NS + index) for index in range(10_001)]

    rejection = decode(_logs(*records)).rejection

    assert [event.timestamp_ns - NS for event in decode(_logs(*records[:3])).events] == [0, 1, 2]
    assert rejection is not None
    assert rejection.reason == "too_many_events"


RECORD = '{"resource_logs":[{"scope_logs":[{"log_records":[%s]}]}]}'


def test_snake_case_and_enum_names_are_read() -> None:
    event = event_of(
        RECORD % f'{{"time_unix_nano":{NS},"severity_number":"SEVERITY_NUMBER_WARN2"}}'
    )

    assert (event.timestamp_ns, event.severity_number, event.severity_text) == (NS, 14, "WARN2")


@pytest.mark.parametrize(
    "record",
    [
        '{"body":"text"}',
        '{"body":{"stringValue":5}}',
        '{"body":{"boolValue":"yes"}}',
        '{"body":{"intValue":"1.5"}}',
        '{"body":{"bytesValue":"?"}}',
        '{"body":{"doubleValue":"x"}}',
        '{"timeUnixNano":"soon"}',
        '{"severityNumber":"LOUD"}',
        '{"attributes":{"a":1}}',
        '{"attributes":[{"key":1}]}',
        '{"traceId":7}',
        "7",
    ],
)
def test_a_member_of_the_wrong_type_is_invalid(record: str) -> None:
    rejection = decode(RECORD % record).rejection

    assert rejection is not None
    assert rejection.reason == "otlp_invalid"
