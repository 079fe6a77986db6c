from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.severity import ERROR
from schemas.summaries import Finding, FindingKind, FindingState, WindowSummary
from streams.domain.summaries import TemplateCount, WindowCounts, rank_findings, write_summary
from tests.builders import START_NS, template_count, template_info, template_infos, window_counts

MINUTE_NS = 60 * 10**9


def steady(**changes: int) -> list[TemplateCount]:
    """Three steady templates; `t2=300` gives template 2 another count."""
    counts = {"t1": 100, "t2": 40, "t3": 12} | changes
    return [template_count(int(name[1:]), count) for name, count in counts.items() if count]


def told(windows: list[WindowCounts]) -> list[WindowSummary]:
    """Return the summaries of a chain of windows, each with the one before."""
    infos = template_infos(windows)
    summaries: list[WindowSummary] = []
    for index, window in enumerate(windows):
        past = windows[max(0, index - 20) : index]
        previous = summaries[-1] if summaries else None
        summaries.append(write_summary(rank_findings(window, past, infos, previous), {}))
    return summaries


def of_template(summary: WindowSummary, template_id: int) -> Finding:
    return next(one for one in summary.findings if one.template_id == str(template_id))


def incident(*windows: list[TemplateCount]) -> list[WindowSummary]:
    """Return the summaries of the windows that follow twenty quiet ones (08:00 to 09:40)."""
    quiet = [window_counts(i, steady()) for i in range(20)]
    return told([*quiet, *(window_counts(20 + i, one) for i, one in enumerate(windows))])[20:]


def test_a_finding_that_goes_on_keeps_its_id_and_start_until_it_is_over() -> None:
    errors = [
        [template_count(9, 2, ERROR, minute=2), template_count(9, 5, ERROR, minute=3)],
        [template_count(9, 30, ERROR, minute=2)],
        [template_count(9, 3, ERROR, minute=0)],
        [],
    ]

    chapters = [
        of_template(summary, 9) for summary in incident(*([*steady(), *one] for one in errors))
    ]

    assert [one.state for one in chapters] == [
        FindingState.STARTED,
        FindingState.ONGOING,
        FindingState.ONGOING,
        FindingState.OVER,
    ]
    assert len({one.id for one in chapters}) == 1
    assert {one.kind for one in chapters} == {FindingKind.NEW}
    last = chapters[-1]
    assert last.peak_at == "2026-03-14T09:47:00Z"
    assert last.peak_count == 30
    assert last.until == "2026-03-14T09:51:00Z"
    assert last.windows == 4


def test_the_start_of_a_new_template_is_its_first_line() -> None:
    quiet = [window_counts(i, steady()) for i in range(20)]
    window = window_counts(20, [*steady(), template_count(9, 1, ERROR, minute=2)])
    infos = template_infos([*quiet, window])
    seen_ns = window.start_ns + 2 * MINUTE_NS + 5

    infos[9] = template_info(9, first_seen_ns=seen_ns)

    first = rank_findings(window, quiet, infos).findings[0].finding

    assert (first.template_id, first.since) == ("9", "2026-03-14T09:42:00.000000005Z")


def test_a_spike_is_judged_by_the_past_before_it_started() -> None:
    spike = steady(t3=120)

    chapters = [of_template(summary, 3) for summary in incident(*[spike] * 6)]

    assert {one.expected for one in chapters} == {12.0}
    assert [one.state for one in chapters[1:]] == [FindingState.ONGOING] * 5
    assert len({one.id for one in chapters}) == 1


def test_a_template_that_is_gone_comes_back_and_the_story_is_over() -> None:
    chapters = [
        of_template(summary, 3) for summary in incident(steady(t3=0), steady(t3=0), steady())
    ]

    assert [one.kind for one in chapters] == [FindingKind.GONE] * 3
    assert chapters[-1].state is FindingState.OVER
    assert chapters[-1].until == "2026-03-14T09:50:00Z"


def test_a_calm_story_stops_being_unusual_but_is_still_told() -> None:
    summaries = incident(*[steady(t3=120)] * 8)

    assert summaries[0].unusual
    assert not summaries[-1].unusual
    assert of_template(summaries[-1], 3).state is FindingState.ONGOING


def test_what_was_never_unusual_has_no_story() -> None:
    summaries = incident(steady(t3=16), steady(), steady())

    assert all(
        one.state is FindingState.STARTED for summary in summaries for one in summary.findings
    )


def test_an_open_window_does_not_end_a_story() -> None:
    windows = [window_counts(i, steady()) for i in range(20)]
    windows.append(window_counts(20, [*steady(), template_count(9, 5, ERROR)]))
    start_ns = START_NS + 21 * 5 * MINUTE_NS
    windows.append(window_counts(21, {1: 20}, observed_until_ns=start_ns + MINUTE_NS))

    last = told(windows)[-1]

    assert of_template(last, 9).state is FindingState.ONGOING


def test_a_story_is_forgotten_when_the_summary_before_is_older_than_the_baseline() -> None:
    quiet = [window_counts(i, steady()) for i in range(20)]
    broken = window_counts(20, [*steady(), template_count(9, 5, ERROR)])
    late = window_counts(60, steady())

    last = told([*quiet, broken, late])[-1]

    assert all(one.template_id != "9" for one in last.findings)


def test_the_text_says_when_it_started_peaked_and_ended() -> None:
    summaries = incident(
        [*steady(), template_count(9, 5, ERROR, minute=1)],
        [*steady(), template_count(9, 50, ERROR, minute=2)],
        steady(),
    )

    assert summaries[1].headline.startswith("ERROR x50 (baseline 0): template 9; new since 09:4")
    assert "still going, peak 09:47" in summaries[1].headline
    assert summaries[2].headline.startswith(
        "over: template 9, started 09:40, peaked 09:47, ended 09:48"
    )


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 60), st.integers(0, 3), st.sampled_from([0, 0, 0, 1, 5]), st.booleans()
        ),
        min_size=5,
        max_size=30,
    )
)
def test_every_story_starts_goes_on_and_ends_at_most_once(
    rows: list[tuple[int, int, int, bool]],
) -> None:
    windows = []
    for index, (busy, rare, errors, is_missing) in enumerate(rows):
        counts = steady(t2=busy, t3=0 if is_missing else 12, t4=rare)
        counts += [template_count(9, errors, ERROR)] if errors else []
        windows.append(window_counts(index, counts))

    chapters: dict[str, list[FindingState]] = {}
    for summary in told(windows):
        ids = [one.id for one in summary.findings]
        assert len(ids) == len(set(ids))
        for one in summary.findings:
            chapters.setdefault(one.id, []).append(one.state)

    for states in chapters.values():
        middle = states[1:-1] if states[-1] is FindingState.OVER else states[1:]
        assert states[0] is FindingState.STARTED
        assert set(middle) <= {FindingState.ONGOING}
