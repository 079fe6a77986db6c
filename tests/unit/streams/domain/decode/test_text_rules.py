"""Text lines: each format of the rule book, and what is close to one without being it."""

from typing import Any

import pytest

from tests.unit.streams.domain.decode.builders import event_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
ABSENT = "(absent)"

Expected = tuple[str, int, str | None, str | None]
"""Body, severity number, service, host."""

CASES: list[tuple[str, Expected, dict[str, Any]]] = [
    # 1 RFC 5424
    (f'<165>1 2026-03-14T08:26:53.003Z h app 12 ID [a b="c\\]d"][x traceId="{TRACE}"] m',
     ("m", 10, "app", "h"),
     {"syslog.structured_data.a.b": "c]d", "syslog.procid": "12", "process.pid": 12,
      "syslog.msgid": "ID", "syslog.facility.code": 20}),
    ("<165>1 2026-03-14T08:26:53.003Z h app - - -", ("", 10, "app", "h"), {}),
    # 2 RFC 3164
    ("<13>app[12]: hello", ("hello", 10, "app", None), {"process.pid": 12}),
    ("<13>Mar 14 08:26:53 app: hello", ("hello", 10, "app", None), {}),
    ("<13>Mar 14 08:26:53 box just words", ("just words", 10, None, "box"), {}),
    ("<13>2026-03-14T08:26:53+01:00 h a/b[3] ERROR boom", ("boom", 17, "a/b", "h"), {}),
    ("<192>Mar 14 08:26:53 h a: x", ("<192>Mar 14 08:26:53 h a: x", 0, None, None), {}),
    # 3 CRI
    ("2026-03-14T08:26:53.5Z stdout P:x half", ("half", 0, None, None),
     {"log.iostream": "stdout", "logtag": "P:x"}),
    # 4 Logstash
    ("2026-03-14T08:26:53.913Z {hostname=ls, os={name=x}} m", ("m", 0, None, "ls"), {}),
    # 5 syslog files
    ("Mar 14 08:26:53 db-1 postgres[8]: done", ("done", 0, "postgres", "db-1"),
     {"process.pid": 8}),
    ("2026-03-14T08:26:53Z error app: foo", ("error app: foo", 0, None, None), {}),
    # 6 klog
    ("I0314 08:26:53.000001       7 a/b.go:5] plain", ("plain", 9, None, None),
     {"code.file.path": "a/b.go", "code.line.number": 5, "process.pid": 7}),
    ('W0314 08:26:53.000001       7 b.go:5] "Full \\"x\\"" n=3 ok=true',
     ('Full "x"', 13, None, None), {"n": 3, "ok": True}),
    # 7 access logs
    ('v.example:443 ::1 - - [14/Mar/2026:09:26:53 +0100] "GET /a HTTP/2.0" 200 - "r" "a\\"b"',
     ('v.example:443 ::1 - - [14/Mar/2026:09:26:53 +0100] "GET /a HTTP/2.0" 200 - "r" "a\\"b"',
      0, None, None),
     {"server.address": "v.example", "server.port": 443, "client.address": "::1",
      "network.protocol.version": "2.0", "user_agent.original": 'a"b',
      "http.request.header.referer": "r", "http.response.body.size": ABSENT}),
    ('192.0.2.1 - k [14/Mar/2026:09:26:53 +0100] "\\x16\\x03" 400 9',
     ('192.0.2.1 - k [14/Mar/2026:09:26:53 +0100] "\\x16\\x03" 400 9', 0, None, None),
     {"user.name": "k", "http.response.status_code": 400, "http.request.method": ABSENT}),
    # 8 nginx
    ('2026/03/14 08:26:53 [warn] 3#4: *7 m, client: 192.0.2.1, server: s, request: "POST /x '
     'HTTP/1.1", upstream: "http://u/"',
     ('m, client: 192.0.2.1, server: s, request: "POST /x HTTP/1.1", upstream: "http://u/"',
      13, "nginx", None),
     {"process.pid": 3, "thread.id": 4, "server.address": "s", "http.request.method": "POST",
      "upstream": "http://u/"}),
    # 9 Apache
    ("[Sat Mar 14 08:26:53 2026] [error] [client 192.0.2.1] gone", ("gone", 17, "apache", None),
     {"client.address": "192.0.2.1"}),
    ("[Sat Mar 14 08:26:53.1 2026] [mpm:notice] [pid 1:tid 2] up", ("up", 10, "apache", None),
     {"apache.module": "mpm", "process.pid": 1, "thread.id": 2}),
    # 10 PostgreSQL
    ("2026-03-14 08:26:53.393 CET [7] u@db PANIC:  no", ("no", 22, "postgresql", None),
     {"db.user": "u", "db.namespace": "db", "process.pid": 7}),
    ("2026-03-14 08:26:53 UTC:192.0.2.1(5432):u@d:[12]:DETAIL:  more",
     ("more", 0, "postgresql", None), {"client.address": "192.0.2.1", "client.port": 5432}),
    # 11 MySQL, MariaDB
    ("2026-03-14  8:26:53 0 [Note] up", ("up", 9, "mysql", None), {"thread.id": 0}),
    ("2026-03-14T08:26:53.1Z 9 [ERROR] [MY-01] [InnoDB] x", ("x", 17, "mysql", None),
     {"mysql.error_code": "MY-01", "mysql.subsystem": "InnoDB"}),
    # 12 Redis
    ("1:C 14 Mar 2026 08:26:53.853 . tick", ("tick", 5, "redis", None), {"redis.role": "C"}),
    # 13 HAProxy
    ('192.0.2.1:33 [14/Mar/2026:08:26:53.655] f b/<NOSRV> -1/-1/-1/-1/0 400 187 - - PR-- 1/1 0/0 '
     '"<BADREQ>"',
     ('192.0.2.1:33 [14/Mar/2026:08:26:53.655] f b/<NOSRV> -1/-1/-1/-1/0 400 187 - - PR-- 1/1 0/0 '
      '"<BADREQ>"', 0, "haproxy", None),
     {"haproxy.timers": "-1/-1/-1/-1/0", "haproxy.server": "<NOSRV>", "client.port": 33}),
    # 14 Spring Boot
    ("2026-03-14 08:26:53.589  INFO 4 --- [           main] c.a.X       : up",
     ("up", 9, None, None), {"thread.name": "main", "log.logger": "c.a.X", "process.pid": 4}),
    (f"2026-03-14T08:26:53.589Z DEBUG 4 --- [app] [main] [{TRACE}-{SPAN}] c.a.X : up",
     ("up", 5, "app", None), {"thread.name": "main"}),
    # 15 logback, log4j
    ("2026-03-14 08:26:53,1 [a b] ERROR c.d - x", ("x", 17, None, None),
     {"thread.name": "a b", "log.logger": "c.d"}),
    ("2026-03-14 08:26:53 INFO c.d.E: x", ("x", 9, None, None), {"log.logger": "c.d.E"}),
    ("2026-03-14 08:26:53 INFO main: x", ("main: x", 9, None, None), {"log.logger": ABSENT}),
    # 16 Python
    ("2026-03-14 08:26:53,1 - a.b - CRITICAL - x", ("x", 21, None, None), {"log.logger": "a.b"}),
    ("ERROR:a.b:x: y", ("x: y", 17, None, None), {"log.logger": "a.b"}),
    # 17 Ruby
    ("A, [2026-03-14T08:26:53.049683 #187]   ANY -- prog: x", ("x", 0, "prog", None), {}),
    ("E, [2026-03-14T08:26:53.049683 #187] ERROR -- : x", ("x", 17, None, None),
     {"process.pid": 187}),
    # 18 loguru
    ("2026-03-14 08:26:53.874 | SUCCESS  | a.b:f:25 - x", ("x", 9, None, None),
     {"code.function.name": "f", "code.line.number": 25}),
    # 19 zap, zerolog
    ("2026-03-14T08:26:53.870Z\tinfo\tm.go:5\tx\nmore", ("x\nmore", 9, None, None),
     {"code.line.number": 5, "log.logger": ABSENT}),
    ('2026-03-14T08:26:53.870+0100\tERROR\tl\tx\t{"k":1.5}', ("x", 17, None, None),
     {"log.logger": "l", "k": 1.5}),
    ("8:26AM WRN slow q=1", ("slow q=1", 13, None, None), {}),
    # 20 .NET
    ("crit: A.B[0]\n      one\n      two", ("one\ntwo", 21, None, None),
     {"log.logger": "A.B", "event.id": 0}),
    # 21 java.util.logging
    ("Mar 14, 2026 12:26:53 AM a.B main\nFINER: x", ("x", 5, None, None), {"log.logger": "a.B"}),
    # 22 Influx
    ('m,a\\ b=c\\,d value="x\\"\\\\\\n",n=1i,t=true 1773476813913000000',
     ('x"\\\\n', 0, None, None), {"a b": "c,d", "n": 1, "t": True}),
    ('syslog,hostname=h,host=g,severity=err,appname=a message="x" 1773476813913000000',
     ("x", 17, "a", "h"), {"telegraf.measurement": "syslog"}),
    ('m value="x",bad=1.2.3 1773476813913000000',
     ('m value="x",bad=1.2.3 1773476813913000000', 0, None, None), {}),
    ("m value=1 1773476813913000000", ("m value=1 1773476813913000000", 0, None, None), {}),
    # 23 logfmt
    ('ts=1773476813.25 level=warn msg="a \\q" n=1.50 app=s', ("a \\q", 13, "s", None),
     {"n": 1.5}),
    ("a=1 b=2", ("a=1 b=2", 0, None, None), {"a": ABSENT}),
    ("level=info msg=x stray", ("level=info msg=x stray", 0, None, None), {}),
    # G generic
    ("[WARN ] x", ("x", 13, None, None), {}),
    ("(err) x", ("x", 17, None, None), {}),
    ("<Notice> x", ("x", 10, None, None), {}),
    ("Warning: x", ("x", 13, None, None), {}),
    ("error x", ("error x", 0, None, None), {}),
    ("EMERGENCY - x", ("x", 21, None, None), {}),
    ("[2026-03-14 08:26:53] [a] (b) [c] info: x", ("x", 9, None, None), {}),
    ("[2026-03-14 08:26:53] [a] [b] [c] [d] info: x", ("[a] [b] [c] [d] info: x", 0, None, None),
     {}),
    ("2026-03-14 08:26:53 | hello", ("hello", 0, None, None), {}),
    ("2026-03-14 08:26:53 INFO -1 left", ("-1 left", 9, None, None), {}),
    ("1773476813 WARN x", ("x", 13, None, None), {}),
    ("an ERROR in the middle", ("an ERROR in the middle", 0, None, None), {}),
    # X uncaught
    ('Exception in thread "main" a.b.C: x y\n\tat d.e(F.java:1)',
     ('Exception in thread "main" a.b.C: x y\n\tat d.e(F.java:1)', 17, None, None),
     {"exception.type": "a.b.C", "exception.message": "x y"}),
    ("Uncaught TypeError: q\n    at x (y.js:1:2)",
     ("Uncaught TypeError: q\n    at x (y.js:1:2)", 17, None, None),
     {"exception.type": "TypeError"}),
    ("a.rb:1:in 'O#x': m (A) n (My::Err)\n\tfrom b",
     ("a.rb:1:in 'O#x': m (A) n (My::Err)\n\tfrom b", 17, None, None),
     {"exception.type": "My::Err", "exception.message": "m (A) n"}),
    ("fatal error: deadlock\n\ngoroutine 1 [x]:\nmain",
     ("fatal error: deadlock\n\ngoroutine 1 [x]:\nmain", 17, None, None),
     {"exception.type": "fatal error", "exception.message": "deadlock"}),
    ("<13>h: TypeError: x\n    at y (z:1)", ("TypeError: x\n    at y (z:1)", 10, "h", None),
     {"exception.type": "TypeError"}),
    ('{"log":"TypeError: x\\n    at y"}', ("TypeError: x\n    at y", 17, None, None), {}),
    # envelopes
    ('<13>Mar 14 08:26:53 h a: {"level":"warn","msg":"x"}', ("x", 13, "a", "h"),
     {"syslog.severity.code": 5}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected", "attributes"), CASES, ids=[case[0][:40] for case in CASES]
)
def test_a_line_is_read(text: str, expected: Expected, attributes: dict[str, Any]) -> None:
    event = event_of(text)

    assert (event.body, event.severity_number, event.service, event.host) == expected
    assert {name: event.attributes.get(name, ABSENT) for name in attributes} == attributes


def test_trace_context_of_structured_data_and_spring_is_kept() -> None:
    syslog = event_of(f'<13>1 - - - - - [x trace_id="{TRACE}" span.id="{SPAN}"] m')
    spring = event_of(f"2026-03-14T08:26:53Z INFO 4 --- [a] [m] [{TRACE}-{SPAN}] c.X : up")

    assert (syslog.trace_id, syslog.span_id) == (TRACE, SPAN)
    assert (spring.trace_id, spring.span_id) == (TRACE, SPAN)


def test_a_stack_trace_behind_a_level_names_the_first_exception() -> None:
    event = event_of(
        "2026-03-14 08:26:53 ERROR job failed\n  hint\na.b.C: x\n\tat d\nCaused by: e.F: y\n\tat g"
    )

    assert event.severity_number == 17
    assert event.attributes["exception.type"] == "a.b.C"
    assert str(event.attributes["exception.stacktrace"]).startswith("a.b.C: x\n\tat d")
