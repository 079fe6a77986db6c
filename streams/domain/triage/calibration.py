"""How often an answer of a given score turned out right: confidence, and who needs a human."""

import math
from typing import Final

import msgspec
import numpy as np

MAX_OUTCOMES: Final = 1_500
# With fewer outcomes the raw score is all there is, and nobody should rely on it.
MIN_OUTCOMES: Final = 100
EARLY_CAP: Final = 0.7
REFRESH_EVERY: Final = 50
# A flat step of the curve still has to rise, so that weaker evidence shows as less confidence.
_RAW_SHARE: Final = 0.02
_MIN_BIN: Final = 20
_MAX_BINS: Final = 40
# Half a right and half a wrong answer for each pool: no share is exactly 0 or 1.
_PRIOR: Final = 1.0


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """The raw score of an answer, and whether it was right."""

    score: float
    is_right: bool


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """Rising points (score, share of right answers), and the score from which answers suffice."""

    scores: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()
    sufficient_score: float = math.inf


class Calibrator(msgspec.Struct, kw_only=True):
    """The last outcomes of one field and the curve through them, refreshed now and then."""

    wanted_precision: float
    outcomes: list[Outcome] = msgspec.field(default_factory=list)
    recorded: int = 0
    curve: Curve = Curve()

    def record(self, score: float, *, is_right: bool) -> None:
        """Add the outcome of an answer; the oldest beyond 1,500 is forgotten."""
        outcome = Outcome(score, is_right)
        if len(self.outcomes) < MAX_OUTCOMES:
            self.outcomes.append(outcome)
        else:
            self.outcomes[self.recorded % MAX_OUTCOMES] = outcome
        self.recorded += 1
        if self.recorded >= MIN_OUTCOMES and self.recorded % REFRESH_EVERY == 0:
            self.curve = fit_curve(self.outcomes, self.wanted_precision)

    def confidence(self, score: float) -> float:
        """Return how probable it is that an answer with this raw score is right."""
        if not self.curve.scores:
            return min(score, EARLY_CAP) * (1 - _RAW_SHARE) + _RAW_SHARE * score
        share = float(np.interp(score, self.curve.scores, self.curve.shares))
        return share * (1 - _RAW_SHARE) + _RAW_SHARE * score

    def is_sufficient(self, score: float) -> bool:
        """Tell whether answers from this score on were right as often as wanted."""
        return score >= self.curve.sufficient_score


def fit_curve(outcomes: list[Outcome], wanted_precision: float) -> Curve:
    """Return the curve through outcomes: neighbours in bins, bins pooled until they rise."""
    ordered = sorted((outcome.score, outcome.is_right) for outcome in outcomes)
    pools: list[tuple[float, float, int]] = []  # sum of scores, of right answers, count
    size = max(_MIN_BIN, len(ordered) // _MAX_BINS)
    for start in range(0, len(ordered) - len(ordered) % size, size):
        end = start + size if start + 2 * size <= len(ordered) else len(ordered)
        members = ordered[start:end]
        pool = (sum(s for s, _ in members), float(sum(r for _, r in members)), len(members))
        while pools and pools[-1][1] * pool[2] >= pool[1] * pools[-1][2]:
            below = pools.pop()
            pool = (below[0] + pool[0], below[1] + pool[1], below[2] + pool[2])
        pools.append(pool)
    return Curve(
        scores=tuple(scores / count for scores, _, count in pools),
        shares=tuple((right + _PRIOR * 0.5) / (count + _PRIOR) for _, right, count in pools),
        sufficient_score=_sufficient_score(ordered, wanted_precision),
    )


def _sufficient_score(ordered: list[tuple[float, bool]], wanted_precision: float) -> float:
    """Return the lowest score above which the share of right answers is at least as wanted."""
    lowest, right = math.inf, 0
    for count, (score, is_right) in enumerate(reversed(ordered), start=1):
        right += is_right
        if count >= _MIN_BIN and right >= wanted_precision * count:
            lowest = score
    return lowest
