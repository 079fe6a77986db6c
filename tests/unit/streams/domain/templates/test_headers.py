import pytest

from streams.domain.templates.headers import split_header

HEADERS_AND_BODIES = [
    ("Jun 14 15:16:01 combo sshd(pam_unix)[19939]: ", "check pass; user unknown"),
    ("<34>Oct 11 22:14:15 mymachine su: ", "'su root' failed"),
    ("2024-01-01T00:00:00.123456+01:00 web1 sshd[99]: ", "Accepted password for bob"),
    ("- 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 crond[2915]: ", "session closed"),
    ("Jul  1 09:01:05 mac-1 com.apple.Foo[43] (x.y[1]): ", "Thermal pressure state: 1"),
    ("2015-10-18 18:01:47,978 INFO [main] org.apache.Foo: ", "Created 5"),
    ("2015-07-29 17:41:44,747 - INFO  [Peer[myid=1]/0:0:2181:F@774] - ", "Notification time out"),
    ("[Sun Dec 04 04:47:44 2005] [error] ", "[client 1.2.3.4] forbidden"),
    ("081109 203615 148 INFO dfs.DataNode$PacketResponder: ", "terminating"),
    ("17/06/09 20:10:40 INFO executor.Backend: ", "Registered signal handlers"),
    ("03-17 16:13:38.811  1702  2395 D WindowManager: ", "setLightsOn(true)"),
    ("2016-09-28 04:30:30, Info                  CBS    ", "Scavenge: Starts"),
    ("20171223-22:15:29:606|Step_LSC|30002312|", "onStandStepChanged 3579"),
    ("[10.30 16:49:08] chrome.exe *64 - ", "a.example.com:443 close, 0 bytes sent"),
    ("134681 node-246 unix.hw state.change 1077804742 1 ", "Link error on broadcast tree"),
    ("2005-06-03-15.42.50.675872 R02-M1-N0-C:J12-U11 RAS KERNEL INFO ", "cache error corrected"),
    ("127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] ", '"GET /a HTTP/1.0" 200 2326'),
    ("2024/01/02 03:04:05 [error] 123#124: ", "*1 connect() failed"),
    ("I0102 15:04:05.000123       1 controller.go:123] ", "Starting controller"),
    ("2024-01-01 00:00:00.000 UTC [123] LOG:  ", "checkpoint complete"),
    ("2024-01-01 00:00:00,123 - my.logger - INFO - ", "Something happened"),
    ("2024-01-01 10:00:00.000  INFO 12345 --- [ main] c.e.App    : ", "Started App"),
    ("[2024-01-01 10:00:00 +0000] [1234] [INFO] ", "Booting worker"),
    ("[2024-01-01 10:00:00,123: INFO/MainProcess] ", "celery@host ready."),
    ("2024-01-01 10:00:00 nova.log 25746 INFO nova.wsgi.server [req-1 - -] ", "[instance: x] up"),
    ("2024-01-01 10:00:00 ", "Failed - retrying in 5 seconds"),
]


@pytest.mark.parametrize(("header", "body"), HEADERS_AND_BODIES)
def test_the_header_ends_where_the_message_begins(header: str, body: str) -> None:
    assert split_header(header + body) == (header.rstrip(), body)


@pytest.mark.parametrize(
    "line",
    [
        "just a message without any header",
        "connection from 1.2.3.4 () at Fri Jun 17 07:07:00 2005",
        "Starting up at 2024-01-01 10:00:00",
        "00000009@2016/9/27:20:40:53.744 CSI Transaction @0x47e9e0 initialized",
        "2024-01-01 10:00:00",
        "",
    ],
)
def test_a_line_without_header_is_all_body(line: str) -> None:
    assert split_header(line) == ("", line)


@pytest.mark.parametrize("unit", ["a.", "a_", "[", "1 ", "A ", "x:", "-", "2024-01-01 10:00:00 "])
def test_a_huge_line_loses_at_most_a_short_header(unit: str) -> None:
    line = unit * 200_000
    header, body = split_header(line)

    assert len(header) <= 400
    assert line.endswith(body)
