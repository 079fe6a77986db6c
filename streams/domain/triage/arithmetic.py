"""Exponential, logarithm and logistic function, made of correctly rounded operations only.

The processor's own versions differ in the last bit from one machine to another, which would give
the learner's state another hash there.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_LN2_HIGH: Final = 6.93147180369123816490e-01
_LN2_LOW: Final = 1.90821492927058770002e-10
_INVERSE_LN2: Final = 1.44269504088896338700
_EXP_TERMS: Final = (
    *(1 / f for f in (39916800, 3628800, 362880, 40320, 5040, 720, 120, 24, 6, 2)),
    1.0,
    1.0,
)
_LOG_TERMS: Final = tuple(1 / odd for odd in range(23, 0, -2))
_LARGEST_EXPONENT: Final = 500.0


def exp(x: Floats) -> Floats:
    """Return e to the power of each value; values beyond +-500 count as +-500."""
    bounded = np.minimum(np.maximum(x, -_LARGEST_EXPONENT), _LARGEST_EXPONENT)
    power = np.rint(bounded * _INVERSE_LN2)
    rest = bounded - power * _LN2_HIGH - power * _LN2_LOW
    total = rest * _EXP_TERMS[0]
    for term in _EXP_TERMS[1:-1]:
        total += term
        total *= rest
    total += _EXP_TERMS[-1]
    return np.ldexp(total, power.astype(np.int32))


def log(x: Floats) -> Floats:
    """Return the natural logarithm of each value; values are positive."""
    mantissa, exponent = np.frexp(x)
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    square = ratio * ratio
    total = square * _LOG_TERMS[0]
    for term in _LOG_TERMS[1:-1]:
        total += term
        total *= square
    total += _LOG_TERMS[-1]
    return 2.0 * ratio * total + exponent * (_LN2_HIGH + _LN2_LOW)


def logistic(x: Floats) -> Floats:
    """Return 1 / (1 + e^-x), from a table in steps of 1/1024; beyond +-24 it stays."""
    return np.asarray(_LOGISTIC.take(_steps_above_low(x), mode="clip"))


def softmax(x: Floats) -> Floats:
    """Return shares that sum to one, in the proportion of e to the power of each value.

    Values count in steps of 1/1024 below the largest; 24 below it they are equal.
    """
    shares = _EXP.take(_steps_above_low(x - x.max()), mode="clip")
    return np.asarray(shares / np.add.reduce(shares))


def _steps_above_low(x: Floats) -> npt.NDArray[np.int64]:
    bounded = np.minimum(np.maximum(x, -_TABLE_END), _TABLE_END)
    steps: npt.NDArray[np.int64] = np.rint((bounded + _TABLE_END) * _TABLE_STEPS).astype(np.int64)
    return steps


_TABLE_END: Final = 24.0
_TABLE_STEPS: Final = 1_024.0
_TABLE: Final = np.arange(2 * _TABLE_END * _TABLE_STEPS + 1) / _TABLE_STEPS - _TABLE_END
_LOGISTIC: Final = 1.0 / (1.0 + exp(-_TABLE))
_EXP: Final = exp(_TABLE[_TABLE <= 0.0])
