"""The pipeline: encodings, drops, rejections, splitting."""

import gzip

import pytest

from tests.unit.streams.domain.decode.builders import RECORD_MS, decode, event_of, time_of


def zipped(content: bytes) -> bytes:
    """Return the content in gzip, the same bytes at any time of day."""
    return gzip.compress(content, mtime=0)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "tombstone"),
        ("", "empty"),
        (" \r\n\t", "empty"),
        (b"\0\0\0\0\0\0\0", "empty"),
        (b"\xef\xbb\xbf \n", "empty"),
        ('"  "', "empty"),
        ("\x1b[31m\x1b[0m", "empty"),
        (zipped(b""), "empty"),
        ("[]", "no_events"),
        ('{"resourceLogs":[]}', "no_events"),
        (b"\n\0", "no_events"),
        ('{"messageType":"DATA_MESSAGE","logEvents":[]}', "no_events"),
    ],
)
def test_a_value_that_says_nothing_is_dropped(value: str | bytes | None, reason: str) -> None:
    decoded = decode(value)

    assert (decoded.dropped, decoded.events, decoded.rejection) == (reason, (), None)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"x" * (16 * 1024 * 1024 + 1), "too_large"),
        (zipped(b"a" * (64 * 1024 * 1024 + 1)), "gzip_too_large"),
        (zipped(b"some text")[:-4], "gzip_corrupt"),
        (zipped(b"some text") + b"rest", "gzip_corrupt"),
        (b"\x1f\x8b\x08", "gzip_corrupt"),
        (b"\0\0\0\0\x05\x02abc", "schema_registry"),
        (b"\0\0\0\0\x05", "schema_registry"),
        (b'\0\0\0\0\x05{"msg":', "schema_registry"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary"),
        (b"abcd\x01\x02", "binary"),
        (b"\nhello there\x01", "binary"),
        (b"\x81\xa3msg\xa1xz", "binary"),
        ("[" * 101, "json_too_deep"),
        ('{"a":' * 101 + "1" + "}" * 101, "json_too_deep"),
        ("[" + "{}," * 10_000 + "{}]", "too_many_events"),
        ('{"a":1}\n' * 10_001, "too_many_events"),
        ('{"a":1} ' * 10_001, "too_many_events"),
        ("2026-03-14T08:26:53Z x\n" * 10_001, "too_many_events"),
        ('{"resourceSpans":[]}', "otlp_wrong_signal"),
        ('{"resourceMetrics":[]}', "otlp_wrong_signal"),
        ('{"resourceLogs":[5]}', "otlp_invalid"),
    ],
)
def test_a_value_that_can_never_be_events_is_rejected(value: str | bytes, reason: str) -> None:
    decoded = decode(value)

    assert decoded.rejection is not None
    assert (decoded.rejection.reason, decoded.events, decoded.dropped) == (reason, (), None)


@pytest.mark.parametrize(
    ("value", "bodies"),
    [
        ("[" * 100, ["[" * 100]),
        ('{"a":"' + "[" * 300 + '","msg":"m"}', ["m"]),
        ("{}", ["{}"]),
        ("[1]", ["[1]"]),
        ('[{"msg":"a"},1]', ['[{"msg":"a"},1]']),
        ("null", ["null"]),
        ("42", ["42"]),
        ('"abc"', ["abc"]),
        ('"\\"{\\\\\\"msg\\\\\\":\\\\\\"x\\\\\\"}\\""', ["x"]),
        ('{"msg":"a"}{"msg":"b"}, {"msg":"c"}', ["a", "b", "c"]),
        ('\x1e{"msg":"b"}\n\x1e{"msg":"c"}\n', ["b", "c"]),
        ('[{"msg":"a"}] [] {"msg":"b"}', ["a", "b"]),
        ('{"msg":"a\tb"}', ["a\tb"]),
        ('{"msg":"first","msg":"last"}', ["last"]),
        ('{"msg":"a","x":NaN}', ["a"]),
        ('{"msg":"' + "1" * 5000 + '","n":' + "1" * 5000 + "}", ["1" * 5000]),
        (b"\x81\xa3msg\xa1x", ["x"]),
        (b"\x82\xa3msg\xa1x\xa1e\xd4\x05\xff", ["x"]),
        (b'\0\0\0\0\x05{"msg":"x"}', ["x"]),
        (b"\0\0\0\0\0\0 hello", ["hello"]),
        (zipped(b"INFO:a:b\n") + zipped(b"INFO:c:d"), ["b", "d"]),
        (b"\xfe\xff\0h\0i", ["hi"]),
        ("caf\u00e9".encode("latin-1") + b" is open", ["caf\ufffd is open"]),
        (b"many words and one\0NUL", ["many words and oneNUL"]),
        (b"\n\n hello", ["hello"]),
        ("a\x1b]0;title\x07b\x1b[1;31mc\x1b(Bd\r\ne\rf", ["abcd\ne\nf"]),
    ],
)
def test_an_encoding_is_read(value: str | bytes, bodies: list[str]) -> None:
    assert [event.body for event in decode(value).events] == bodies


@pytest.mark.parametrize(
    "line",
    [
        "<13>Mar 14 08:26:53 h a: x",
        "2026-03-14 08:26:53 x",
        "[2026-03-14 08:26:53] x",
        "Mar 14 08:26:53 h a: x",
        "Sat Mar 14 08:26:53 2026 x",
        "1773476813 x",
        "I0314 08:26:53.000001       7 a.go:5] x",
        "1:M 14 Mar 2026 08:26:53.853 * x",
        "E, [2026-03-14T08:26:53.049683 #187] ERROR -- : x",
        "[Sat Mar 14 08:26:53.034606 2026] [core:notice] [pid 1] x",
        '1.2.3.4 - - [14/Mar/2026:08:26:53 +0000] "GET / HTTP/1.1" 200 1',
        '{"msg":"x"}',
        "{x}",
        "WARNING:root:x",
    ],
)
def test_a_line_that_starts_an_event_splits_the_value(line: str) -> None:
    assert len(decode(f"first\n{line}\n  more\n{line}").events) == 3


@pytest.mark.parametrize(
    "line", ["  indented", "at 2026-03-14 08:26:53", "08:26:53.1 [main] INFO a - b", "2026-13-14 x"]
)
def test_any_other_line_continues_the_event(line: str) -> None:
    assert len(decode(f"2026-03-14 08:26:53 first\n{line}").events) == 1


def test_a_body_within_an_envelope_is_not_split() -> None:
    event = event_of('{"message":"2026-03-14T08:26:51Z a\\n2026-03-14T08:26:52Z b"}')

    assert event.body == "a\n2026-03-14T08:26:52Z b"


def test_a_long_body_is_cut_at_a_character() -> None:
    event = event_of("x" + "\u00e9" * 200_000)

    assert len(event.body.encode()) == 262_143
    assert event.attributes == {"log.truncated": True, "log.original_length": 400_001}


def test_a_record_without_time_takes_the_clock_and_headers_name_it() -> None:
    headers = {"service": "s", "host.name": "h"}

    event = event_of("x", headers=headers, timestamp_ms=-1)

    assert event.timestamp_ns == (RECORD_MS + 60_000) * 1_000_000
    assert (event.service, event.host) == ("s", "h")


def test_an_absurd_record_time_is_none() -> None:
    assert time_of("x", timestamp_ms=2**62) == "2026-03-14T08:27:54.1Z"


def test_json_to_be_repaired_with_very_many_commas_is_text() -> None:
    value = '{"message":"a\tb","list":[' + "1," * 1_000_001 + "1]}"

    assert event_of(value.replace("\t", " ")).body == "a b"
    assert event_of(value).body.startswith(value[:100])


def test_of_very_many_brackets_the_depth_is_that_of_a_prefix() -> None:
    many = "[]" * 1_000_001

    assert event_of(f"[{many}]" + "[" * 101).body.startswith("[[][]")
    assert decode("[" * 101 + many).rejection is not None


def test_of_very_many_lines_the_last_ones_start_no_event() -> None:
    event = "\n2026-03-14T08:26:53Z INFO x"

    assert len(decode("a" + event + "\na" * 1_100_000 + event).events) == 2
    assert len(decode("a" + event + "\na" * 900_000 + event).events) == 3
