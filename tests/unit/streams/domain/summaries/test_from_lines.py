import random

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.severity import ERROR, INFO
from streams.domain.summaries import encode_summary
from streams.domain.summaries.from_lines import SourceLine, summarize_lines
from streams.domain.windows import DEFAULT_WIDTH_NS, NANOSECONDS, parse_time
from tests.builders import START_NS

BODIES = st.sampled_from(
    ["request 17 took 3 ms", "request 4 took 90 ms", "cache refreshed", "user ann failed", "panic"]
)
SERVICES = st.sampled_from([None, "checkout", "cart"])


def source_line(
    offset: int,
    timestamp_ns: int = START_NS,
    body: str = "cache refreshed",
    *,
    service: str | None = "checkout",
    severity_number: int = INFO,
    record_ns: int = START_NS,
) -> SourceLine:
    return SourceLine(
        timestamp_ns=timestamp_ns,
        topic="logs.raw",
        partition=0,
        offset=offset,
        event_index=0,
        severity_number=severity_number,
        body=body,
        service=service,
        record_ns=record_ns,
    )


LINES = st.lists(
    st.builds(
        lambda seconds, body, service, severity: (seconds, body, service, severity),
        st.integers(0, 3000),
        BODIES,
        SERVICES,
        st.sampled_from([INFO, ERROR]),
    ),
    max_size=60,
)


@settings(max_examples=40)
@given(LINES, st.randoms())
def test_the_order_of_arrival_does_not_matter(
    rows: list[tuple[int, str, str | None, int]], rng: random.Random
) -> None:
    lines = [
        source_line(
            offset,
            timestamp_ns=START_NS + seconds * NANOSECONDS,
            body=body,
            service=service,
            severity_number=severity,
        )
        for offset, (seconds, body, service, severity) in enumerate(rows)
    ]
    mixed = rng.sample(lines, len(lines))

    one = [encode_summary(summary) for summary in summarize_lines(lines)]
    other = [encode_summary(summary) for summary in summarize_lines(mixed)]

    assert one == other


@settings(max_examples=40)
@given(LINES)
def test_every_line_is_in_exactly_one_summary(
    rows: list[tuple[int, str, str | None, int]],
) -> None:
    lines = [
        source_line(offset, timestamp_ns=START_NS + seconds * NANOSECONDS, service=service)
        for offset, (seconds, _, service, _) in enumerate(rows)
    ]

    summaries = list(summarize_lines(lines))

    assert sum(summary.lines for summary in summaries) == len(lines)
    keys = [(one.service is not None, one.service or "", one.window_start) for one in summaries]
    assert keys == sorted(set(keys))


def test_the_newest_window_is_open_until_its_end_and_misses_nothing() -> None:
    lines = [
        source_line(i, timestamp_ns=START_NS + i * 10 * NANOSECONDS) for i in range(20 * 30 + 3)
    ]

    last = list(summarize_lines(lines))[-1]

    assert last.lines == 3
    assert not last.unusual


def test_a_line_that_reached_kafka_a_window_too_late_is_counted_as_late() -> None:
    soon = source_line(0, record_ns=START_NS + 2 * DEFAULT_WIDTH_NS)
    late = source_line(1, record_ns=START_NS + 2 * DEFAULT_WIDTH_NS + 1)

    summary = next(summarize_lines([soon, late]))

    assert (summary.lines, summary.late) == (2, 1)


def test_the_window_and_its_first_and_last_event_are_told() -> None:
    lines = [source_line(i, timestamp_ns=START_NS + i * NANOSECONDS) for i in (7, 3)]

    summary = next(summarize_lines(lines))

    assert parse_time(summary.window_start) == START_NS
    assert parse_time(summary.window_end) == START_NS + DEFAULT_WIDTH_NS
    assert (summary.first_event, summary.last_event) == (
        "2026-03-14T08:00:03Z",
        "2026-03-14T08:00:07Z",
    )


def test_an_incident_reads_as_a_story() -> None:
    lines = [
        source_line(i, timestamp_ns=START_NS + i * 3 * NANOSECONDS, body=f"request {i} served")
        for i in range(2500)
    ]
    trouble = START_NS + 6120 * NANOSECONDS
    lines += [
        source_line(
            10_000 + i,
            timestamp_ns=trouble + i * 5 * NANOSECONDS,
            body=f"connect to host=db-3 failed after {i} ms",
            severity_number=ERROR,
        )
        for i in range(80)
    ]

    summaries = list(summarize_lines(lines))

    unusual = [one for one in summaries if one.unusual]
    assert [one.window_start[11:16] for one in unusual] == ["09:40", "09:45"]
    assert len({one.findings[0].id for one in unusual}) == 1
    assert unusual[0].findings[0].since == "2026-03-14T09:42:00Z"
    after = summaries[summaries.index(unusual[-1]) + 1]
    assert after.headline.startswith("over: connect to host=")
