"""What an OpenTelemetry Collector exports: batches of log records as protobuf."""

from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import (
    SEVERITY_NUMBER_ERROR,
    SEVERITY_NUMBER_WARN,
    LogRecord,
    ResourceLogs,
    ScopeLogs,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

TRACE_ID: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID: Final = "00f067aa0ba902b7"
SECOND_NS: Final = 1_710_401_213_000_000_000
BODIES: Final = ("payment failed", "payment retried")


def export_request() -> bytes:
    """Return one export of two records, at SECOND_NS and a nanosecond later."""
    failed = LogRecord(
        time_unix_nano=SECOND_NS,
        severity_number=SEVERITY_NUMBER_ERROR,
        severity_text="Error",
        body=_text(BODIES[0]),
        attributes=[KeyValue(key="order.id", value=AnyValue(int_value=4711))],
        trace_id=bytes.fromhex(TRACE_ID),
        span_id=bytes.fromhex(SPAN_ID),
    )
    retried = LogRecord(
        time_unix_nano=SECOND_NS + 1, severity_number=SEVERITY_NUMBER_WARN, body=_text(BODIES[1])
    )
    resource = Resource(
        attributes=[
            KeyValue(key="service.name", value=_text("payments")),
            KeyValue(key="host.name", value=_text("node-3")),
        ]
    )
    scope = ScopeLogs(scope=InstrumentationScope(name="shop"), log_records=[failed, retried])
    request = ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(resource=resource, scope_logs=[scope])]
    )
    return request.SerializeToString()


def _text(text: str) -> AnyValue:
    return AnyValue(string_value=text)
