"""Sticky parameters: how many of those that stick are named, and how many named ones stick.

Whole path from lines: templates are mined, lines are read and thinned as in the product.
"""

import random
from collections.abc import Iterator
from typing import Final, NamedTuple

from schemas.severity import ERROR, INFO
from schemas.summaries import WindowSummary
from streams.domain.summaries.from_lines import SourceLine, summarize_lines
from streams.domain.windows import DEFAULT_WIDTH_NS

WINDOWS: Final = 12
STICKY_SHARE: Final = 0.9
BASELINE_SHARE: Final = 0.5

# A line with one slot that may stick and one that varies, and the values of the first.
_FORMS: Final = (
    ("connection to {} timed out after {} ms", tuple(f"10.0.3.{i}" for i in range(2, 12))),
    ("job {} gave up after {} tries", tuple(f"nightly-{i}" for i in range(10, 19))),
    ("consumer group=orders-{} lag {} messages", ("0", "1", "2", "3", "4", "5", "6", "7")),
    ("volume /dev/sd{}1 reported {} bad sectors", tuple(f"{c}0" for c in "abcdefgh")),
)


class Precision(NamedTuple):
    """Counts over all trials."""

    trials: int
    named_rightly: int
    named: int
    sticking: int

    @property
    def precision(self) -> float:
        """The share of the named values that do stick."""
        return self.named_rightly / self.named if self.named else 1.0

    @property
    def recall(self) -> float:
        """The share of the sticking values that are named."""
        return self.named_rightly / self.sticking if self.sticking else 1.0


def run_sticky(trials: int) -> Precision:
    """Inject spikes whose first parameter has a known share now and a known share before."""
    rightly = named = sticking = 0
    for trial in range(trials):
        rng = random.Random(f"sticky {trial}")
        form, values = rng.choice(_FORMS)
        now_lines = rng.choice([20, 60, 200, 1500])
        now_share, before_share = _shares(rng, trial)
        wanted = values[0]
        before = [_draw(rng, values, before_share, 12) for _ in range(WINDOWS - 1)]
        now = _draw(rng, values, now_share, now_lines)
        all_before = [value for window in before for value in window]
        truly = now.count(wanted) >= STICKY_SHARE * len(now) and all_before.count(
            wanted
        ) <= BASELINE_SHARE * len(all_before)
        found = _named(_summary(rng, form, [*before, now]))
        sticking += truly
        named += len(found)
        rightly += truly and any(wanted == value or wanted in value for value in found)
    return Precision(trials, rightly, named, sticking)


def _shares(rng: random.Random, trial: int) -> tuple[float, float]:
    """Half of the trials stick; the others fall short now, or stuck before already."""
    if trial % 2:
        return rng.uniform(0.9, 1.0), rng.uniform(0.0, 0.5)
    if trial % 4:
        return rng.uniform(0.2, 0.89), rng.uniform(0.0, 0.5)
    return rng.uniform(0.9, 1.0), rng.uniform(0.55, 1.0)


def _draw(rng: random.Random, values: tuple[str, ...], share: float, count: int) -> list[str]:
    first = round(share * count)
    drawn = [values[0]] * first + [rng.choice(values[1:]) for _ in range(count - first)]
    rng.shuffle(drawn)
    return drawn


def _summary(rng: random.Random, form: str, windows: list[list[str]]) -> WindowSummary:
    return list(summarize_lines(_lines(rng, form, windows)))[-1]


def _lines(rng: random.Random, form: str, windows: list[list[str]]) -> Iterator[SourceLine]:
    offset = 0
    for index, values in enumerate(windows):
        bodies = [(form.format(value, rng.randint(1, 9999)), ERROR) for value in values]
        bodies += [(f"GET /item/{rng.randint(1, 99)} served", INFO) for _ in range(300)]
        rng.shuffle(bodies)
        for place, (body, severity) in enumerate(bodies):
            moment = index * DEFAULT_WIDTH_NS + place * DEFAULT_WIDTH_NS // len(bodies)
            yield SourceLine(moment, "bench", 0, offset, 0, severity, body, "bench", 0)
            offset += 1


def _named(summary: WindowSummary) -> list[str]:
    """Return the sticky values of the findings about the injected lines."""
    return [
        sticky.value
        for finding in summary.findings
        if finding.severity == "ERROR"
        for sticky in finding.sticky
    ]
