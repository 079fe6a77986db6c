"""One field of one project: a weight for each feature and label, moved a little by each answer."""

from typing import Final

import msgspec
import numpy as np

from streams.domain.triage.arithmetic import Floats, logistic, softmax
from streams.domain.triage.vocabulary import (
    Rows,
    Values,
    grow_columns,
    grow_rows,
    take,
    take_rows,
    weighted_sums,
)

_RATE: Final = np.float32(1.25)
_BIAS_RATE: Final = 0.02
_FIRST_BIAS_MOVE: Final = 0.05
# Steps shrink with the square root of what a feature has been moved; this is where it starts.
_FIRST_MOVE: Final = np.float32(0.3)
_FIRST_MOVE_TOGETHER: Final = np.float32(0.5)
# Among many labels one against the rest is nearly always the rest, and labels that are hardly known
# say little against each other: they are weighed together.
_MANY_LABELS: Final = 20
_FEW_ANSWERS_A_LABEL: Final = 5
# An answer known so well moves next to nothing, and a step is what costs most.
_SMALLEST_ERROR: Final = 0.05
_FIRST_CAPACITY: Final = 1 << 10


class LearnerState(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot holds of a field."""

    labels: tuple[str, ...]
    answers: tuple[int, ...]
    weights: bytes
    moves: bytes
    bias: bytes
    bias_moves: bytes


class FieldLearner:
    """Logistic regression by AdaGrad over the features of a ticket, one label against the rest.

    `answer_count` is how many answers it has been taught, `answers` of each label.
    """

    def __init__(self) -> None:
        self.labels: list[str] = []
        self.answers: list[int] = []
        self.answer_count = 0
        self.weights: Values = np.zeros((_FIRST_CAPACITY, 0), np.float32)
        self.moves: Values = np.zeros(_FIRST_CAPACITY, np.float32)
        self.bias: Floats = np.zeros(0)
        self.bias_moves: Floats = np.zeros(0)

    def add_label(self, label: str) -> int:
        """Return the column of a label, a new one if need be."""
        if label in self.labels:
            return self.labels.index(label)
        self.labels.append(label)
        self.answers.append(0)
        self.bias = np.append(self.bias, 0.0)
        self.bias_moves = np.append(self.bias_moves, _FIRST_BIAS_MOVE)
        self.weights = grow_columns(self.weights, len(self.labels))
        return len(self.labels) - 1

    def count_answer(self, column: int) -> None:
        """Count an answer to be taught."""
        self.answers[column] += 1
        self.answer_count += 1

    def weights_of(self, rows: Rows) -> Values:
        """Return what a unit of each feature adds to the margin of each label."""
        return take_rows(self.weights, rows)

    def margins(self, weights: Values, values: Values) -> Floats:
        """Return the margin of each label."""
        return self.bias + weighted_sums(weights, values)[: len(self.bias)]

    def step(
        self,
        rows: Rows,
        values: Values,
        column: int,
        *,
        given: Floats | None = None,
        pace: float = 1.0,
    ) -> Floats:
        """Move the weights towards `column` for a ticket with these features, all admitted.

        `given` is what others add to the margins, where the step has to make up for it; without it
        an answer that is known well moves nothing. Returns the margins that follow, `given` apart.
        """
        self.weights = grow_rows(self.weights, int(rows.max(initial=0)) + 1)
        self.moves = grow_rows(self.moves, len(self.weights))
        weights = take(self.weights, rows)
        margins = self.margins(weights, values)
        are_together = self._are_labels_together()
        whole = margins if given is None else margins + given
        errors = softmax(whole) if are_together else logistic(whole)
        errors[column] -= 1.0
        if given is None and np.abs(errors).max() < _SMALLEST_ERROR:
            return margins
        bias_sizes = self._move_bias(errors, pace)
        largest = np.float32((errors * errors).max())
        moved = take(self.moves, rows) + values * values * largest
        self.moves[rows] = moved
        first_move = _FIRST_MOVE_TOGETHER if are_together else _FIRST_MOVE
        sizes = np.float32(pace) * _RATE * values / np.sqrt(moved + first_move)
        weights -= sizes[:, None] * _widened(errors, weights.shape[1])
        self.weights[rows] = weights
        moved_by: Floats = np.add.reduce(sizes * values, dtype=np.float64) + bias_sizes
        margins -= moved_by * errors
        return margins

    def state(self) -> LearnerState:
        """Return what is needed to go on from here."""
        used = int(np.flatnonzero(self.moves).max(initial=-1)) + 1
        return LearnerState(
            labels=tuple(self.labels),
            answers=tuple(self.answers),
            weights=self.weights[:used, : len(self.labels)].astype("<f4").tobytes(),
            moves=self.moves[:used].astype("<f4").tobytes(),
            bias=self.bias.astype("<f8").tobytes(),
            bias_moves=self.bias_moves.astype("<f8").tobytes(),
        )

    @classmethod
    def from_state(cls, state: LearnerState) -> "FieldLearner":
        """Return the learner that `state` was taken from."""
        learner = cls()
        for label in state.labels:
            learner.add_label(label)
        learner.answers = list(state.answers)
        learner.answer_count = sum(state.answers)
        moves = np.frombuffer(state.moves, "<f4")
        learner.moves = grow_rows(learner.moves, len(moves))
        learner.moves[: len(moves)] = moves
        learner.weights = grow_rows(learner.weights, len(moves))
        weights = np.frombuffer(state.weights, "<f4").reshape(len(moves), len(state.labels))
        learner.weights[: len(moves), : len(state.labels)] = weights
        learner.bias = np.frombuffer(state.bias, "<f8").copy()
        learner.bias_moves = np.frombuffer(state.bias_moves, "<f8").copy()
        return learner

    def _move_bias(self, errors: Floats, pace: float) -> Floats:
        """Return how far each label's bias was moved for an error of one."""
        self.bias_moves += errors * errors
        sizes: Floats = pace * _BIAS_RATE / np.sqrt(self.bias_moves)
        self.bias -= sizes * errors
        return sizes

    def _are_labels_together(self) -> bool:
        count = len(self.labels)
        return count > _MANY_LABELS or self.answer_count < _FEW_ANSWERS_A_LABEL * count


def _widened(errors: Floats, width: int) -> Values:
    """Return the errors as wide as the table: what is as wide is subtracted faster."""
    widened = np.zeros(width, np.float32)
    widened[: len(errors)] = errors
    return widened
