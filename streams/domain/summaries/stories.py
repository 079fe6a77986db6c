"""An incident's story: a finding that goes on over windows keeps its id, start and peak."""

from hashlib import blake2b
from math import log10
from typing import Final

import msgspec

from schemas.severity import severity_name
from schemas.summaries import Finding, FindingKind, FindingState
from streams.domain.summaries.candidates import DECIDED_EXPOSURE, LESS, Candidate
from streams.domain.summaries.counts import WindowCounts
from streams.domain.summaries.importance import ALARMING, importance, kind_importance
from streams.domain.summaries.past import Past
from streams.domain.summaries.present import Present
from streams.domain.summaries.statistics import Rate, above_noise, rarity
from streams.domain.windows import MINUTE_NS, format_time

StoryKey = tuple[int, str]

SCORE_DIGITS: Final = 3

# A changed rate is still the finding while it is at least doubled, or at most halved.
_CHANGED_BY: Final = 2.0


def story_key(template_id: int, kind: FindingKind) -> StoryKey:
    """Return what makes two findings the same story: the template, and the direction."""
    if kind in LESS:
        return template_id, "less"
    return template_id, "values" if kind is FindingKind.PARAM_SHIFT else "more"


def story_id(service: str | None, key: StoryKey, since: str) -> str:
    """Return the story's id, equal wherever it is computed."""
    parts = msgspec.json.encode([service, str(key[0]), key[1], since])
    return blake2b(parts, digest_size=8).hexdigest()


def begin(candidate: Candidate, window: WindowCounts, past: Past) -> Finding:
    """Return the first chapter: the finding as this window alone shows it."""
    info = past.templates[candidate.present.template_id]
    hot = _hot_minutes(candidate.kind, candidate.present, candidate.rate, window)
    since = format_time(_since(candidate, hot, window, past))
    peak_count, peak_ns = (0, None) if candidate.kind in LESS else candidate.present.peak
    expected = candidate.rate.mean * past.exposure
    return Finding(
        id=story_id(window.service, story_key(info.template_id, candidate.kind), since),
        kind=candidate.kind,
        state=FindingState.STARTED,
        template_id=str(info.template_id),
        template=info.text,
        count=candidate.present.count,
        expected=round(expected, SCORE_DIGITS),
        ratio=_ratio(candidate.present.count, expected),
        score=round(candidate.score, SCORE_DIGITS),
        peak_score=round(candidate.score, SCORE_DIGITS),
        severity=severity_name(candidate.severity_number),
        severity_number=candidate.severity_number,
        since=since,
        until=_until(hot, window, candidate.kind) or since,
        peak_at=None if peak_ns is None else format_time(peak_ns),
        peak_count=peak_count,
        first_seen=format_time(info.first_seen_ns),
        last_seen=_last_seen(candidate.present, past),
        rate=round(candidate.rate.mean, SCORE_DIGITS),
        dispersion=round(candidate.rate.dispersion, SCORE_DIGITS),
        rarity=round(candidate.rarity, SCORE_DIGITS),
        windows=1,
    )


def go_on(before: Finding, present: Present, window: WindowCounts, past: Past) -> Finding:
    """Return the next chapter, judged by the past as it was when the story started."""
    rate = _frozen_rate(before, past)
    hot = _hot_minutes(before.kind, present, rate, window)
    peak_count, peak_at = _higher_peak(before, present)
    expected = rate.mean * past.exposure
    rare = _rarity_now(before, present, rate, window, past)
    number = present.highest_severity_number or before.severity_number
    weight = kind_importance(before.kind, importance(number, before.template))
    score = round(rare * weight, SCORE_DIGITS)
    if before.windows >= _news_windows(weight, past):
        score = min(score, past.config.known_score)
    return msgspec.structs.replace(
        before,
        state=FindingState.ONGOING,
        template=past.templates[present.template_id].text,
        count=present.count,
        expected=round(expected, SCORE_DIGITS),
        ratio=_ratio(present.count, expected),
        score=score,
        peak_score=max(before.peak_score, score),
        severity=severity_name(number),
        severity_number=number,
        until=_until(hot, window, before.kind) or before.until,
        peak_at=peak_at,
        peak_count=peak_count,
        last_seen=_last_seen(present, past),
        rarity=round(rare, SCORE_DIGITS),
        windows=before.windows + 1,
        exemplars=(),
        sticky=(),
        varying=(),
        stack=None,
    )


def end(before: Finding, present: Present, exposure: float) -> Finding:
    """Return the last chapter: `until` says when it was over, the examples are those of before."""
    expected = before.rate * exposure
    return msgspec.structs.replace(
        before,
        state=FindingState.OVER,
        count=present.count,
        expected=round(expected, SCORE_DIGITS),
        ratio=_ratio(present.count, expected),
        score=0.0,
        windows=before.windows + 1,
    )


def still_shows(before: Finding, present: Present, window: WindowCounts, past: Past) -> bool:
    """Tell whether the window still shows the finding of the window before.

    What goes on for very long is how the service is now; what an open window does not show yet
    is not over yet.
    """
    calm = importance(before.severity_number, before.template) < ALARMING
    config = past.config
    if before.windows >= (config.calm_story_windows if calm else config.alarming_story_windows):
        return False
    if window.exposure < DECIDED_EXPOSURE:
        return True
    rate = _frozen_rate(before, past)
    if before.kind in LESS:
        is_changed = present.count * _CHANGED_BY <= rate.mean * past.exposure
    else:
        is_changed = present.count > rate.mean * past.exposure * _CHANGED_BY
    if not is_changed or not rate.mean:
        return is_changed
    return rarity(present.count, rate, past.exposure) >= config.persists_from


def _news_windows(weight: float, past: Past) -> int:
    """Return for how many windows a finding of this importance is news."""
    config = past.config
    return config.calm_news_windows if weight < ALARMING else config.baseline_windows


def _frozen_rate(before: Finding, past: Past) -> Rate:
    windows = past.config.baseline_windows
    freedom = windows - 1 + past.config.prior_degrees_of_freedom
    return Rate(before.rate, before.dispersion, freedom, windows)


def _rarity_now(
    before: Finding, present: Present, rate: Rate, window: WindowCounts, past: Past
) -> float:
    """Return the rarity in this window; presence and absence keep theirs, scaled by the lines."""
    if before.kind in (FindingKind.SPIKE, FindingKind.DROP):
        rare = rarity(present.count, rate, past.exposure)
        return above_noise(rare, past.noise, past.config.saturation)
    if before.kind is FindingKind.GONE or not present.count:
        return before.rarity
    return before.rarity + (log10(present.count) - log10(max(before.count, 1))) / 2.0


def _hot_minutes(
    kind: FindingKind, present: Present, rate: Rate, window: WindowCounts
) -> list[int]:
    """Return the starts of the minutes that show the finding; for less lines there are none."""
    if kind in LESS:
        return []
    minutes = max((window.end_ns - window.start_ns) // MINUTE_NS, 1)
    usual = rate.mean / minutes * _CHANGED_BY if kind is FindingKind.SPIKE else 0.0
    peak = present.peak[1]
    return present.minutes_above(usual) or ([] if peak is None else [peak])


def _since(candidate: Candidate, hot: list[int], window: WindowCounts, past: Past) -> int:
    if candidate.kind is FindingKind.NEW:
        return past.templates[candidate.present.template_id].first_seen_ns
    return hot[0] if hot else window.start_ns


def _until(hot: list[int], window: WindowCounts, kind: FindingKind) -> str | None:
    observed = min(window.observed_until_ns or window.end_ns, window.end_ns)
    if kind in LESS:
        return format_time(max(observed, window.start_ns))
    return format_time(min(hot[-1] + MINUTE_NS, window.end_ns)) if hot else None


def _higher_peak(before: Finding, present: Present) -> tuple[int, str | None]:
    count, minute = present.peak
    if before.kind in LESS or minute is None or count <= before.peak_count:
        return before.peak_count, before.peak_at
    return count, format_time(minute)


def _ratio(count: int, expected: float) -> float | None:
    return round(count / expected, SCORE_DIGITS) if expected else None


def _last_seen(present: Present, past: Past) -> str:
    info = past.templates[present.template_id]
    minute = max(present.minutes, default=past.last_seen_ns(present.template_id))
    return format_time(max(info.first_seen_ns, minute or 0))


def go_on_shifted(now: Finding, before: Finding) -> Finding:
    """Return the next chapter of a parameter shift that this window's lines show again."""
    is_higher = now.peak_count > before.peak_count
    return msgspec.structs.replace(
        now,
        id=before.id,
        state=FindingState.ONGOING,
        since=before.since,
        peak_score=max(now.score, before.peak_score),
        peak_at=now.peak_at if is_higher else before.peak_at,
        peak_count=max(now.peak_count, before.peak_count),
        windows=before.windows + 1,
    )
