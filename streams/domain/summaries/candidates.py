"""What is different in a window: for each template the kind, the expectation and the rarity."""

from collections.abc import Iterator
from math import log10
from typing import Final

import msgspec

from schemas.severity import WARN
from schemas.summaries import FindingKind
from streams.domain.summaries.counts import WindowCounts
from streams.domain.summaries.importance import importance, kind_importance
from streams.domain.summaries.past import Past
from streams.domain.summaries.present import Present, absent_template, present_templates
from streams.domain.summaries.statistics import Rate, above_noise, rarity

LESS: Final = (FindingKind.DROP, FindingKind.GONE)

# Below this share of an open window a missing template may simply not have come yet.
DECIDED_EXPOSURE: Final = 0.8


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A difference, not yet ranked: `rate` is what the past says, `rarity` in decimal orders."""

    kind: FindingKind
    present: Present
    rate: Rate
    rarity: float
    severity_number: int
    score: float


def find_candidates(window: WindowCounts, past: Past) -> list[Candidate]:
    """Return the differences worth a score, at most one a template, by ascending template id."""
    present = present_templates(window)
    severe = present_templates(window, severity_from=WARN)
    found = []
    for template_id in sorted(present.keys() | past.series.keys()):
        one = present.get(template_id) or absent_template(template_id)
        options = _options(window, one, severe.get(template_id), past)
        best = max(options, key=lambda option: option.score)
        if best.score > 0.0:
            found.append(best)
    return found


def _options(
    window: WindowCounts, one: Present, severe: Present | None, past: Past
) -> Iterator[Candidate]:
    if one.template_id not in past.series:
        yield _unseen(window, one, past)
        return
    yield _changed_rate(one, past)
    if not one.count and past.is_steady(one.template_id) and window.exposure >= DECIDED_EXPOSURE:
        yield _missing(one, past)
    if severe is not None and not past.has_severe_lines(one.template_id):
        yield _more_severe(severe, past)


def _unseen(window: WindowCounts, one: Present, past: Past) -> Candidate:
    is_new = past.templates[one.template_id].first_seen_ns >= window.start_ns
    number = one.highest_severity_number
    weight = importance(number, past.templates[one.template_id].text)
    rare = past.new_rarity(weight) if is_new else past.absent_rarity(weight)
    return _candidate(
        FindingKind.NEW if is_new else FindingKind.RETURNED,
        one,
        past,
        rarity=rare + _mass(one.count) if rare else 0.0,
        severity_number=number,
    )


def _changed_rate(one: Present, past: Past) -> Candidate:
    rate = past.rate(one.template_id)
    rare = rarity(one.count, rate, past.exposure)
    if one.count > rate.mean * past.exposure:
        kind = FindingKind.SPIKE
    else:
        kind = FindingKind.DROP if one.count else FindingKind.GONE
    number = one.severity_number if one.count else past.series[one.template_id].severity_number
    bent = above_noise(rare, past.noise, past.config.saturation)
    is_rare = rare >= past.config.rare_from
    return _candidate(kind, one, past, rarity=bent if is_rare else 0.0, severity_number=number)


def _missing(one: Present, past: Past) -> Candidate:
    expected = past.rate(one.template_id).mean * past.exposure
    return _candidate(
        FindingKind.GONE,
        one,
        past,
        rarity=past.gone_rarity + _mass(expected),
        severity_number=past.series[one.template_id].severity_number,
    )


def _more_severe(severe: Present, past: Past) -> Candidate:
    number = severe.highest_severity_number
    weight = importance(number, past.templates[severe.template_id].text)
    found = _candidate(
        FindingKind.SEVERITY_SHIFT,
        severe,
        past,
        rarity=past.absent_rarity(weight) + _mass(severe.count),
        severity_number=number,
    )
    return msgspec.structs.replace(found, rate=msgspec.structs.replace(found.rate, mean=0.0))


def _mass(lines: float) -> float:
    """Return what the number of lines adds to the rarity of their mere presence or absence."""
    return log10(max(lines, 1.0)) / 2.0


def _candidate(
    kind: FindingKind, one: Present, past: Past, *, rarity: float, severity_number: int
) -> Candidate:
    weight = importance(severity_number, past.templates[one.template_id].text)
    return Candidate(
        kind=kind,
        present=one,
        rate=past.rate(one.template_id),
        rarity=rarity,
        severity_number=severity_number,
        score=rarity * kind_importance(kind, weight),
    )
