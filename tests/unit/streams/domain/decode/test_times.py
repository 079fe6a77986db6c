"""Times: every form, and which candidate becomes the event's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.decode.numbers import Number
from streams.domain.decode.times import format_ns, match_time, parse_time
from tests.unit.streams.domain.decode.builders import event_of, time_of

EVENT = "2026-03-14T08:26:53"


@pytest.mark.parametrize(
    ("text", "expected", "is_zoned"),
    [
        ("2026-03-14T08:26:53.123456789987Z", f"{EVENT}.123456789Z", True),
        ("2026-03-14 8:26:53,5 +0100", "2026-03-14T07:26:53.5Z", True),
        ("2026-03-14 08:26:53-05", "2026-03-14T13:26:53Z", True),
        ("2026-03-14 08:26:53 UTC", f"{EVENT}Z", True),
        ("2026-03-14 08:26:53 CET", f"{EVENT}Z", False),
        ("2026-03-14 08:26:53 +0000 UTC", f"{EVENT}Z", True),
        ("2026-03-14 08:26:60", "2026-03-14T08:27:00Z", False),
        ("2026/03/14 08:26:53.25", f"{EVENT}.25Z", False),
        ("14/Mar/2026:08:26:53 +0100", "2026-03-14T07:26:53Z", True),
        ("14/Mar/2026:08:26:53.655", f"{EVENT}.655Z", False),
        ("Sat Mar 14 08:26:53.5 2026", f"{EVENT}.5Z", False),
        ("Mar 14 2026 08:26:53", f"{EVENT}Z", False),
        ("14 Mar 2026 08:26:53.853", f"{EVENT}.853Z", False),
        ("Mar 4, 2026 8:26:53 PM", "2026-03-04T20:26:53Z", False),
        ("Mar 4, 2026 12:26:53 AM", "2026-03-04T00:26:53Z", False),
        ("Sat, 14 Mar 2026 08:26:53 GMT", f"{EVENT}Z", True),
        ("1773476813", f"{EVENT}Z", True),
        ("1773476813.589793123", f"{EVENT}.589793123Z", True),
        ("1773476813589", f"{EVENT}.589Z", True),
    ],
)
def test_a_text_form_is_read(text: str, expected: str, is_zoned: bool) -> None:
    moment = parse_time(text)

    assert moment is not None
    assert (format_ns(moment.ns), moment.is_zoned) == (expected, is_zoned)


@pytest.mark.parametrize(
    "value",
    ["08:26:53", "2026-02-30T08:26:53Z", "2026-03-14T25:26:53Z", "2026-03-14T08:26:53Z and more",
     "12345678", "123456789012345678901", "", "Mar 14, 2026 13:26:53 PM", "now", 0.123, 12, -5,
     10**25, True, None, [], {}],
)  # fmt: skip
def test_anything_else_is_no_time(value: object) -> None:
    assert parse_time(value) is None


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("1773476813.589793123", f"{EVENT}.589793123Z"),
        ("1.773476813589793123E9", f"{EVENT}.589793123Z"),
        ("1773476813589.793", f"{EVENT}.589793Z"),
        ("3E1773476813589793", None),
        ("1e400", None),
    ],
)
def test_a_number_keeps_its_digits(digits: str, expected: str | None) -> None:
    moment = parse_time(Number(digits))

    assert (moment and format_ns(moment.ns)) == expected


@given(st.datetimes(), st.integers(0, 999_999_999))
def test_a_formatted_time_reads_back(when: object, nanos: int) -> None:
    text = f"{str(when)[:19].replace(' ', 'T')}.{nanos:09d}Z"

    timed = match_time(text)

    assert timed is not None
    assert timed[0].ns % 10**9 == nanos
    assert format_ns(timed[0].ns).rstrip("Z")[:19] == text[:19]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # A: innermost first; the first key with a zone, else the first without.
        ('{"time":"2026-03-14T08:00:00.1Z","message":"2026-03-14T08:26:53.2Z INFO x"}',
         f"{EVENT}.2Z"),
        ('{"time":"2026-03-14 07:00:00","ts":"2026-03-14T08:26:53Z","msg":"x"}', f"{EVENT}Z"),
        ('{"time":0.5,"date":"2026-03-14 08:26:53","msg":"x"}', f"{EVENT}Z"),
        ('{"instant":{"epochSecond":1773476813,"nanoOfSecond":7},"message":"x"}',
         f"{EVENT}.000000007Z"),
        # A above B, B above C, C above D.
        ('<13>1 2026-03-14T08:26:50Z h a - - - {"ts":1773476813.5,"msg":"x"}', f"{EVENT}.5Z"),
        ("<13>1 2026-03-14T08:26:53Z h a - - - 2026-03-14 08:26:51 INFO x", f"{EVENT}Z"),
        ('{"@timestamp":1773476814.0,"log":"2026-03-14 08:26:53,1 INFO x"}', f"{EVENT}.1Z"),
        ('{"@timestamp":1773476813.5,"log":"x"}', f"{EVENT}.5Z"),
        ('{"@timestamp":1773476813.5,"pri":"13","log":"2026-03-14 08:26:51 INFO x"}',
         f"{EVENT}.5Z"),
        # Precision: whole seconds give way to the transport's stamp of the same second.
        ('2026-03-14T08:26:53.918Z stdout F {"time":"2026-03-14T08:26:53Z","msg":"x"}',
         f"{EVENT}.918Z"),
        ('2026-03-14T08:26:54.018Z stdout F {"time":"2026-03-14T08:26:53Z","msg":"x"}',
         f"{EVENT}Z"),
        # The runtime's stamp before the shipper's.
        ('{"@timestamp":1773476813.9,"time":"2026-03-14T08:26:53.7Z","stream":"stdout","log":"x"}',
         f"{EVENT}.7Z"),
        # More than five minutes after it was collected: another zone.
        ('{"EventReceivedTime":"2026-03-14 08:26:53","EventTime":"2026-03-14 08:32:00",'
         '"Message":"x"}', f"{EVENT}Z"),
        # A day ahead is believed, more is not.
        ('{"time":"2026-03-15T08:26:54Z","msg":"x"}', "2026-03-15T08:26:54Z"),
        ('{"time":"2026-03-15T08:26:55Z","msg":"x"}', f"{EVENT[:-1]}4.1Z"),
        # Journal, Vector, Cribl, CloudWatch.
        ('{"MESSAGE":"x","_BOOT_ID":"b","_SOURCE_REALTIME_TIMESTAMP":"1773476813000001"}',
         f"{EVENT}.000001Z"),
        ('{"source_type":"file","timestamp":"2026-03-14T08:26:54Z",'
         '"message":"2026-03-14 08:26:53 INFO x"}', f"{EVENT}Z"),
        ('{"source_type":"docker_logs","timestamp":"2026-03-14T08:26:53.5Z",'
         '"message":"2026-03-14 08:26:51 INFO x"}', f"{EVENT}.5Z"),
        ('{"_time":1773476813.5,"_raw":"2026-03-14 08:26:51 INFO x"}', f"{EVENT}.5Z"),
        ("Feb 29 08:26:53 INFO x", f"{EVENT[:-1]}4.1Z"),
    ],
)  # fmt: skip
def test_the_best_candidate_is_the_event_time(value: str, expected: str) -> None:
    assert time_of(value) == expected


def test_the_first_rejected_time_is_kept() -> None:
    event = event_of('{"time":"2031-01-01T00:00:00Z","message":"2026-03-14 18:00:00 INFO x"}')

    assert event.attributes["time.rejected"] == "2031-01-01T00:00:00Z"


def test_a_date_without_year_is_the_latest_that_is_not_a_day_ahead() -> None:
    value = "<13>Feb 29 08:26:53 h a: x"

    assert time_of(value, timestamp_ms=1709197200000) == "2024-02-29T08:26:53Z"
    assert time_of(value, timestamp_ms=1740000000000) == "2024-02-29T08:26:53Z"
