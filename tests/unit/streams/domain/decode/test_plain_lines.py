"""The fast path says what the formats say, or nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import LogEvent
from streams.domain.decode.clock import Reference
from streams.domain.decode.dispatch import _decode_value
from streams.domain.decode.plain_lines import MAX_LINE_BYTES, read_plain_line

REFERENCE = Reference(ns=1_795_600_000 * 10**9)

TIMES = st.sampled_from(
    [
        "2026-11-25T07:00:01.123Z",
        "2026-11-25 07:00:01,5",
        "2026-11-24 19:59:42,7",
        "2025-01-31T23:08:59.987Z",
        "2026-11-25T07:61:01.123Z",
        "2026-11-25T07:00:60Z",
        "2026-02-30T07:00:00Z",
        "1999-12-31T23:59:59Z",
        "2026-11-28T07:00:00Z",
        "2026-11-25T10:00:00",
        "2026-11-25T07:00:01+01:00",
        "2026-11-25T07:00",
    ]
)
LEVELS = st.sampled_from(
    [
        "INFO",
        "WARN",
        "WARNING",
        "FATAL",
        "NOTICE",
        "info",
        "INFO:",
        "[INFO]",
        "[SEVERE]",
        "[INFO",
        "INFO]",
    ]
)
GROUPS = st.sampled_from(
    [
        "",
        "",
        "[main] ",
        "[worker-7] ",
        "[a.b.C] ",
        "[INFO] ",
        "[error] ",
        "[Nov] ",
        "[17] ",
        "[a]",
        "[]",
    ]
)
WORDS = st.sampled_from(
    [
        "request",
        "served",
        "May",
        "panic",
        "error:",
        "L",
        "a.b.Logger",
        "a.b.Logger:",
        "x=1",
        "[main]",
        "{",
        "---",
        "-",
        "|",
        "GET",
        "10.0.0.1",
        "crit:",
        "Traceback",
        "at:",
        "I0101",
        "I7421",
        "17",
        "93",
        "<1>",
        '"q"',
        "T",
        "INFO",
        "ERROR",
        "~",
        "caf\u00e9",
        "tab\tbed",
        "esc\x1b[0m",
    ]
)
LINES = st.builds(
    lambda time, gap, level, group, words: f"{time}{gap}{level} {group}{' '.join(words)}".encode(),
    TIMES,
    st.sampled_from([" ", "  "]),
    LEVELS,
    GROUPS,
    st.lists(WORDS, min_size=1, max_size=6),
)


def read(line: bytes) -> LogEvent | None:
    return read_plain_line(line, REFERENCE.ns)


@settings(max_examples=1_000)
@given(LINES)
def test_what_it_answers_is_what_the_formats_answer(line: bytes) -> None:
    plain = read(line)

    assert plain is None or _decode_value(line, REFERENCE).events == (plain,)


def test_the_usual_line_is_answered() -> None:
    assert read(b"2026-11-25T07:00:01.25Z WARN request 17 took 3 ms") == LogEvent(
        timestamp_ns=1_795_590_001_250_000_000,
        body="request 17 took 3 ms",
        severity_number=13,
        severity_text="WARN",
    )


def test_lines_of_one_layout_are_each_read_by_their_own_digits() -> None:
    first = read(b"2026-11-25T07:00:01.25Z WARN request 17 took 3 ms")
    second = read(b"2026-11-24T18:59:42.08Z WARN request 42 took 9 ms")

    assert first is not None
    assert second == LogEvent(
        timestamp_ns=first.timestamp_ns - (12 * 3600 + 18) * 10**9 - 1_170_000_000,
        body="request 42 took 9 ms",
        severity_number=13,
        severity_text="WARN",
    )


@pytest.mark.parametrize("head", ["[INFO] [worker-7]", "INFO [worker-7]"])
def test_a_group_is_part_of_the_message(head: str) -> None:
    plain = read(f"2026-11-25T07:00:01Z {head} took 3 ms".encode())

    assert plain is not None
    assert (plain.body, plain.severity_text) == ("[worker-7] took 3 ms", "INFO")


@pytest.mark.parametrize(
    "line",
    [
        b"2026-11-25T07:00:01Z INFO a.b.Logger: a logger is a format",
        b"2026-11-25T07:00:01Z INFO key=value pairs are one",
        b"2026-11-25T07:00:01Z INFO so are [main] groups",
        b"2026-11-25T07:00:01Z INFO [error] a level in a group is one",
        b"2026-11-25T07:00:01Z INFO two\nlines",
        b"2026-11-25T07:00:01Z INFO caf\xc3\xa9 is no ASCII",
        b"2026-11-28T07:00:01Z INFO days after the record",
        b"2026-11-25T10:00:01 INFO no zone and hours ahead",
        b"2026-11-25T07:00:01Z INFO " + b"x " * MAX_LINE_BYTES,
    ],
)
def test_what_has_another_rule_is_left_to_the_formats(line: bytes) -> None:
    assert read(line) is None
