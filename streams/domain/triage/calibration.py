"""How often an answer of a given score turned out right: confidence, and who needs a human."""

import math
from typing import Final, NamedTuple

import msgspec
import numpy as np

from streams.domain.triage.arithmetic import Floats
from streams.domain.triage.hashing import Indices

MAX_OUTCOMES: Final = 500
# With fewer outcomes the raw score is all there is, and nobody should rely on it.
MIN_OUTCOMES: Final = 100
EARLY_CAP: Final = 0.7
REFRESH_EVERY: Final = 50
# A flat step of the curve still has to rise, so that weaker evidence shows as less confidence.
_RAW_SHARE: Final = 0.02
_MIN_BIN: Final = 20
_MAX_BINS: Final = 40
# A right and a wrong answer for each pool: no share is 0 or 1, and small pools promise less.
_PRIOR: Final = 2.0


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
        """Add the outcome of an answer; the oldest beyond the last 500 is forgotten."""
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


class _Pools(NamedTuple):
    """Neighbouring outcomes, ascending: their mean score, how many were right, how many."""

    scores: Floats
    right: Floats
    sizes: Floats


def fit_curve(outcomes: list[Outcome], wanted_precision: float) -> Curve:
    """Return the curve through outcomes: neighbours in bins, bins pooled until they rise."""
    ties = _pool_ties(outcomes)
    bins = _join(ties, _bin_starts(ties, max(_MIN_BIN, len(outcomes) // _MAX_BINS)))
    pools = _join(bins, _rising_starts(bins))
    shares = (pools.right + _PRIOR * 0.5) / (pools.sizes + _PRIOR)
    return Curve(
        scores=tuple(pools.scores.tolist()),
        # A small pool is drawn further to the middle than the large one below it.
        shares=tuple(np.maximum.accumulate(shares).tolist()),
        sufficient_score=_sufficient_score(ties, wanted_precision),
    )


def _pool_ties(outcomes: list[Outcome]) -> _Pools:
    """Return a pool for each score: the order of equal scores says nothing."""
    scores = np.array([outcome.score for outcome in outcomes])
    right = np.array([outcome.is_right for outcome in outcomes], np.float64)
    distinct, positions = np.unique(scores, return_inverse=True)
    return _Pools(
        distinct,
        np.bincount(positions, weights=right).astype(np.float64),
        np.bincount(positions).astype(np.float64),
    )


def _bin_starts(ties: _Pools, least: int) -> Indices:
    """Return where bins of about `least` outcomes begin; a short last one joins its neighbour."""
    ends = np.cumsum(ties.sizes)
    numbers = np.minimum((ends - ties.sizes) // least, max(0.0, ends[-1] // least - 1))
    return np.flatnonzero(np.diff(numbers, prepend=-1.0))


def _rising_starts(bins: _Pools) -> Indices:
    """Return where pools begin whose shares of right answers rise strictly."""
    pools: list[tuple[int, float, float]] = []
    for start, (right, size) in enumerate(zip(bins.right, bins.sizes, strict=True)):
        pool = (start, float(right), float(size))
        while pools and pools[-1][1] * pool[2] >= pool[1] * pools[-1][2]:
            below = pools.pop()
            pool = (below[0], below[1] + pool[1], below[2] + pool[2])
        pools.append(pool)
    return np.array([start for start, _, _ in pools])


def _join(pools: _Pools, starts: Indices) -> _Pools:
    sizes = np.add.reduceat(pools.sizes, starts)
    scores = np.add.reduceat(pools.scores * pools.sizes, starts) / sizes
    return _Pools(scores, np.add.reduceat(pools.right, starts), sizes)


def _sufficient_score(ties: _Pools, wanted_precision: float) -> float:
    """Return the lowest score from which on the share of right answers is as wanted."""
    right, sizes = np.cumsum(ties.right[::-1]), np.cumsum(ties.sizes[::-1])
    enough = np.flatnonzero((sizes >= _MIN_BIN) & (right >= wanted_precision * sizes))
    return float(ties.scores[::-1][enough[-1]]) if len(enough) else math.inf
