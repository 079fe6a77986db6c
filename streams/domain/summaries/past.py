"""The windows before, as a model: each template's rate, and how restless the service is."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from math import log10
from statistics import median
from typing import Final

import msgspec

from schemas.severity import WARN
from streams.domain.summaries.config import SummaryConfig
from streams.domain.summaries.counts import TemplateInfo, WindowCounts, sum_by_template
from streams.domain.summaries.importance import importance
from streams.domain.summaries.statistics import Rate, rank_rarity, rarity
from streams.domain.summaries.volumes import typical_lines, volume_factor
from streams.domain.windows import MINUTE_NS, starts_before

_POOL_MIN_LINES: Final = 5
_STEADY_WINDOWS: Final = 3
# Squared standard deviations: their rarity (0.5) is near the floor of a single template (0.3).
_NEAR: Final = 1.0


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One template over the baseline: lines by window index (only where there were any)."""

    template_id: int
    by_window: dict[int, int]
    severities: dict[int, int]
    total: int
    scaled_squares: float

    @property
    def severity_number(self) -> int:
        """The severity of most lines, the higher one of equals."""
        return max(self.severities, key=lambda number: (self.severities[number], number))


class Past:
    """The baseline of one window of one service: up to 20 windows, oldest first.

    Windows before the service's first line do not count; missing ones after it had no lines.
    `exposures` say how much of a typical window's lines each one should have, by its length and
    volume; `exposure` is that of the window under study, its volume within what the past had.
    """

    def __init__(
        self,
        window: WindowCounts,
        baseline: Sequence[WindowCounts],
        templates: Mapping[int, TemplateInfo],
        config: SummaryConfig,
    ) -> None:
        self.config = config
        self.templates = templates
        self.starts = _existing_starts(window, baseline, templates, config)
        self.width_ns = window.end_ns - window.start_ns
        by_start = {counts.start_ns: counts for counts in baseline}
        self.counts = [by_start.get(start) for start in self.starts]
        lines = [sum_by_template(one.counts) if one else {} for one in self.counts]
        existed = [self._existed(start) for start in self.starts]
        typical = typical_lines(lines, existed)
        volumes = [
            volume_factor(one, typical, share) for one, share in zip(lines, existed, strict=True)
        ]
        self.exposures = [e * v for e, v in zip(existed, volumes, strict=True)]
        self.exposure = window.exposure * _within(
            volume_factor(sum_by_template(window.counts), typical, window.exposure), volumes
        )
        self.series = self._series()

    @property
    def windows(self) -> int:
        """The number of windows compared with."""
        return len(self.starts)

    @cached_property
    def first_seen_ns(self) -> int:
        """The service's first line, as far as its known templates tell."""
        return min((info.first_seen_ns for info in self.templates.values()), default=0)

    def _existed(self, start: int) -> float:
        """The share of a window in which the service existed: below 1 for its first window."""
        missing = min(max(self.first_seen_ns - start, 0), self.width_ns - self.width_ns // 100)
        return 1.0 - missing / self.width_ns

    def _series(self) -> dict[int, Series]:
        by_template: dict[int, dict[int, int]] = {}
        severities: dict[int, dict[int, int]] = {}
        for index, counts in enumerate(self.counts):
            for count in counts.counts if counts else ():
                windows = by_template.setdefault(count.template_id, {})
                windows[index] = windows.get(index, 0) + count.count
                numbers = severities.setdefault(count.template_id, {})
                number = count.severity_number
                numbers[number] = numbers.get(number, 0) + count.count
        return {
            template_id: self._one_series(template_id, by_template[template_id], numbers)
            for template_id, numbers in sorted(severities.items())
        }

    def _one_series(
        self, template_id: int, by_window: dict[int, int], severities: dict[int, int]
    ) -> Series:
        ordered = dict(sorted(by_window.items()))
        return Series(
            template_id=template_id,
            by_window=ordered,
            severities=dict(sorted(severities.items())),
            total=sum(ordered.values()),
            scaled_squares=sum(n * n / self.exposures[i] for i, n in ordered.items()),
        )

    @cached_property
    def total_exposure(self) -> float:
        """The windows' exposures, summed."""
        return sum(self.exposures)

    @cached_property
    def pooled_dispersion(self) -> float:
        """What is typical for the service's templates; 1 (Poisson) when there is too little."""
        found = [
            _dispersion(one.total, one.scaled_squares, self.total_exposure, self.windows)
            for one in self.series.values()
            if one.total >= _POOL_MIN_LINES
        ]
        return max(median(found), 1.0) if found and self.windows > 1 else 1.0

    def rate(self, template_id: int) -> Rate:
        """Return the template's rate; its mean is 0 when the baseline has no line of it."""
        one = self.series.get(template_id)
        if one is None:
            return self._rate(0, 0.0, self.total_exposure, self.windows)
        return self._rate(one.total, one.scaled_squares, self.total_exposure, self.windows)

    def _rate(self, total: int, squares: float, exposure: float, windows: int) -> Rate:
        prior = self.config.prior_degrees_of_freedom
        own = max(windows - 1, 0)
        dispersion = self.pooled_dispersion
        if own and total:
            measured = _dispersion(total, squares, exposure, windows)
            dispersion = (own * measured + prior * dispersion) / (own + prior)
        mean = total / exposure if exposure else 0.0
        return Rate(mean, max(dispersion, self.config.min_dispersion), own + prior, windows)

    @cached_property
    def noise(self) -> float:
        """The rarity that the most extreme template of a window of this service usually has.

        Each baseline window is judged by the others as the new window is by all of them.
        """
        floor = log10(1 + len(self.series))
        if self.windows < 3:
            return floor
        highest = [0.0] * self.windows
        for one in self.series.values():
            self._judge_by_the_others(one, highest)
        quantile = self.config.noise_quantile_percent * (self.windows - 1) // 100
        return max(floor, sorted(highest)[quantile])

    def _judge_by_the_others(self, one: Series, highest: list[float]) -> None:
        """Raise each window's highest rarity to that of this template, seen from the others."""
        if len(one.by_window) == 1:
            return
        absent = self._rate(
            one.total,
            one.scaled_squares,
            self.total_exposure * (1.0 - 1.0 / self.windows),
            self.windows - 1,
        )
        absent_rarity = rarity(0, absent) if len(one.by_window) < self.windows else 0.0
        for index in range(self.windows):
            count = one.by_window.get(index)
            value = absent_rarity if count is None else self._rarity_at(one, index, count)
            highest[index] = max(highest[index], value)

    def _rarity_at(self, one: Series, index: int, count: int) -> float:
        exposure = self.exposures[index]
        others = self._rate(
            one.total - count,
            one.scaled_squares - count * count / exposure,
            self.total_exposure - exposure,
            self.windows - 1,
        )
        # Most counts are near their mean; whatever is below the floor does not raise the noise.
        distance = count - others.mean * exposure
        if distance * distance < _NEAR * others.mean * exposure * others.dispersion:
            return 0.0
        return rarity(count, others, exposure)

    def new_rarity(self, weight: float) -> float:
        """Return how rare a never seen template of this importance is.

        In a service's first window everything is new, and nothing is rare.
        """
        found = {
            index
            for index, one in self._only_once(weight)
            if self.templates[one.template_id].first_seen_ns >= self.starts[index]
        }
        return rank_rarity(len(found), self.windows)

    def absent_rarity(self, weight: float) -> float:
        """Return how rare a template of this importance is that none of the other windows has."""
        return rank_rarity(len({index for index, _ in self._only_once(weight)}), self.windows)

    def _only_once(self, weight: float) -> Iterable[tuple[int, Series]]:
        """Each importance has a past of its own: where FATAL is common an ERROR may be rare."""
        for one in self.series.values():
            if len(one.by_window) == 1 and self._importance(one) == weight:
                yield next(iter(one.by_window)), one

    def _importance(self, one: Series) -> float:
        return importance(one.severity_number, self.templates[one.template_id].text)

    @cached_property
    def gone_rarity(self) -> float:
        """How rare it is that a template is missing which (almost) all the other windows have."""
        missing = {
            index
            for one in self.series.values()
            if self.windows - 2 <= len(one.by_window) < self.windows
            for index in range(self.windows)
            if index not in one.by_window
        }
        return rank_rarity(len(missing), self.windows)

    def is_steady(self, template_id: int) -> bool:
        """Tell whether all windows of the baseline but one have the template, three at least."""
        one = self.series.get(template_id)
        return one is not None and len(one.by_window) >= max(self.windows - 1, _STEADY_WINDOWS)

    def has_severe_lines(self, template_id: int) -> bool:
        """Tell whether the baseline has lines of the template with severity WARN or above."""
        one = self.series.get(template_id)
        return one is not None and max(one.severities) >= WARN

    def last_seen_ns(self, template_id: int) -> int | None:
        """Return the start of the last minute of the baseline that has the template."""
        one = self.series.get(template_id)
        if one is None:
            return None
        index = max(one.by_window)
        counts = self.counts[index]
        minutes = (
            [c.minute for c in counts.counts if c.template_id == template_id] if counts else []
        )
        return self.starts[index] + max(minutes, default=0) * MINUTE_NS


def _dispersion(total: int, scaled_squares: float, exposure: float, windows: int) -> float:
    """Return Pearson's variance per expected line; windows without lines are in it."""
    if not total or windows < 2:
        return 1.0
    return (scaled_squares * exposure / total - total) / (windows - 1)


def _existing_starts(
    window: WindowCounts,
    baseline: Sequence[WindowCounts],
    templates: Mapping[int, TemplateInfo],
    config: SummaryConfig,
) -> list[int]:
    width = window.end_ns - window.start_ns
    first_ns = min((info.first_seen_ns for info in templates.values()), default=window.start_ns)
    first_ns = min([first_ns, *(c.start_ns for c in baseline if sum_by_template(c.counts))])
    starts = starts_before(window.start_ns, config.baseline_windows, width)
    return [start for start in starts if start + width > first_ns]


def _within(value: float, range_of: Sequence[float]) -> float:
    """Return the value, or the nearest that the past had."""
    return min(max(value, min(range_of, default=1.0)), max(range_of, default=1.0))
