"""What other projects have learned about a field, for a project that has learned little as yet."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from streams.domain.triage.arithmetic import Floats
from streams.domain.triage.features import Reading
from streams.domain.triage.field_model import FieldModel, Scored
from streams.domain.triage.vocabulary import Values, Vocabulary

# Those with most answers are asked, and none with fewer than so many.
_TEACHERS: Final = 4
_LEAST_ANSWERS: Final = 20
_WEIGHT: Final = 1.0
# After so many answers of the project's own, others count half, and after so many not at all.
_HALF_AT: Final = 30.0
_UNTIL: Final = 300


class Teacher(NamedTuple):
    """Another project's model of the field, with its vocabulary."""

    project: str
    vocabulary: Vocabulary
    model: FieldModel


class Lesson(NamedTuple):
    """A ticket as a teacher sees it."""

    model: FieldModel
    scored: Scored
    values: Values


def ask_teachers(teachers: Iterable[Teacher], reading: Reading) -> list[Lesson]:
    """Return what the teachers with most answers say of a ticket."""
    experienced = [one for one in teachers if one.model.learner.answer_count >= _LEAST_ANSWERS]
    experienced.sort(key=lambda one: (-one.model.learner.answer_count, one.project))
    lessons = []
    for _, vocabulary, model in experienced[:_TEACHERS]:
        rows = vocabulary.rows(reading.slots)
        values = vocabulary.weigh(reading.shape, rows)
        lessons.append(Lesson(model, model.score(reading, rows, values), values))
    # All labels of a teacher may have been retired.
    return [lesson for lesson in lessons if lesson.scored.labels]


def lesson_weight(answer_count: int) -> float:
    """Return how much all lessons count together for a field that has had so many answers."""
    return _WEIGHT * _HALF_AT / (_HALF_AT + answer_count) if answer_count < _UNTIL else 0.0


def margins_of_lessons(lessons: Sequence[Lesson], labels: Sequence[str], weight: float) -> Floats:
    """Return what lessons, at least one, of this weight together add to the margins of labels.

    A lesson adds a label's lead over the mean of those that its teacher knows.
    """
    margins = np.zeros(len(labels))
    for lesson in lessons:
        own = lesson.scored.margins
        leads = dict(zip(lesson.scored.labels, (own - own.mean()).tolist(), strict=True))
        margins += np.array([leads.get(label, 0.0) for label in labels])
    return margins * (weight / len(lessons))
