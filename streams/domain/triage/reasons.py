"""Which words and entries of a ticket carried an answer."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.domain.triage.experience import Lesson, lesson_weight
from streams.domain.triage.features import Occurrences, Reading
from streams.domain.triage.field_model import FieldModel, Scored
from streams.domain.triage.triages import Reason
from streams.domain.triage.vocabulary import Rows, Values

MAX_REASONS: Final = 5
_DECIMALS: Final = 4


class TracedTicket(NamedTuple):
    """A ticket's features with their origin."""

    reading: Reading
    occurrences: Occurrences
    rows: Rows
    values: Values


def explain(
    model: FieldModel, scored: Scored, traced: TracedTicket, lessons: Sequence[Lesson]
) -> tuple[Reason, ...]:
    """Return what speaks for the best label against the next one, strongest first.

    There is always a reason: the label's share among the answers, if no word speaks for it.
    """
    order = np.argsort(-scored.margins, kind="stable").tolist()
    best, second = (scored.labels[at] for at in (order[0], order[min(1, len(order) - 1)]))
    weights = _by_term(model, scored, traced.values, traced, (best, second))
    for lesson in lessons:
        if {best, second} <= set(lesson.scored.labels):
            heard = _by_term(lesson.model, lesson.scored, lesson.values, traced, (best, second))
            weights += heard * (lesson_weight(model.learner.answer_count) / len(lessons))
    reading = traced.reading
    reasons = [
        Reason(
            kind="meta" if reading.is_meta(term) else "term",
            term=reading.terms[term],
            weight=round(float(weights[term]), _DECIMALS),
        )
        for term in np.argsort(-weights, kind="stable")[:MAX_REASONS].tolist()
        if weights[term] > 0
    ]
    prior = model.prior_of(best) - model.prior_of(second)
    if prior > 0 or not reasons:
        reasons.append(Reason(kind="prior", term=best, weight=round(prior, _DECIMALS)))
    return tuple(sorted(reasons, key=lambda reason: -reason.weight))


def _by_term(
    model: FieldModel,
    scored: Scored,
    values: Values,
    traced: TracedTicket,
    pair: tuple[str, str],
) -> npt.NDArray[np.float64]:
    """Return what each term adds to a label's lead over another, both of which the model knows."""
    column, rival = (model.learner.labels.index(label) for label in pair)
    occurrences = traced.occurrences
    by_feature = values * model.leads(scored.known, column, rival)
    weights: npt.NDArray[np.float64] = np.bincount(
        occurrences.terms,
        weights=by_feature[occurrences.features] * occurrences.shares,
        minlength=len(traced.reading.terms),
    ).astype(np.float64)
    for term, of_column, weight in scored.evidence:
        if of_column in (column, rival):
            weights[term] += weight if of_column == column else -weight
    return weights
