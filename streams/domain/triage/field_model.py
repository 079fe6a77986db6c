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
from streams.domain.triage.memory import Example, Memory
from streams.domain.triage.prototypes import Prototypes, PrototypeState
from streams.domain.triage.vocabulary import Rows, Values

# After this many answers, prior knowledge counts half.
_PRIOR_ANSWERS: Final = 300.0
_PRIOR_UNTIL: Final = 10_000
# Few answers are gone over more often: (up to so many answers in all or of a label, so many old
# ones each).
_REPLAYS: Final = ((300, 10, 8), (1_000, 30, 4))
_STEADY_REPLAYS: Final = 2
_MAX_STEPS: Final = 60
_HELD_MARGIN: Final = 0.05
_MULTIPLIER: Final = 6364136223846793005
_INCREMENT: Final = 1442695040888963407
_WORD: Final = (1 << 64) - 1


class Eligible(NamedTuple):
    """Labels that may be given, with their columns, in label order."""

    columns: npt.NDArray[np.int64]
    labels: tuple[str, ...]


class Known(NamedTuple):
    """What is known of a ticket's features: weights by label, and for those of its text sums."""

    weights: Values
    sums: Values


class Scored(NamedTuple):
    """The margins of the labels that may be given, in label order, and where they came from.

    `evidence` is what prior knowledge adds to the columns.
    """

    labels: tuple[str, ...]
    margins: Floats
    columns: npt.NDArray[np.int64]
    evidence: list[Evidence]
    known: Known


class FieldState(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot holds of a field."""

    learner: LearnerState
    prototypes: PrototypeState
    calibrator: Calibrator
    replay_state: int


class FieldModel:
    """Learner, calibration and prior knowledge of one field."""

    def __init__(self, lexicon: Lexicon, config: FieldConfig) -> None:
        self.lexicon = lexicon
        self.learner = FieldLearner()
        self.prototypes = Prototypes()
        self.calibrator = Calibrator(wanted_precision=config.wanted_precision)
        self.replay_state = 1
        self.names = LabelNames()
        # Until the next answer or label.
        self._eligible_labels: Eligible | None = None
        for label in lexicon.labels:
            self.column_of(label)

    def score(
        self, reading: Reading, rows: Rows, values: Values, *, elsewhere: Floats | None = None
    ) -> Scored:
        """Return the margins for a ticket, with what others say of all labels (`elsewhere`)."""
        evidence = self._evidence(reading)
        text = slice(0, reading.text_size)
        known = Known(self.learner.weights_of(rows), self.prototypes.sums_of(rows[text]))
        margins = self.learner.margins(known.weights, values)
        shared = self.prototypes.shared(known.sums, values[text])
        margins += self._given(shared, evidence, elsewhere)
        columns, labels = self._eligible()
        return Scored(labels, margins[columns], columns, evidence, known)

    def leads(self, known: Known, column: int, rival: int) -> Values:
        """Return what a unit of each feature of a ticket adds to a label's lead over another."""
        leads: Values = known.weights[:, column] - known.weights[:, rival]
        leads[: len(known.sums)] += self.prototypes.leads(known.sums, column, rival)
        return leads

    def prior_of(self, label: str) -> float:
        """Return the margin at which a label starts: how common it is."""
        column = self.learner.labels.index(label)
        return float(self.learner.bias[column] + self.prototypes.priors()[column])

    def column_of(self, label: str) -> int:
        """Return the column of a label, a new one if need be."""
        column = self.learner.add_label(label)
        if column == self.names.label_count:
            self.names.add(label)
            self.prototypes.add_label()
            self._eligible_labels = None
        return column

    def prior_share(self) -> float:
        """Return how much prior knowledge counts: 1 without answers, 0 after many."""
        count = self.learner.answer_count
        if count >= _PRIOR_UNTIL:
            return 0.0
        return _PRIOR_ANSWERS / (_PRIOR_ANSWERS + count)

    def _eligible(self) -> Eligible:
        """Return the labels that may be given.

        Built-in labels are a guess: the first answer from outside shows that the guess was wrong,
        and from then on only those that were answered remain.
        """
        learner, lexicon = self.learner, self.lexicon
        if self._eligible_labels is None:
            is_guess_wrong = self._is_guess_wrong()
            columns = [
                column
                for column, label in enumerate(learner.labels)
                if label not in lexicon.retired
                and (learner.answers[column] > 0 or not is_guess_wrong)
            ]
            labels = tuple(learner.labels[column] for column in columns)
            self._eligible_labels = Eligible(np.array(columns, np.int64), labels)
        return self._eligible_labels

    def record_outcome(self, scored: Scored, label: str) -> None:
        """Remember whether the answer that was due for a ticket would have been right."""
        if len(scored.labels) == 0:
            return
        best = int(np.argmax(scored.margins))
        score = float(softmax(scored.margins)[best])
        self.calibrator.record(score, is_right=scored.labels[best] == label)

    def learn(
        self,
        reading: Reading,
        rows: Rows,
        values: Values,
        label: str,
        *,
        history: "History",
        elsewhere: Floats | None = None,
    ) -> None:
        """Take an answer in: go over old ground first, then step until the answer holds.

        `elsewhere` is what others will add to the margins from then on.
        """
        column = self.column_of(label)
        if not self.learner.answers[column]:
            self._eligible_labels = None
        self.learner.count_answer(column)
        text = slice(0, reading.text_size)
        shared = self.prototypes.add(rows[text], values[text], column)
        self._replay(history)
        margins = self.learner.step(rows, values, column)
        given = self._given(shared, self._evidence(reading), elsewhere)
        self._hold(column, rows, values, margins, given)

    def state(self) -> FieldState:
        """Return what is needed to go on from here."""
        return FieldState(
            learner=self.learner.state(),
            prototypes=self.prototypes.state(),
            calibrator=self.calibrator,
            replay_state=self.replay_state,
        )

    def restore(self, state: FieldState) -> None:
        """Go on from `state`."""
        self.learner = FieldLearner.from_state(state.learner)
        self.prototypes = Prototypes.from_state(state.prototypes)
        self.names = LabelNames()
        for label in self.learner.labels:
            self.names.add(label)
        for label in self.lexicon.labels:
            self.column_of(label)
        self._eligible_labels = None
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

    def _given(self, shared: Floats, evidence: list[Evidence], elsewhere: Floats | None) -> Floats:
        """Return what a ticket's margins are before the learner has its say."""
        given = self.prototypes.margins(shared)
        if elsewhere is not None:
            given += elsewhere
        for _, column, weight in evidence:
            given[column] += weight
        return given

    def _hold(
        self, column: int, rows: Rows, values: Values, margins: Floats, given: Floats
    ) -> None:
        """Step until the answer holds against what was given before; a retired label never does."""
        eligible, _ = self._eligible()
        if column not in eligible:
            return
        rivals = eligible[eligible != column]
        for number in range(_MAX_STEPS):
            whole = margins + given
            if whole[column] > whole[rivals].max(initial=-np.inf) + _HELD_MARGIN:
                return
            # What five steps do not mend, larger ones will: an empty ticket moves little at a time.
            pace = 2.0 ** (number // 5)
            margins = self.learner.step(rows, values, column, given=given, pace=pace)

    def _replay(self, history: "History") -> None:
        memory, field = history
        for _ in range(self._replay_count() if len(memory) else 0):
            example = self._draw(memory)
            label = example.labels.get(field)
            if label is not None:
                self.learner.step(example.rows, example.values, self.column_of(label))

    def _replay_count(self) -> int:
        count, label_count = self.learner.answer_count, len(self._eligible().columns)
        for in_all, of_a_label, times in _REPLAYS:
            if count <= max(in_all, of_a_label * label_count):
                return times
        return _STEADY_REPLAYS

    def _draw(self, memory: Memory) -> Example:
        self.replay_state = (self.replay_state * _MULTIPLIER + _INCREMENT) & _WORD
        return memory.at((self.replay_state >> 33) % len(memory))


class History(NamedTuple):
    """What a field goes over again: the project's memory, the field's name."""

    memory: Memory
    field: str
