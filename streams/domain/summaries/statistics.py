"""How rare a count is, given the counts of the windows before.

The statistic is the deviance of a Poisson count (the G of a G-test), scaled by the dispersion that
the past shows, with the heavy tails of Student's t for a short past. All results are decimal orders
of rarity: 2 means one window in a hundred.
"""

from math import e, erfc, exp, log, log1p, log10, sqrt
from typing import Final

import msgspec

_SMALLEST: Final = 1e-300
_POISSON_LIKE: Final = 1e-6
_LOG10_E: Final = log10(e)


class Rate(msgspec.Struct, frozen=True):
    """What the past says of a count: lines per window, variance per line, and how sure that is."""

    mean: float
    dispersion: float
    degrees_of_freedom: int
    windows: int


def deviance(count: int, expected: float) -> float:
    """Return twice the log-likelihood ratio of a count (> 0) against its expectation (> 0)."""
    return max(2.0 * (count * log(count / expected) - (count - expected)), 0.0)


def rarity(count: int, rate: Rate, exposure: float = 1.0) -> float:
    """Return -log10 of the two-sided p-value of a count under the rate (whose mean is > 0)."""
    uncertainty = rate.dispersion * (1.0 + 1.0 / max(rate.windows, 1))
    if not count:
        return _absence_rarity(rate.mean * exposure, uncertainty)
    squared = deviance(count, rate.mean * exposure) / uncertainty
    freedom = rate.degrees_of_freedom
    # Wallace's map from Student's t to a normal deviate: no incomplete beta function needed.
    normal = sqrt(freedom * log(1.0 + squared / freedom))
    return -log10(max(erfc(normal / sqrt(2.0)), _SMALLEST))


def _absence_rarity(expected: float, dispersion: float) -> float:
    """Return -log10 of the chance of no line at all: exact where the deviance is at its edge.

    A negative binomial count of that mean and dispersion; at dispersion 1 a Poisson count.
    """
    excess = dispersion - 1.0
    return expected * (log10(dispersion) / excess if excess > _POISSON_LIKE else _LOG10_E)


def rank_rarity(exceeding: int, windows: int) -> float:
    """Return the rarity of an event that was seen in `exceeding` of so many windows before.

    What was never seen has its full -log10 of the rank; what was seen loses more than that, so
    that an event of one window in ten is no news.
    """
    if not windows:
        return 0.0
    full = -log10(0.5 / (windows + 1))
    value = -log10((exceeding + 0.5) / (windows + 1))
    return value * value / full if value > 0.0 else 0.0


def above_noise(value: float, noise: float, limit: float) -> float:
    """Return how far a rarity stands out of the noise: about 0 below it, never above the limit.

    Softly bent at both ends, so that values keep their order.
    """
    excess = log1p(exp(2.0 * min(value - noise, 100.0))) / 2.0
    return limit * excess / (limit + excess)
