"""What a triage says."""

from typing import Literal

import msgspec

ReasonKind = Literal["term", "meta", "prior", "ticket"]


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why an answer was given: a word of the ticket, a metadata entry, or how common it is.

    `weight` is what it adds to the answer's margin over the next best label.
    """

    kind: ReasonKind
    term: str
    weight: float


class FieldTriage(msgspec.Struct, frozen=True, kw_only=True):
    """One field's answer; `top` is best first, `value` None where the field knows no label.

    `confidence` is how often such answers turned out right. `needs_human` tells that answers as
    uncertain as this one were not right as often as the configuration wants.
    """

    value: str | None
    confidence: float
    top: tuple[tuple[str, float], ...]
    reasons: tuple[Reason, ...]
    needs_human: bool
    owner: str | None = None


class Triage(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket's fields, and how many feedback events the model had seen."""

    fields: dict[str, FieldTriage]
    feedback_count: int
