"""What one step does to the weights."""

import numpy as np
import pytest

from streams.domain.triage.learner import FieldLearner
from streams.domain.triage.vocabulary import Rows, Values

ROWS: Rows = np.array([1, 4, 9], np.int32)
VALUES: Values = np.array([0.6, 0.3, 0.7], np.float32)


def learner_of(label_count: int) -> FieldLearner:
    learner = FieldLearner()
    for number in range(label_count):
        learner.add_label(f"label {number}")
    return learner


def answered(learner: FieldLearner, count: int) -> FieldLearner:
    for _ in range(count):
        learner.count_answer(0)
    return learner


def margins_now(learner: FieldLearner) -> np.ndarray:
    return learner.margins(learner.weights_of(ROWS), VALUES)


@pytest.mark.parametrize(("labels", "answers"), [(3, 100), (3, 0), (30, 1_000)])
@pytest.mark.parametrize("pace", [1.0, 4.0])
def test_a_step_returns_the_margins_that_follow(labels: int, answers: int, pace: float) -> None:
    learner = answered(learner_of(labels), answers)
    given = np.linspace(0.0, 1.0, labels)

    for column in (0, labels - 1, 0):
        margins = learner.step(ROWS, VALUES, column, given=given, pace=pace)

        assert margins == pytest.approx(margins_now(learner), abs=1e-5)


def test_an_answer_that_is_known_well_moves_nothing() -> None:
    learner = answered(learner_of(2), 100)
    for _ in range(1_000):
        learner.step(ROWS, VALUES, 0)
    assert abs(margins_now(learner)).min() > 2.9
    before = learner.state()

    learner.step(ROWS, VALUES, 0)

    assert learner.state() == before


def test_what_others_add_is_made_up_for_however_well_it_is_known() -> None:
    learner = answered(learner_of(2), 100)
    before = margins_now(learner)

    after = learner.step(ROWS, VALUES, 0, given=np.array([9.0, -9.0]))

    assert after[0] > before[0]


@pytest.mark.parametrize(("answers", "are_together"), [(0, True), (14, True), (15, False)])
def test_labels_are_weighed_together_while_there_are_few_answers(
    answers: int, *, are_together: bool
) -> None:
    learner = answered(learner_of(3), answers)

    moved = learner.step(ROWS, VALUES, 0)

    # Together the shares of three labels begin at a third, one against the rest at a half.
    assert moved[0] / -moved[1] == pytest.approx(2.0 if are_together else 1.0, rel=0.1)
