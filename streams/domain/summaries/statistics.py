"""How rare a count is, given the counts of the windows before.

The statistic is the deviance of a Poisson count (the G of a G-test), scaled by the dispersion that
the past shows, with the heavy tails of Student's t for a short past. All results are decimal orders
of rarity: 2 means one window in a hundred.
"""

from math import erfc, log, log10, sqrt
from typing import Final

import msgspec

_SMALLEST: Final = 1e-300


class Rate(msgspec.Struct, frozen=True):
    """What the past says of a count: lines per window, variance per line, and how sure that is."""

    mean: float
    dispersion: float
    degrees_of_freedom: int
    windows: int


def deviance(count: int, expected: float) -> float:
    """Return twice the log-likelihood ratio of a count against its expectation (> 0)."""
    if not count:
        return 2.0 * expected
    return max(2.0 * (count * log(count / expected) - (count - expected)), 0.0)


def rarity(count: int, rate: Rate, exposure: float = 1.0) -> float:
    """Return -log10 of the two-sided p-value of a count under the rate (whose mean is > 0)."""
    uncertainty = rate.dispersion * (1.0 + 1.0 / max(rate.windows, 1))
    squared = deviance(count, rate.mean * exposure) / uncertainty
    freedom = rate.degrees_of_freedom
    # Wallace's map from Student's t to a normal deviate: no incomplete beta function needed.
    normal = sqrt(freedom * log(1.0 + squared / freedom))
    return -log10(max(erfc(normal / sqrt(2.0)), _SMALLEST))


def rank_rarity(exceeding: int, windows: int) -> float:
    """Return the rarity of an event that was seen in `exceeding` of so many windows before."""
    return -log10((exceeding + 0.5) / (windows + 1))


def saturated(value: float, limit: float) -> float:
    """Return the value, bent so that it never reaches the limit (nearly unchanged when small)."""
    return limit * value / (limit + value) if value > 0.0 else 0.0
