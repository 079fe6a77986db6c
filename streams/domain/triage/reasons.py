"""Which words and entries of a ticket carried an answer."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

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


def explain(model: FieldModel, scored: Scored, traced: TracedTicket) -> tuple[Reason, ...]:
    """Return what speaks for the best label against the next one, strongest first.

    There is always a reason: the label's share among the answers, if no word speaks for it.
    """
    order = np.argsort(-scored.margins, kind="stable")
    column = int(scored.columns[order[0]])
    rival = int(scored.columns[order[1]]) if len(order) > 1 else column
    weights = _by_term(model, scored, traced, (column, rival))
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
    prior = model.prior_of(column) - model.prior_of(rival)
    if prior > 0 or not reasons:
        name = model.learner.labels[column]
        reasons.append(Reason(kind="prior", term=name, weight=round(prior, _DECIMALS)))
    return tuple(sorted(reasons, key=lambda reason: -reason.weight))


def _by_term(
    model: FieldModel, scored: Scored, traced: TracedTicket, pair: tuple[int, int]
) -> npt.NDArray[np.float64]:
    (column, rival), (reading, occurrences, _, values) = pair, traced
    by_feature = values * model.leads(scored.known, column, rival)
    weights: npt.NDArray[np.float64] = np.bincount(
        occurrences.terms,
        weights=by_feature[occurrences.features] * occurrences.shares,
        minlength=len(reading.terms),
    ).astype(np.float64)
    for term, of_column, weight in scored.evidence:
        if of_column in pair:
            weights[term] += weight if of_column == column else -weight
    return weights
