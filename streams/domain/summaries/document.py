"""Second step of a summary: the lines are read, the document is written."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from math import sqrt
from typing import Final

import msgspec

from schemas.summaries import Baseline, Finding, FindingState, TopTemplate, WindowSummary
from streams.domain.summaries.config import SummaryConfig, provenance
from streams.domain.summaries.counts import (
    LineRequest,
    WindowCounts,
    severity_counts,
    sum_by_template,
    thinned,
)
from streams.domain.summaries.importance import importance
from streams.domain.summaries.masking import mask_secrets
from streams.domain.summaries.parameters import Parameters, describe_parameters
from streams.domain.summaries.present import absent_template, present_templates
from streams.domain.summaries.ranking import RankedFinding, Ranking, best_first
from streams.domain.summaries.stack_traces import fold_stack_trace
from streams.domain.summaries.stories import SCORE_DIGITS, end, go_on_shifted
from streams.domain.summaries.wording import digest_phrases, headline, summary_text
from streams.domain.windows import format_time

Lines = Mapping[LineRequest, Sequence[str]]

_ENCODER: Final = msgspec.json.Encoder()
# A secret is cut apart only behind what is shown.
_MASKED_TIMES: Final = 4


def write_summary(ranking: Ranking, lines: Lines) -> WindowSummary:
    """Return the document; `lines` answers the requests of the ranking, a missing one is empty."""
    window, config = ranking.window, ranking.config
    found = [_with_lines(ranked, lines, config) for ranked in ranking.findings]
    findings = best_first([*found, *_shifts(ranking, lines)])[: config.max_findings]
    unusual = [one for one in findings if one.score >= config.unusual_from]
    texts = {key: mask_secrets(text) for key, text in ranking.template_texts.items()}
    title = headline(
        window,
        findings=findings,
        unusual_count=len(unusual),
        baseline_windows=ranking.baseline_windows,
        texts=texts,
    )
    top, other_count = _top_templates(window, texts, config)
    return WindowSummary(
        service=window.service,
        window_start=format_time(window.start_ns),
        window_end=format_time(window.end_ns),
        first_event=None if window.first_event_ns is None else format_time(window.first_event_ns),
        last_event=None if window.last_event_ns is None else format_time(window.last_event_ns),
        lines=window.lines,
        late=window.late,
        templates=len(texts),
        severity_counts=severity_counts(window.counts),
        baseline=Baseline(
            windows=ranking.baseline_windows,
            lines=ranking.baseline_lines,
            severity_counts=ranking.baseline_severity_counts,
        ),
        unusual=bool(unusual),
        score=_window_score(findings),
        headline=title,
        text=summary_text(title, unusual, digest_phrases(_in_telling_order(window, texts))),
        findings=tuple(findings),
        top_templates=top,
        other_count=other_count,
        provenance=provenance(config),
    )


def encode_summary(summary: WindowSummary) -> bytes:
    """Return the stored JSON: equal documents give equal bytes."""
    return _ENCODER.encode(summary)


def content_hash(summary: WindowSummary) -> bytes:
    """Return 16 bytes that differ when the document does."""
    return blake2b(encode_summary(summary), digest_size=16).digest()


def _with_lines(ranked: RankedFinding, lines: Lines, config: SummaryConfig) -> Finding:
    """Return the finding with examples, parameters and stack trace; one that is over as it is."""
    finding = ranked.finding
    if finding.state is FindingState.OVER:
        return finding
    now, before = _answer(ranked.lines, lines), _answer(ranked.baseline_lines, lines)
    return _illustrated(finding, now or before, _parameters(ranked, lines, config), config)


def _parameters(ranked: RankedFinding, lines: Lines, config: SummaryConfig) -> Parameters:
    now, before = _answer(ranked.lines, lines), _answer(ranked.baseline_lines, lines)
    return describe_parameters(ranked.finding.template, now, before, config)


def _answer(request: LineRequest | None, lines: Lines) -> Sequence[str]:
    return () if request is None else lines.get(request, ())


def _illustrated(
    finding: Finding, examples: Sequence[str], parameters: Parameters, config: SummaryConfig
) -> Finding:
    stacks = (fold_stack_trace(line) for line in examples)
    return msgspec.structs.replace(
        finding,
        template=mask_secrets(finding.template),
        exemplars=_exemplars(examples, config),
        sticky=parameters.sticky,
        varying=parameters.varying,
        stack=next((stack for stack in stacks if stack is not None), None),
    )


def _exemplars(lines: Sequence[str], config: SummaryConfig) -> tuple[str, ...]:
    """Return the first, a middle and the last of the different lines, masked and cut."""
    chosen = thinned(list(dict.fromkeys(lines)), config.exemplars)
    limit = config.exemplar_characters
    return tuple(mask_secrets(line[: limit * _MASKED_TIMES])[:limit] for line in chosen)


def _shifts(ranking: Ranking, lines: Lines) -> list[Finding]:
    """Return the parameter shifts: those that the lines show, and those of before that ended."""
    before = {finding.template_id: finding for finding in ranking.shifts_before}
    shown: dict[str, Finding] = {}
    for ranked in ranking.shift_candidates:
        parameters = _parameters(ranked, lines, ranking.config)
        if parameters.is_shift:
            examples = _answer(ranked.lines, lines)
            finding = _illustrated(ranked.finding, examples, parameters, ranking.config)
            story = before.get(finding.template_id)
            shown[finding.template_id] = go_on_shifted(finding, story) if story else finding
    present = present_templates(ranking.window)
    ended = [
        end(
            story,
            present.get(int(template_id)) or absent_template(int(template_id)),
            ranking.window.exposure,
        )
        for template_id, story in sorted(before.items())
        if template_id not in shown
    ]
    return [*shown.values(), *ended]


def _window_score(findings: Sequence[Finding]) -> float:
    """Return one number for the window: the findings' scores as the sides of a box, its diagonal.

    The strongest finding leads, several make it more, and services of any size compare.
    """
    return round(sqrt(sum(finding.score * finding.score for finding in findings)), SCORE_DIGITS)


def _top_templates(
    window: WindowCounts, texts: Mapping[int, str], config: SummaryConfig
) -> tuple[tuple[TopTemplate, ...], int]:
    """Return the most frequent templates, ties by id, and the lines of all others."""
    counts = sum_by_template(window.counts)
    order = sorted(counts, key=lambda template_id: (-counts[template_id], template_id))
    top = tuple(
        TopTemplate(
            template_id=str(template_id), template=texts[template_id], count=counts[template_id]
        )
        for template_id in order[: config.top_templates]
    )
    return top, sum(counts[template_id] for template_id in order[config.top_templates :])


def _in_telling_order(window: WindowCounts, texts: Mapping[int, str]) -> list[str]:
    """Return the templates' texts, the most important first, then the most frequent."""
    present = present_templates(window)
    order = sorted(
        present,
        key=lambda template_id: (
            -importance(present[template_id].severity_number, texts[template_id]),
            -present[template_id].count,
            template_id,
        ),
    )
    return [texts[template_id] for template_id in order]
