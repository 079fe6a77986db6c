"""JSON objects: severity, body, service, host, trace context, attributes."""

from typing import Any

import msgspec
import pytest

from tests.unit.streams.domain.decode.builders import event_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


def _event(members: dict[str, Any]) -> Any:
    return event_of(msgspec.json.encode(members))


@pytest.mark.parametrize(
    ("members", "number", "text"),
    [
        ({"level": 3}, 17, "err"),
        ({"level": 35}, 9, "info"),
        ({"level": 60}, 21, "fatal"),
        ({"level": "4"}, 13, "warning"),
        ({"level": 8}, 0, "8"),
        ({"level": "weird"}, 0, "weird"),
        ({"level": True, "severity": "warn"}, 13, "warn"),
        ({"level": None, "severity": {"a": 1}, "lvl": "E"}, 17, "E"),
        ({"level": "ERROR-8"}, 9, "ERROR-8"),
        ({"level": "DEBUG-9"}, 1, "DEBUG-9"),
        ({"level": "WARN", "PRIORITY": "3"}, 13, "WARN"),
        ({"severity_number": 15, "severity_text": "odd"}, 15, "odd"),
        ({"SeverityNumber": 10}, 10, "INFO2"),
        ({"levelno": 30}, 13, "WARNING"),
        ({"SeverityValue": 2}, 9, "INFO"),
        ({"EventID": 1, "Channel": "S", "Level": 1}, 18, "Critical"),
        ({"EventID": 1, "Channel": "S", "Severity": "CRITICAL"}, 18, "CRITICAL"),
        ({"winlog": {"channel": "x", "level": "critical"}}, 18, "critical"),
        ({"@t": "2026-03-14T08:26:53Z", "@mt": "m"}, 9, None),
        ({"@t": "2026-03-14T08:26:53Z", "@mt": "m", "@l": "Verbose"}, 1, "Verbose"),
        ({"log": {"syslog": {"severity": {"code": 2}}}}, 18, "crit"),
        ({"short_message": "m"}, 0, None),
        ({"s": "W"}, 0, None),
        ({"stream": "stderr", "status": 500}, 0, None),
        ({"level": "info", "message": "error: disk"}, 17, "error"),
        ({"level": "info", "message": '{"level":"warn","msg":"x"}'}, 13, "warn"),
        ({"level": "info", "message": '{"msg":"x"}'}, 9, "info"),
    ],
)
def test_a_severity_is_found(members: dict[str, Any], number: int, text: str | None) -> None:
    event = _event(members)

    assert (event.severity_number, event.severity_text) == (number, text)


@pytest.mark.parametrize(
    ("members", "body"),
    [
        ({"message": ["a"], "msg": 5}, "5"),
        ({"message": False, "log": "l"}, "l"),
        ({"event": {"original": "o"}}, "o"),
        ({"event": "e", "text": "t"}, "e"),
        ({"Message": "m"}, "m"),
        ({"level": "error"}, '{"level":"error"}'),
        ({"message": '{"a":1}'}, '{"a":1}'),
        ({"message": {"msg": "in", "k": 1}}, "in"),
        ({"body": {"a": 1}, "x": 2}, '{"a":1}'),
        ({"log": {"level": "warn", "file": {"path": "/a"}}, "event": {"original": "o"}}, "o"),
        ({"message": '{"log":"{\\"msg\\":\\"deep\\"}"}'}, "deep"),
        ({"@t": "x", "@mt": "{{x}} {Name:l} {C,5:0} {No} {@O}", "Name": "n", "C": 3, "O": "o"},
         "{x} n 3 {No} o"),
        ({"MessageTemplate": "hi {A}", "Properties": {"A": "b"}}, "hi b"),
        ({"MESSAGE": [104, 105, 255], "_TRANSPORT": "journal"}, "hi\ufffd"),
        ({"eventVersion": "1", "eventSource": "s3.amazonaws.com", "eventName": "Put",
          "eventTime": "2026-03-14T08:26:53Z"}, "Put"),
        ({"message": "\ufeff\u0000a\u0007b\U0001f600 "}, "ab\U0001f600"),
    ],
)  # fmt: skip
def test_a_body_is_found(members: dict[str, Any], body: str) -> None:
    assert _event(members).body == body


def test_at_most_three_envelopes_are_opened() -> None:
    inner = '{"msg":"bottom"}'
    for _ in range(4):
        inner = msgspec.json.encode({"message": inner}).decode()

    assert event_of(inner).body == '{"msg":"bottom"}'


@pytest.mark.parametrize(
    ("members", "service"),
    [
        ({"service": {"name": "s"}, "app": "a"}, "s"),
        ({"app": "-", "service": "", "programname": "p"}, "p"),
        ({"name": "n", "pid": 1, "hostname": "h"}, "n"),
        ({"name": "n", "pid": "1", "hostname": "h"}, None),
        ({"kubernetes": {"labels": {"k8s-app": "k"}, "container_name": "c"}}, "k"),
        ({"kubernetes": {"container_name": "c"}, "container_name": "d"}, "c"),
        ({"file": "/var/log/pods/ns_pod_uid/cont/0.log"}, "cont"),
        ({"file": f"/var/log/containers/pod_ns_con-t-{'a' * 64}.log"}, "con-t"),
        ({"container_name": "/d", "label": {"com.docker.compose.service": "c"}}, "c"),
        ({"container_name": "/d", "program": "p"}, "d"),
        ({"syslogtag": "relay[41]:"}, "relay"),
        ({"_SYSTEMD_UNIT": "a.service", "_COMM": "c"}, "a"),
        ({"_COMM": "c"}, "c"),
        ({"winlog": {"provider_name": "W"}}, "W"),
        ({"source_type": "syslog", "appname": "v", "message": '{"app":"in","msg":"m"}'}, "in"),
        ({"short_message": "m", "_service": "g"}, "g"),
        ({"t": {"$date": "2026-03-14T08:26:53Z"}, "c": "N", "ctx": "x"}, "mongodb"),
    ],
)
def test_a_service_is_found(members: dict[str, Any], service: str | None) -> None:
    assert _event({"message": "m", **members}).service == service


@pytest.mark.parametrize(
    ("members", "host"),
    [
        ({"kubernetes": {"host": "node"}, "hostname": "pod"}, "node"),
        ({"source_type": "syslog", "hostname": "a", "host": "b"}, "a"),
        ({"container_id": "c", "host": "out", "message": '{"hostname":"in","msg":"x"}'}, "out"),
        ({"host": "out", "message": '{"hostname":"in","msg":"x"}'}, "in"),
        ({"host": {"ip": ["::1"]}, "agent": {"name": "a"}}, "a"),
        ({"MachineName": "m"}, "m"),
    ],
)
def test_a_host_is_found(members: dict[str, Any], host: str) -> None:
    assert _event({"message": "m", **members}).host == host


@pytest.mark.parametrize(
    ("members", "trace_id", "span_id"),
    [
        ({"traceId": TRACE.upper(), "spanId": SPAN}, TRACE, SPAN),
        ({"trace_id": "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"}, TRACE, None),
        ({"trace": {"id": "a3ce929d0e0e4736"}}, "0" * 16 + TRACE[16:], None),
        ({"xray_trace_id": f"Root=1-{TRACE[:8]}-{TRACE[8:]}"}, TRACE, None),
        ({"logging.googleapis.com/trace": f"projects/p/traces/{TRACE}"}, TRACE, None),
        ({"contextMap": {"traceId": TRACE}}, TRACE, None),
        ({"traceparent": f"00-{TRACE}-{SPAN}-01"}, TRACE, SPAN),
        ({"traceId": "0" * 32, "spanId": "0" * 16}, None, None),
        ({"traceId": 5, "spanId": ["x"]}, None, None),
    ],
)
def test_a_trace_context_is_found(
    members: dict[str, Any], trace_id: str | None, span_id: str | None
) -> None:
    event = _event({"message": "m", **members})

    assert (event.trace_id, event.span_id) == (trace_id, span_id)


@pytest.mark.parametrize(
    ("members", "name", "value"),
    [
        ({"a": {"b": {"c": [1, {"d": 2}]}}}, "a.b.c", [1, {"d": 2}]),
        ({"a": True}, "a", True),
        ({"pid": "7"}, "process.pid", 7),
        ({"syslog-tag": "x[41]:"}, "process.pid", 41),
        ({"logger_name": "l"}, "log.logger", "l"),
        ({"threadName": "t"}, "thread.name", "t"),
        ({"caller": "a/b.go:12"}, "code.line.number", 12),
        ({"stream": "stderr"}, "log.iostream", "stderr"),
        ({"path": "/srv/x.log"}, "log.file.path", "/srv/x.log"),
        ({"container_name": "/c"}, "container.name", "c"),
        ({"kubernetes": {"namespace": "n"}}, "k8s.namespace.name", "n"),
        ({"kubernetes": {"pod": {"name": "p"}}}, "k8s.pod.name", "p"),
        ({"SYSLOG_FACILITY": "3"}, "syslog.facility.code", 3),
        ({"pri": "28"}, "syslog.severity.code", 4),
        ({"err": {"name": "E"}}, "exception.type", "E"),
        ({"err": {"stack": "TypeError: m\n    at a"}}, "exception.message", "m"),
        ({"exc_info": "Traceback (most recent call last):\n  x\nKeyError: 1"},
         "exception.type", "KeyError"),
        ({"short_message": "m", "_logger": "l"}, "log.logger", "l"),
        ({"traceId": "zz"}, "traceId", "zz"),
    ],
)  # fmt: skip
def test_an_attribute_is_set(members: dict[str, Any], name: str, value: object) -> None:
    attributes = _event({"message": "m", **members}).attributes

    assert attributes[name] == value
    assert type(attributes[name]) is type(value)


def test_nulls_and_the_body_are_no_attributes() -> None:
    assert _event({"message": "m", "a": None}).attributes == {}


def test_inner_attributes_win_and_outer_ones_stay() -> None:
    event = _event({"a": 1, "b": 1, "message": '{"msg":"m","b":2}'})

    assert event.attributes == {"a": 1, "b": 2}


def test_cloudtrail_is_read_within_an_envelope() -> None:
    record = {
        "eventVersion": "1", "eventSource": "ec2.amazonaws.com", "eventName": "N",
        "eventTime": "2026-03-14T08:26:53Z", "errorCode": "Denied", "awsRegion": "eu-1",
    }  # fmt: skip

    event = _event({"message": msgspec.json.encode(record).decode(), "host": "h"})

    assert (event.service, event.host, event.severity_number) == ("ec2", "h", 17)
    assert event.attributes["cloud.region"] == "eu-1"
