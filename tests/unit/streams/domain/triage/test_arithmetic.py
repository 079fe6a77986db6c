import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.triage import arithmetic


@given(st.floats(-100, 100))
def test_exp_is_the_exponential(x: float) -> None:
    assert math.isclose(arithmetic.exp(np.array([x]))[0], math.exp(x), rel_tol=1e-12)


@given(st.floats(1e-6, 1e9))
def test_log_is_the_natural_logarithm(x: float) -> None:
    assert math.isclose(arithmetic.log(np.array([x]))[0], math.log(x), rel_tol=1e-9, abs_tol=1e-9)


@given(st.floats(-1_000, 1_000))
def test_logistic_stays_within_a_step_of_the_curve(x: float) -> None:
    expected = 1 / (1 + math.exp(-max(-24.0, min(24.0, x))))

    assert abs(arithmetic.logistic(np.array([x]))[0] - expected) < 2e-4


@given(st.lists(st.floats(-800, 800), min_size=1, max_size=20))
def test_softmax_shares_sum_to_one(margins: list[float]) -> None:
    assert math.isclose(float(arithmetic.softmax(np.array(margins)).sum()), 1.0, rel_tol=1e-9)


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=20))
def test_softmax_stays_within_a_step_of_the_exponentials(margins: list[float]) -> None:
    powers = [math.exp(margin - max(margins)) for margin in margins]
    shares = arithmetic.softmax(np.array(margins))

    assert np.allclose(shares, np.array(powers) / sum(powers), rtol=2e-3, atol=1e-9)
