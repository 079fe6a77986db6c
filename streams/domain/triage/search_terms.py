"""A ticket as the similarity search sees it."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.domain.triage.arithmetic import log
from streams.domain.triage.features import Reading
from streams.domain.triage.hashing import HashedText, Hashes, Slots, count_slots, slots_of

SLOT_BITS: Final = 20
SLOT_COUNT: Final = 1 << SLOT_BITS

_WHOLE: Final = 4_001
_TITLE: Final = 5_003
_TITLE_COUNT: Final = 2
_MAX_COUNT: Final = 255
_DAMPED: Final = np.append(0.0, 1.0 + log(np.arange(1, _MAX_COUNT + 1, dtype=np.float64)))

Weights = npt.NDArray[np.float64]


class TermGroup(NamedTuple):
    """The distinct terms of one view of a ticket, ascending, and their damped counts."""

    slots: Slots
    counts: Weights


class SearchTerms(NamedTuple):
    """A ticket in two views: title (twice) with body, and the title alone."""

    whole: TermGroup
    title: TermGroup


def read_search_terms(reading: Reading) -> SearchTerms:
    """Return the search terms of a ticket: its runs of 3 and 4 characters."""
    return search_terms_of(reading.title, *reading.body)


def search_terms_of(title: HashedText | None, *body: HashedText | None) -> SearchTerms:
    """Return the search terms of a title and the parts of a body; None has no word."""
    titles = [] if title is None else [title.run_hashes]
    bodies = [part.run_hashes for part in body if part is not None]
    return SearchTerms(
        whole=_group([*titles * _TITLE_COUNT, *bodies], _WHOLE), title=_group(titles, _TITLE)
    )


def _group(hashes: list[Hashes], section: int) -> TermGroup:
    slots, counts = count_slots([slots_of(part, section, SLOT_BITS) for part in hashes])
    return TermGroup(slots, _DAMPED[np.minimum(counts, _MAX_COUNT)])
