"""A ticket as the similarity search sees it."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.domain.triage.arithmetic import log
from streams.domain.triage.features import Reading
from streams.domain.triage.hashing import HashedText, Hashes, slots_of

SLOT_BITS: Final = 20
SLOT_COUNT: Final = 1 << SLOT_BITS

_WHOLE: Final = 4_001
_TITLE: Final = 5_003
_TITLE_COUNT: Final = 2
_MAX_COUNT: Final = 255
_DAMPED: Final = np.append(0.0, 1.0 + log(np.arange(1, _MAX_COUNT + 1, dtype=np.float64)))

Weights = npt.NDArray[np.float64]
TermSlots = npt.NDArray[np.int32]


class TermGroup(NamedTuple):
    """The distinct terms of one view of a ticket, ascending, and their damped counts."""

    slots: TermSlots
    counts: Weights


class SearchTerms(NamedTuple):
    """A ticket in two views: title (twice) with body, and the title alone."""

    whole: TermGroup
    title: TermGroup


def read_search_terms(reading: Reading) -> SearchTerms:
    """Return the search terms of a ticket: its runs of 3 and 4 characters."""
    return search_terms_of(reading.title, reading.body)


def search_terms_of(hashed_title: HashedText | None, hashed_body: HashedText | None) -> SearchTerms:
    """Return the search terms of a title and a body; None has no word."""
    none = np.zeros(0, np.uint64)
    title = none if hashed_title is None else hashed_title.run_hashes
    body = none if hashed_body is None else hashed_body.run_hashes
    return SearchTerms(
        whole=_group([(title, _TITLE_COUNT), (body, 1)], _WHOLE), title=_group([(title, 1)], _TITLE)
    )


def _group(parts: list[tuple[Hashes, int]], section: int) -> TermGroup:
    slots = np.concatenate(
        [np.repeat(slots_of(hashes, section, SLOT_BITS), count) for hashes, count in parts]
    )
    slots.sort()
    firsts = np.flatnonzero(np.append(len(slots) > 0, slots[1:] != slots[:-1]))
    counts = np.diff(np.append(firsts, len(slots)))
    return TermGroup(slots[firsts], _DAMPED[np.minimum(counts, _MAX_COUNT)])
