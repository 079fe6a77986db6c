"""First step of a summary: which findings a window has, best first, and which lines they need."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from schemas.severity import WARN
from schemas.summaries import Finding, FindingKind, FindingState, WindowSummary
from streams.domain.summaries.candidates import Candidate, find_candidates
from streams.domain.summaries.config import DEFAULT_CONFIG, SummaryConfig
from streams.domain.summaries.counts import (
    LineRequest,
    TemplateInfo,
    WindowCounts,
    severity_counts,
)
from streams.domain.summaries.importance import importance
from streams.domain.summaries.past import Past
from streams.domain.summaries.present import Present, absent_template, present_templates
from streams.domain.summaries.stories import StoryKey, begin, end, go_on, still_shows, story_key
from streams.domain.windows import parse_time

_KIND_ORDER: Final = {kind: rank for rank, kind in enumerate(FindingKind)}
_WILDCARD: Final = "<*>"


class RankedFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding before its lines were read; None where it needs none."""

    finding: Finding
    lines: LineRequest | None = None
    baseline_lines: LineRequest | None = None


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """Everything `write_summary` needs beside the lines of `requests`.

    `shift_candidates` have no finding yet: their lines decide whether a parameter shifted.
    """

    window: WindowCounts
    config: SummaryConfig
    baseline_windows: int
    baseline_lines: int
    baseline_severity_counts: dict[str, int]
    findings: tuple[RankedFinding, ...]
    shift_candidates: tuple[RankedFinding, ...]
    shifts_before: tuple[Finding, ...]
    template_texts: dict[int, str]

    @property
    def requests(self) -> tuple[LineRequest, ...]:
        """The lines to read, each request once, in the order of the findings."""
        wanted = [
            request
            for ranked in (*self.findings, *self.shift_candidates)
            for request in (ranked.lines, ranked.baseline_lines)
            if request is not None
        ]
        return tuple(dict.fromkeys(wanted))


def rank_findings(
    window: WindowCounts,
    baseline: Sequence[WindowCounts],
    templates: Mapping[int, TemplateInfo],
    previous: WindowSummary | None = None,
    config: SummaryConfig = DEFAULT_CONFIG,
) -> Ranking:
    """Return the window's findings, best first, and the lines they want to see.

    `baseline` holds the windows before that have lines, in any order (at most the last
    `config.baseline_windows` are used); `templates` knows every template of window, baseline and
    `previous`. `previous` is the newest summary before this window, the last chapter of its
    stories; older than the baseline it is ignored.

    Raises:
        KeyError: a template is missing from `templates`.
    """
    past = Past(window, baseline, templates, config)
    present = present_templates(window)
    stories = _open_stories(previous, window, config)
    findings = _findings(window, present, past, stories)
    shifts = _shift_candidates(window, present, past, findings)
    return Ranking(
        window=window,
        config=config,
        baseline_windows=past.windows,
        baseline_lines=sum(counts.lines for counts in past.counts if counts),
        baseline_severity_counts=severity_counts(
            count for counts in past.counts if counts for count in counts.counts
        ),
        findings=tuple(
            _with_requests(finding, window, past, rank) for rank, finding in enumerate(findings)
        ),
        shift_candidates=tuple(_with_requests(shift, window, past, 0) for shift in shifts),
        shifts_before=tuple(
            finding for key, finding in sorted(stories.items()) if key[1] == "values"
        ),
        template_texts={template_id: templates[template_id].text for template_id in present},
    )


def _open_stories(
    previous: WindowSummary | None, window: WindowCounts, config: SummaryConfig
) -> dict[StoryKey, Finding]:
    """Return the findings of the summary before that were unusual once and were not over."""
    if previous is None:
        return {}
    gap = window.start_ns - parse_time(previous.window_end)
    if not 0 <= gap < config.baseline_windows * (window.end_ns - window.start_ns):
        return {}
    return {
        story_key(int(finding.template_id), finding.kind): finding
        for finding in previous.findings
        if finding.state is not FindingState.OVER and finding.peak_score >= config.unusual_from
    }


def _findings(
    window: WindowCounts,
    present: dict[int, Present],
    past: Past,
    stories: dict[StoryKey, Finding],
) -> list[Finding]:
    fresh = {
        story_key(candidate.present.template_id, candidate.kind): candidate
        for candidate in find_candidates(window, past)
        if candidate.score >= past.config.listed_from
    }
    in_a_story = {template_id for template_id, direction in stories if direction != "values"}
    # The end of a spike is no drop: a template tells one story at a time.
    begun = [key for key in sorted(fresh) if key[0] not in in_a_story]
    chapters = [begin(fresh[key], window, past) for key in begun]
    severe = present_templates(window, severity_from=WARN)
    for key, before in sorted(stories.items()):
        if before.kind is FindingKind.PARAM_SHIFT:
            continue
        seen = severe if before.kind is FindingKind.SEVERITY_SHIFT else present
        one = seen.get(key[0]) or absent_template(key[0])
        if key in fresh or still_shows(before, one, window, past):
            chapters.append(go_on(before, one, window, past))
        else:
            chapters.append(end(before, one, past.exposure))
    return _worth_telling(best_first(chapters), past.config)


def _worth_telling(findings: list[Finding], config: SummaryConfig) -> list[Finding]:
    """Return the unusual findings and the stories, and a few of those below the line."""
    told = []
    usual = 0
    for finding in findings:
        if finding.peak_score < config.unusual_from:
            usual += 1
            if usual > config.max_usual_findings:
                continue
        told.append(finding)
    return told[: config.max_findings]


def best_first(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings by score, those that are over last; ties by kind and template id."""
    return sorted(
        findings,
        key=lambda finding: (
            finding.state is FindingState.OVER,
            -finding.score,
            _KIND_ORDER[finding.kind],
            int(finding.template_id),
        ),
    )


def _shift_candidates(
    window: WindowCounts, present: dict[int, Present], past: Past, findings: Sequence[Finding]
) -> list[Finding]:
    """Return the templates without a finding whose parameters are worth a look, as findings.

    Only in a complete window, the most important and frequent ones: their lines cost a read.
    """
    taken = {int(finding.template_id) for finding in findings}
    known = [
        one
        for one in present.values()
        if one.template_id in past.series
        and one.template_id not in taken
        and one.count >= past.config.shift_min_lines
        and _WILDCARD in past.templates[one.template_id].text
    ]
    if window.observed_until_ns is not None and window.observed_until_ns < window.end_ns:
        return []
    shifts = [begin(_shift(one, past), window, past) for one in known]
    shifts.sort(key=lambda shift: (-shift.score, -shift.count, int(shift.template_id)))
    return shifts[: past.config.shift_candidates]


def _shift(one: Present, past: Past) -> Candidate:
    weight = importance(one.severity_number, past.templates[one.template_id].text)
    return Candidate(
        kind=FindingKind.PARAM_SHIFT,
        present=one,
        rate=past.rate(one.template_id),
        rarity=past.config.shift_rarity,
        severity_number=one.severity_number,
        score=past.config.shift_rarity * weight,
    )


def _with_requests(finding: Finding, window: WindowCounts, past: Past, rank: int) -> RankedFinding:
    """Say which lines of this window and of the time before the story the finding wants."""
    if finding.state is FindingState.OVER:
        return RankedFinding(finding=finding)
    config = past.config
    is_detailed = rank < config.detailed_findings and finding.count > 0
    template_id = int(finding.template_id)
    began_ns = window.start_ns - (finding.windows - 1) * past.width_ns
    now = LineRequest(
        template_id=template_id,
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        limit=config.line_limit if is_detailed else config.exemplars,
    )
    before = LineRequest(
        template_id=template_id,
        start_ns=began_ns - config.baseline_windows * past.width_ns,
        end_ns=began_ns,
        limit=config.baseline_line_limit if is_detailed else config.exemplars,
    )
    is_known = finding.rate > 0.0 or finding.kind is FindingKind.SEVERITY_SHIFT
    return RankedFinding(
        finding=finding,
        lines=now if finding.count else None,
        baseline_lines=before if is_known else None,
    )
