import math
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from streams.domain.triage.calibration import MIN_OUTCOMES, Calibrator, Outcome, fit_curve

# A seed and a size stand for a list: drawing hundreds of floats one by one is slow.
outcomes = st.builds(
    lambda seed, count, levels: random_outcomes(Random(seed), count, levels),
    st.integers(0, 10_000),
    st.integers(40, 400),
    st.sampled_from([1, 5, 1_000]),
)


def random_outcomes(rng: Random, count: int, levels: int) -> list[Outcome]:
    scores = [rng.randint(0, levels) / levels for _ in range(count)]
    return [Outcome(score, rng.random() < score) for score in scores]


def fed(pairs: list[tuple[float, bool]], wanted: float = 0.9) -> Calibrator:
    calibrator = Calibrator(wanted_precision=wanted)
    for score, is_right in pairs:
        calibrator.record(score, is_right=is_right)
    return calibrator


@given(outcomes)
def test_the_curve_rises(recorded: list[Outcome]) -> None:
    curve = fit_curve(recorded, 0.9)

    assert list(curve.scores) == sorted(curve.scores)
    assert list(curve.shares) == sorted(curve.shares)


@given(outcomes)
def test_the_curve_does_not_depend_on_the_order_of_outcomes(recorded: list[Outcome]) -> None:
    assert fit_curve(recorded, 0.9) == fit_curve(recorded[::-1], 0.9)


@given(outcomes, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_score_has_a_higher_confidence(
    recorded: list[Outcome], one: float, other: float
) -> None:
    calibrator = Calibrator(wanted_precision=0.9, curve=fit_curve(recorded, 0.9))
    low, high = sorted((one, other))

    assert calibrator.confidence(low) <= calibrator.confidence(high)


def test_answers_sure_of_themselves_but_half_wrong_get_half_the_confidence() -> None:
    calibrator = fed([(0.99, number % 2 == 0) for number in range(400)])

    assert 0.45 < calibrator.confidence(0.99) < 0.55
    assert not calibrator.is_sufficient(0.99)


def test_the_threshold_is_where_answers_are_as_right_as_wanted() -> None:
    pairs = [(0.9, True)] * 200 + [(0.4, number % 2 == 0) for number in range(200)]
    calibrator = fed([pair for both in zip(pairs[:200], pairs[200:], strict=True) for pair in both])

    assert calibrator.is_sufficient(0.9)
    assert not calibrator.is_sufficient(0.4)


def test_before_enough_outcomes_nothing_is_sure() -> None:
    calibrator = fed([(0.99, True)] * (MIN_OUTCOMES - 1))

    assert calibrator.confidence(0.99) < 0.75
    assert math.isinf(calibrator.curve.sufficient_score)


def test_old_outcomes_are_forgotten() -> None:
    calibrator = fed([(0.8, False)] * 1_500 + [(0.8, True)] * 1_500)

    assert calibrator.confidence(0.8) > 0.9
