import json
import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.severity import ERROR
from schemas.summaries import FindingKind, WindowSummary
from streams.domain.summaries import (
    LineRequest,
    WindowCounts,
    content_hash,
    encode_summary,
    rank_findings,
    thinned,
    write_summary,
)
from tests.builders import template_count, template_infos, window_counts

TEXTS = {1: "request from <*> served", 2: "cache refreshed", 9: "connect to host=<*> failed"}


def past() -> list[WindowCounts]:
    return [window_counts(i, {1: 100 + i % 7, 2: 40}) for i in range(20)]


def written(
    window: WindowCounts, bodies: dict[int, tuple[list[str], list[str]]] | None = None
) -> WindowSummary:
    """Return the summary; `bodies` gives a template's lines of now and of before."""

    def answer(request: LineRequest) -> list[str]:
        now, before = (bodies or {}).get(request.template_id, ([], []))
        return list(thinned(now if request.end_ns == window.end_ns else before, request.limit))

    ranking = rank_findings(window, past(), template_infos([*past(), window], TEXTS))
    return write_summary(ranking, {request: answer(request) for request in ranking.requests})


def test_a_new_error_is_told_in_the_fixed_grammar() -> None:
    window = window_counts(
        20, [*window_counts(0, {1: 100, 2: 40}).counts, template_count(9, 5, ERROR)]
    )
    bodies = ["connect to host=db-3 failed" for _ in range(5)]

    summary = written(window, {9: (bodies, [])})

    assert summary.unusual
    assert summary.headline == (
        "ERROR x5 (baseline 0): connect to host=<*> failed; new since 09:40; 100 % host=db-3"
    )
    assert summary.text.splitlines()[0] == summary.headline


def test_a_quiet_window_says_so_with_its_extent() -> None:
    summary = written(window_counts(20, {1: 103, 2: 40}))

    assert summary.headline == "nothing unusual: 143 lines, 2 templates"
    assert not summary.unusual


def test_the_counts_of_the_document_add_up() -> None:
    counts = {template_id: template_id for template_id in range(1, 16)}

    summary = written(window_counts(20, counts))

    assert summary.lines == 120
    assert sum(summary.severity_counts.values()) == 120
    assert sum(top.count for top in summary.top_templates) + summary.other_count == 120
    assert [top.count for top in summary.top_templates] == list(range(15, 5, -1))


def test_severities_have_their_otel_names_and_unspecified_is_one() -> None:
    counts = [template_count(1, 3, 0), template_count(1, 2, 10), template_count(2, 1, 17)]

    summary = written(window_counts(20, counts))

    assert summary.severity_counts == {"UNSPECIFIED": 3, "INFO2": 2, "ERROR": 1}


def test_examples_are_few_different_and_masked() -> None:
    window = window_counts(
        20, [*window_counts(0, {1: 100, 2: 40}).counts, template_count(9, 9, ERROR)]
    )
    bodies = [f"connect to host=db-{i} failed password=s3cret{i}" for i in range(9)]

    finding = written(window, {9: (bodies, [])}).findings[0]

    assert len(finding.exemplars) == 3
    assert all("password=***" in text for text in finding.exemplars)
    assert b"s3cret" not in encode_summary(written(window, {9: (bodies, [])}))


def test_a_stack_trace_is_folded_into_its_finding() -> None:
    window = window_counts(
        20, [*window_counts(0, {1: 100, 2: 40}).counts, template_count(9, 1, ERROR)]
    )
    body = "boom\njava.lang.IllegalStateException: x\n\tat com.acme.Pay.run(Pay.java:3)"

    summary = written(window, {9: ([body], [])})

    stack = summary.findings[0].stack
    assert stack is not None
    assert stack.exception == "java.lang.IllegalStateException"
    assert "java.lang.IllegalStateException at com.acme.Pay.run(Pay.java:3)" in summary.headline


def test_usual_lines_with_another_value_are_a_parameter_shift() -> None:
    window = window_counts(20, {1: 103, 2: 40})
    now = ["request from 10.0.0.9 served"] * 103
    before = [f"request from 10.0.0.{i % 8} served" for i in range(100)]

    summary = written(window, {1: (now, before)})

    shift = summary.findings[0]
    assert (shift.kind, shift.template_id) == (FindingKind.PARAM_SHIFT, "1")
    assert [sticky.value for sticky in shift.sticky] == ["10.0.0.9"]


def test_the_same_values_as_before_are_no_parameter_shift() -> None:
    window = window_counts(20, {1: 103, 2: 40})
    lines = [f"request from 10.0.0.{i % 8} served" for i in range(100)]

    assert written(window, {1: (lines, lines)}).findings == ()


def test_template_ids_are_text_and_survive_json() -> None:
    big = 2**62 + 1
    document = json.loads(encode_summary(written(window_counts(20, {big: 1}))))

    assert document["top_templates"][0]["template_id"] == str(big)


def test_a_document_survives_its_json() -> None:
    summary = written(window_counts(20, [template_count(9, 50, ERROR)]))

    assert msgspec.json.decode(encode_summary(summary), type=WindowSummary) == summary


@settings(max_examples=50)
@given(st.dictionaries(st.integers(1, 30), st.integers(1, 50), max_size=20), st.randoms())
def test_equal_counts_give_equal_bytes_in_any_order(
    counts: dict[int, int], rng: random.Random
) -> None:
    order = list(counts)
    rng.shuffle(order)
    mixed = {template_id: counts[template_id] for template_id in order}

    one, other = written(window_counts(20, counts)), written(window_counts(20, mixed))

    assert encode_summary(one) == encode_summary(other)
    assert content_hash(one) == content_hash(other)
    assert one.lines == sum(counts.values())


def test_another_count_gives_another_hash() -> None:
    one, other = written(window_counts(20, {1: 1})), written(window_counts(20, {1: 2}))

    assert content_hash(one) != content_hash(other)
