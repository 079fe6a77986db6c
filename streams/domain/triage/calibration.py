"""How often an answer of a given score turned out right: confidence, and who needs a human."""

import math
from itertools import accumulate, groupby
from operator import itemgetter
from typing import Final, NamedTuple

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


class _Pool(NamedTuple):
    """Neighbouring outcomes: the sum of their scores, how many were right, how many there are."""

    scores: float
    right: int
    count: int

    def joined(self, other: "_Pool") -> "_Pool":
        """Return both together."""
        return _Pool(self.scores + other.scores, self.right + other.right, self.count + other.count)


def fit_curve(outcomes: list[Outcome], wanted_precision: float) -> Curve:
    """Return the curve through outcomes: neighbours in bins, bins pooled until they rise."""
    ties = _pool_ties(outcomes)
    pools: list[_Pool] = []
    for bin_pool in _bins(ties, max(_MIN_BIN, len(outcomes) // _MAX_BINS)):
        pool = bin_pool
        while pools and pools[-1].right * pool.count >= pool.right * pools[-1].count:
            pool = pools.pop().joined(pool)
        pools.append(pool)
    shares = [(pool.right + _PRIOR * 0.5) / (pool.count + _PRIOR) for pool in pools]
    return Curve(
        scores=tuple(pool.scores / pool.count for pool in pools),
        # A small pool is drawn further to the middle than the large one below it.
        shares=tuple(accumulate(shares, max)),
        sufficient_score=_sufficient_score(ties, wanted_precision),
    )


def _pool_ties(outcomes: list[Outcome]) -> list[_Pool]:
    """Return a pool for each score, ascending."""
    ordered = sorted((outcome.score, outcome.is_right) for outcome in outcomes)
    pools = []
    for score, members in groupby(ordered, key=itemgetter(0)):
        answers = [is_right for _, is_right in members]
        pools.append(_Pool(score * len(answers), sum(answers), len(answers)))
    return pools


def _bins(ties: list[_Pool], size: int) -> list[_Pool]:
    bins: list[_Pool] = []
    for pool in ties:
        if bins and bins[-1].count < size:
            bins[-1] = bins[-1].joined(pool)
        else:
            bins.append(pool)
    if len(bins) > 1 and bins[-1].count < size:
        last = bins.pop()
        bins[-1] = bins[-1].joined(last)
    return bins


def _sufficient_score(ties: list[_Pool], wanted_precision: float) -> float:
    """Return the lowest score from which on the share of right answers is as wanted."""
    lowest, above = math.inf, _Pool(0.0, 0, 0)
    for pool in reversed(ties):
        above = above.joined(pool)
        if above.count >= _MIN_BIN and above.right >= wanted_precision * above.count:
            lowest = pool.scores / pool.count
    return lowest
