"""One field of one project: prior knowledge, what was learned, how sure that is."""

from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from streams.domain.triage.arithmetic import Floats, softmax
from streams.domain.triage.calibration import Calibrator
from streams.domain.triage.config import FieldConfig
from streams.domain.triage.features import Reading
from streams.domain.triage.label_names import LabelNames
from streams.domain.triage.learner import FieldLearner, LearnerState
from streams.domain.triage.lexicon import Evidence, Lexicon
from streams.domain.triage.memory import Memory
from streams.domain.triage.vocabulary import Rows, Values, Vocabulary

# After this many answers, prior knowledge counts half.
_PRIOR_ANSWERS: Final = 300.0
_PRIOR_UNTIL: Final = 10_000
# Few answers are gone over more often: (up to so many answers, so many old ones each).
_REPLAYS: Final = ((300, 8), (1_000, 4))
_STEADY_REPLAYS: Final = 1
_MAX_STEPS: Final = 60
_HELD_MARGIN: Final = 0.05
_MULTIPLIER: Final = 6364136223846793005
_INCREMENT: Final = 1442695040888963407
_WORD: Final = (1 << 64) - 1


class Scored(NamedTuple):
    """The margins of the labels that may be given, in label order, and where they came from.

    `contributions` is what each feature adds to each column, `evidence` what prior knowledge does.
    """

    labels: tuple[str, ...]
    margins: Floats
    columns: npt.NDArray[np.int64]
    contributions: Values
    evidence: list[Evidence]


class FieldState(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot holds of a field."""

    learner: LearnerState
    calibrator: Calibrator
    replay_state: int


class FieldModel:
    """Learner, calibration and prior knowledge of one field."""

    def __init__(self, lexicon: Lexicon, config: FieldConfig) -> None:
        self.lexicon = lexicon
        self.learner = FieldLearner()
        self.calibrator = Calibrator(wanted_precision=config.wanted_precision)
        self.replay_state = 1
        self.names = LabelNames()
        for label in lexicon.labels:
            self.column_of(label)

    def score(self, reading: Reading, rows: Rows, values: Values) -> Scored:
        """Return the margins for a ticket."""
        learner = self.learner
        contributions = learner.contributions(rows, values)
        margins = learner.margins(contributions)
        evidence = self._evidence(reading)
        for _, column, weight in evidence:
            margins[column] += weight
        columns = self.eligible_columns()
        labels = tuple(learner.labels[column] for column in columns.tolist())
        return Scored(labels, margins[columns], columns, contributions, evidence)

    def column_of(self, label: str) -> int:
        """Return the column of a label, a new one if need be."""
        column = self.learner.add_label(label)
        if column == self.names.label_count:
            self.names.add(label)
        return column

    def prior_share(self) -> float:
        """Return how much prior knowledge counts: 1 without answers, 0 after many."""
        count = self.learner.answer_count
        if count >= _PRIOR_UNTIL:
            return 0.0
        return _PRIOR_ANSWERS / (_PRIOR_ANSWERS + count)

    def eligible_columns(self) -> npt.NDArray[np.int64]:
        """Return the columns of the labels that may be given.

        Built-in labels are a guess: the first answer from outside shows that the guess was wrong,
        and from then on only those that were answered remain.
        """
        learner, lexicon = self.learner, self.lexicon
        is_guess_wrong = self._is_guess_wrong()
        return np.array(
            [
                column
                for column, label in enumerate(learner.labels)
                if label not in lexicon.retired
                and (learner.answers[column] > 0 or not is_guess_wrong)
            ],
            np.int64,
        )

    def record_outcome(self, scored: Scored, label: str) -> None:
        """Remember whether the answer that was due for a ticket would have been right."""
        if len(scored.labels) == 0:
            return
        best = int(np.argmax(scored.margins))
        score = float(softmax(scored.margins)[best])
        self.calibrator.record(score, is_right=scored.labels[best] == label)

    def learn(
        self, reading: Reading, rows: Rows, values: Values, label: str, *, history: "History"
    ) -> None:
        """Take an answer in: go over old ground first, then step until the answer holds."""
        column = self.column_of(label)
        self.learner.answers[column] += 1
        self._replay(history)
        self.learner.step(rows, values, column)
        for number in range(_MAX_STEPS):
            if self._holds(self.score(reading, rows, values), label):
                return
            # What five steps do not mend, larger ones will: an empty ticket moves little at a time.
            self.learner.step(rows, values, column, pace=2.0 ** (number // 5))

    def state(self) -> FieldState:
        """Return what is needed to go on from here."""
        return FieldState(
            learner=self.learner.state(),
            calibrator=self.calibrator,
            replay_state=self.replay_state,
        )

    def restore(self, state: FieldState) -> None:
        """Go on from `state`."""
        self.learner = FieldLearner.from_state(state.learner)
        self.names = LabelNames()
        for label in self.learner.labels:
            self.names.add(label)
        for label in self.lexicon.labels:
            self.column_of(label)
        self.calibrator = state.calibrator
        self.replay_state = state.replay_state

    def _evidence(self, reading: Reading) -> list[Evidence]:
        share = self.prior_share()
        if not share or not self.learner.labels:
            return []
        found = self.names.weigh(reading)
        if not self._is_guess_wrong():
            found += self.lexicon.weigh(reading)
        return [Evidence(t, column, share * weight) for t, column, weight in found]

    def _is_guess_wrong(self) -> bool:
        return self.lexicon.is_builtin and len(self.learner.labels) > len(self.lexicon.labels)

    def _holds(self, scored: Scored, label: str) -> bool:
        if label not in scored.labels:
            return True
        own = scored.labels.index(label)
        others = np.delete(scored.margins, own)
        return bool(scored.margins[own] > others.max(initial=-np.inf) + _HELD_MARGIN)

    def _replay(self, history: "History") -> None:
        memory, vocabulary, field = history
        count = self.learner.answer_count
        replays = next((times for until, times in _REPLAYS if count <= until), _STEADY_REPLAYS)
        for _ in range(replays):
            if not len(memory):
                return
            self.replay_state = (self.replay_state * _MULTIPLIER + _INCREMENT) & _WORD
            example = memory.at((self.replay_state >> 33) % len(memory))
            label = example.labels.get(field)
            if label is not None:
                values = vocabulary.weigh(example.shape, example.rows)
                self.learner.step(example.rows, values, self.column_of(label))


class History(NamedTuple):
    """What a field goes over again: the project's memory, its vocabulary, the field's name."""

    memory: Memory
    vocabulary: Vocabulary
    field: str
