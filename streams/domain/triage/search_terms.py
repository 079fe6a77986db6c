"""A ticket as the similarity search sees it."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.events import TicketEvent
from streams.domain.triage.hashing import Hashes, hash_text

SLOT_BITS: Final = 20
SLOT_COUNT: Final = 1 << SLOT_BITS
MAX_TITLE_CHARS: Final = 1_000
MAX_BODY_CHARS: Final = 4_000

_SEARCH: Final = 4
_TITLE_COUNT: Final = 2.0
_WORD_WEIGHT: Final = 1.0
_RUN_WEIGHT: Final = 0.35

Weights = npt.NDArray[np.float64]


class SearchTerms(NamedTuple):
    """The distinct terms of a ticket, ascending; a term of the title counts twice."""

    slots: npt.NDArray[np.uint32]
    counts: Weights
    kind_weights: Weights
    length: float


def read_search_terms(ticket: TicketEvent) -> SearchTerms:
    """Return the search terms of a ticket; the body counts with its first 4,000 characters."""
    title = hash_text(ticket.title[:MAX_TITLE_CHARS], _SEARCH)
    body = hash_text(ticket.body[:MAX_BODY_CHARS], _SEARCH)
    word_parts, run_parts, length = [], [], 0.0
    for hashed, count in ((title, _TITLE_COUNT), (body, 1.0)):
        if hashed is not None:
            word_parts.append((hashed.word_hashes, count))
            run_parts.append((hashed.run_hashes, count))
            length += count * len(hashed.words)
    words, word_counts = _count(word_parts)
    runs, run_counts = _count(run_parts)
    slots, firsts = np.unique(np.concatenate([words, runs]), return_index=True)
    weights = np.append(np.full(len(words), _WORD_WEIGHT), np.full(len(runs), _RUN_WEIGHT))
    return SearchTerms(slots, np.append(word_counts, run_counts)[firsts], weights[firsts], length)


def _count(parts: list[tuple[Hashes, float]]) -> tuple[npt.NDArray[np.uint32], Weights]:
    if not parts:
        return np.zeros(0, np.uint32), np.zeros(0)
    hashes = np.concatenate([part for part, _ in parts])
    counts = np.concatenate([np.full(len(part), count) for part, count in parts])
    slots = (hashes >> np.uint64(64 - SLOT_BITS)).astype(np.uint32)
    distinct, positions = np.unique(slots, return_inverse=True)
    totals = np.bincount(positions, weights=counts, minlength=len(distinct))
    return distinct, totals.astype(np.float64)
