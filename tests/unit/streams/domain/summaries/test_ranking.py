import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.severity import ERROR, FATAL, INFO, WARN
from schemas.summaries import Finding, FindingKind
from streams.domain.summaries import TemplateCount, TemplateInfo, WindowCounts, rank_findings
from tests.builders import START_NS, template_count, template_info, template_infos, window_counts

TEXTS = {1: "request <*> served", 2: "cache refreshed", 3: "queue length <*>", 9: "job <*> broke"}


def busy_past(windows: int = 20) -> list[WindowCounts]:
    """Windows of a service with three steady templates: about 100, 40 and 12 lines."""
    rng = random.Random(7)
    return [
        window_counts(i, {1: rng.randint(90, 110), 2: rng.randint(35, 45), 3: rng.randint(9, 15)})
        for i in range(windows)
    ]


def ranked(window: WindowCounts, past: list[WindowCounts]) -> list[Finding]:
    ranking = rank_findings(window, past, template_infos([*past, window], TEXTS))
    return [one.finding for one in ranking.findings]


def usual() -> list[TemplateCount]:
    return [template_count(1, 100), template_count(2, 40), template_count(3, 12)]


def test_a_usual_window_has_nothing_unusual() -> None:
    found = ranked(window_counts(20, usual()), busy_past())

    assert all(finding.score < 2.0 for finding in found)


def test_one_line_of_a_new_error_comes_first() -> None:
    window = window_counts(20, [*usual(), template_count(9, 1, ERROR)])

    first = ranked(window, busy_past())[0]

    assert (first.kind, first.template_id, first.count) == (FindingKind.NEW, "9", 1)
    assert first.score >= 2.0


def test_five_times_the_lines_is_a_spike_with_its_expectation() -> None:
    window = window_counts(20, [*usual()[:2], template_count(3, 60)])

    first = ranked(window, busy_past())[0]

    assert (first.kind, first.template_id) == (FindingKind.SPIKE, "3")
    assert first.expected == pytest.approx(12.0, abs=2.0)
    assert first.ratio == pytest.approx(60 / first.expected, abs=0.01)


def test_a_steady_template_without_lines_is_gone() -> None:
    first = ranked(window_counts(20, usual()[:2]), busy_past())[0]

    assert (first.kind, first.template_id, first.count) == (FindingKind.GONE, "3", 0)


def test_far_fewer_lines_are_a_drop() -> None:
    window = window_counts(20, [template_count(1, 20), *usual()[1:]])

    first = ranked(window, busy_past())[0]

    assert (first.kind, first.template_id) == (FindingKind.DROP, "1")


def test_a_template_of_long_ago_is_returned_and_not_new() -> None:
    window = window_counts(40, [*usual(), template_count(9, 1, ERROR)])
    past = [
        window_counts(0, {9: 1}),
        *(window_counts(i, {1: 100, 2: 40, 3: 12}) for i in range(20, 40)),
    ]

    first = ranked(window, past)[0]

    assert (first.kind, first.template_id) == (FindingKind.RETURNED, "9")


def test_known_lines_with_a_higher_severity_are_a_severity_shift() -> None:
    window = window_counts(20, [*usual(), template_count(2, 4, ERROR)])

    first = ranked(window, busy_past())[0]

    assert (first.kind, first.template_id) == (FindingKind.SEVERITY_SHIFT, "2")
    assert (first.count, first.severity) == (4, "ERROR")


def test_twice_the_traffic_is_no_spike_where_traffic_varies() -> None:
    past = [window_counts(i, {1: 100 * f, 2: 40 * f, 3: 12 * f}) for i, f in enumerate([1, 2] * 10)]

    found = ranked(window_counts(20, {1: 200, 2: 80, 3: 24}), past)

    assert all(finding.score < 2.0 for finding in found)


def test_an_error_outranks_an_info_of_the_same_rarity() -> None:
    window = window_counts(20, [*usual(), template_count(8, 3, INFO), template_count(9, 3, ERROR)])

    found = ranked(window, busy_past())

    assert [finding.template_id for finding in found[:2]] == ["9", "8"]


def test_news_every_window_is_no_news() -> None:
    past = [window_counts(i, [*usual(), template_count(100 + i, 1, WARN)]) for i in range(20)]

    found = ranked(window_counts(20, [*usual(), template_count(200, 1, WARN)]), past)

    assert all(finding.score < 2.0 for finding in found)


def test_a_first_error_is_news_where_fatal_lines_are_new_every_window() -> None:
    past = [window_counts(i, [*usual(), template_count(100 + i, 2, FATAL)]) for i in range(20)]
    new = [template_count(9, 1, ERROR), template_count(120, 2, FATAL)]

    first, second = ranked(window_counts(20, [*usual(), *new]), past)[:2]

    assert (first.template_id, first.kind) == ("9", FindingKind.NEW)
    assert first.score >= 2.0 > second.score


def test_the_first_window_of_a_service_has_nothing_new() -> None:
    assert ranked(window_counts(0, [*usual(), template_count(9, 1, ERROR)]), []) == []


def test_an_open_window_expects_its_share_and_misses_nothing_yet() -> None:
    past = busy_past()
    start_ns = START_NS + 20 * 300 * 10**9
    window = window_counts(20, {1: 20, 2: 8}, observed_until_ns=start_ns + 60 * 10**9)

    found = ranked(window, past)

    assert all(finding.score < 2.0 for finding in found)


def test_windows_older_than_the_baseline_do_not_count() -> None:
    past = busy_past()
    window = window_counts(20, usual())
    infos = template_infos([window_counts(-9), *past, window], TEXTS)
    infos[1] = template_info(1, TEXTS[1], START_NS - 10 * 300 * 10**9)
    older = [window_counts(-9, {1: 10_000}), *past]

    assert rank_findings(window, older, infos) == rank_findings(window, past, infos)


def test_missing_windows_of_a_known_service_had_no_lines() -> None:
    past = [window_counts(i, {1: 5}) for i in range(0, 20, 4)]
    window = window_counts(20, {1: 5})

    ranking = rank_findings(window, past, template_infos([*past, window]))

    assert ranking.baseline_windows == 20
    assert ranking.baseline_lines == 25


def test_only_findings_and_a_few_shift_candidates_ask_for_lines() -> None:
    window = window_counts(20, [*usual(), template_count(9, 1, ERROR)])
    past = busy_past()

    ranking = rank_findings(window, past, template_infos([*past, window], TEXTS))

    wanted = {request.template_id for request in ranking.requests}
    assert 9 in wanted
    assert 2 not in wanted - {int(r.finding.template_id) for r in ranking.findings}
    assert all(0 < request.limit <= 1000 for request in ranking.requests)


COUNTS = st.lists(
    st.builds(
        template_count,
        template_id=st.integers(1, 6),
        count=st.integers(1, 40),
        severity_number=st.sampled_from([INFO, WARN, ERROR]),
        minute=st.integers(0, 4),
    ),
    max_size=12,
)


@given(st.lists(COUNTS, min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_the_order_and_the_split_of_the_counts_do_not_matter(
    windows: list[list[TemplateCount]], rng: random.Random
) -> None:
    whole = [window_counts(i, counts) for i, counts in enumerate(windows)]
    infos = template_infos(whole)
    split = [window_counts(i, shuffled(counts, rng)) for i, counts in enumerate(windows)]
    past = split[:-1]
    rng.shuffle(past)
    order = list(infos)
    rng.shuffle(order)
    mixed: dict[int, TemplateInfo] = {template_id: infos[template_id] for template_id in order}

    one = rank_findings(whole[-1], whole[:-1], infos)
    other = rank_findings(split[-1], past, mixed)

    assert one.findings == other.findings
    assert one.requests == other.requests
    assert one.baseline_severity_counts == other.baseline_severity_counts


def shuffled(counts: list[TemplateCount], rng: random.Random) -> list[TemplateCount]:
    """Return the same lines as more, smaller counts in another order."""
    pieces = []
    for count in counts:
        part = rng.randint(0, count.count)
        pieces += [
            template_count(count.template_id, lines, count.severity_number, count.minute)
            for lines in (part, count.count - part)
            if lines
        ]
    rng.shuffle(pieces)
    return pieces
