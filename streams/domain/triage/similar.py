"""Earlier tickets like this one: an inverted index over hashed character runs.

The score is the cosine of two views of a ticket, title with body and title alone. New tickets lie
in a tail that is scanned whole; full tails are sorted into segments, and as many small segments
into a larger one, so that adding stays cheap and a search touches only the postings of its terms.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.domain.triage.arithmetic import log
from streams.domain.triage.hashing import Slots
from streams.domain.triage.search_terms import SLOT_COUNT, SearchTerms, TermGroup, Weights

TAIL_TICKETS: Final = 64
_FAN_IN: Final = 8
_WHOLE_SHARE: Final = 0.7
_TITLE_SHARE: Final = 0.3
# Weights lie between 0 and 1; 16 bits hold them.
_WEIGHT_STEPS: Final = 65_535.0
_MAX_TICKET_TERMS: Final = 700
_MAX_QUERY_TERMS: Final = 400
# A search reads so many postings at most, those of its strongest terms: its time is bounded.
_MAX_POSTINGS: Final = 100_000
# Larger segments would make a search a little faster, and joining them take a lot of memory.
_LARGEST_SEGMENT: Final = 4_096
# What breaks is reported several times in short succession.
_RECENT_BONUS: Final = 0.3
_RECENT_TICKETS: Final = 100.0
_SCORE_DECIMALS: Final = 6


class Match(NamedTuple):
    """An earlier ticket by its number, and how alike it is, 0 to 1."""

    number: int
    score: float


class _Segment(NamedTuple):
    """Postings sorted by term: of each term, the tickets and their weights."""

    first_ticket: int
    ticket_count: int
    slots: Slots
    starts: npt.NDArray[np.int64]
    tickets: npt.NDArray[np.uint16]
    weights: npt.NDArray[np.uint16]


class SimilarIndex:
    """The tickets of one project, numbered from 0 in the order they were added."""

    def __init__(self, *, tail_tickets: int = TAIL_TICKETS) -> None:
        self.ticket_count = 0
        self._tail_tickets = tail_tickets
        self._frequencies = np.zeros(SLOT_COUNT, np.int32)
        self._segments: list[_Segment] = []
        self._tail_slots: list[Slots] = []
        self._tail_weights: list[npt.NDArray[np.uint16]] = []

    def add(self, terms: SearchTerms) -> int:
        """Add a ticket and return its number."""
        self._frequencies[terms.whole.slots] += 1
        self._frequencies[terms.title.slots] += 1
        self.ticket_count += 1
        slots, weights = self._weigh(terms, _MAX_TICKET_TERMS, (1.0, 1.0))
        self._tail_slots.append(slots)
        self._tail_weights.append(np.rint(weights * _WEIGHT_STEPS).astype(np.uint16))
        if len(self._tail_slots) == self._tail_tickets:
            self._seal()
        return self.ticket_count - 1

    def search(self, terms: SearchTerms, count: int) -> list[Match]:
        """Return the `count` best tickets, best first, the earlier one first where equal."""
        if not self.ticket_count or not len(terms.whole.slots) or count < 1:
            return []
        slots, weights = self._affordable(
            *self._weigh(terms, _MAX_QUERY_TERMS, (_WHOLE_SHARE, _TITLE_SHARE))
        )
        factors = weights / _WEIGHT_STEPS
        scores = np.zeros(self.ticket_count)
        for segment in self._segments:
            end = segment.first_ticket + segment.ticket_count
            scores[segment.first_ticket : end] = _search_segment(segment, slots, factors)
        self._search_tail(scores, slots, factors)
        scores *= _recency(np.arange(self.ticket_count, 0, -1, dtype=np.float64))
        return _best(scores, count)

    def likeness(self, match: Match) -> float:
        """Return how alike the texts of a match are, 0 to 1, whatever their age."""
        age = np.array([self.ticket_count - match.number], np.float64)
        return match.score / float(_recency(age)[0])

    def _affordable(self, slots: Slots, weights: Weights) -> tuple[Slots, Weights]:
        """Return the strongest terms whose postings are few enough to read, ascending."""
        strongest = np.argsort(-weights, kind="stable")
        postings = np.cumsum(self._frequencies[slots[strongest]])
        kept = np.sort(strongest[: max(1, int(np.searchsorted(postings, _MAX_POSTINGS, "right")))])
        return slots[kept], weights[kept]

    def _weigh(
        self, terms: SearchTerms, limit: int, shares: tuple[float, float]
    ) -> tuple[Slots, Weights]:
        """Return the terms of both views that say most, ascending, with their weights."""
        whole_slots, whole = self._weigh_group(terms.whole, limit)
        title_slots, title = self._weigh_group(terms.title, limit)
        slots = np.concatenate([whole_slots, title_slots])
        order = np.argsort(slots, kind="stable")
        return slots[order], np.concatenate([whole * shares[0], title * shares[1]])[order]

    def _weigh_group(self, group: TermGroup, limit: int) -> tuple[Slots, Weights]:
        found = self._frequencies[group.slots].astype(np.float64)
        weights = group.counts * (1.0 + log((self.ticket_count + 1.0) / (found + 1.0)))
        weights /= max(float(np.sqrt(np.add.reduce(weights * weights))), 1e-9)
        if len(weights) <= limit:
            return group.slots, weights
        kept = np.argsort(-weights, kind="stable")[:limit]
        return group.slots[kept], weights[kept]

    def _search_tail(self, scores: Weights, slots: Slots, factors: Weights) -> None:
        if not self._tail_slots:
            return
        tail = np.concatenate(self._tail_slots)
        lengths = [len(part) for part in self._tail_slots]
        positions = np.searchsorted(slots, tail)
        positions[positions == len(slots)] = 0
        hits = np.flatnonzero(slots[positions] == tail)
        owners = np.repeat(np.arange(len(lengths)), lengths)[hits]
        weights = factors[positions[hits]] * np.concatenate(self._tail_weights)[hits]
        first = self.ticket_count - len(lengths)
        scores[first:] = np.bincount(owners, weights=weights, minlength=len(lengths))

    def _seal(self) -> None:
        """Sort the full tail into a segment; join as many equal segments into a larger one."""
        slots = np.concatenate(self._tail_slots)
        lengths = [len(part) for part in self._tail_slots]
        tickets = np.repeat(np.arange(len(lengths), dtype=np.uint16), lengths)
        first = self.ticket_count - len(lengths)
        weights = np.concatenate(self._tail_weights)
        self._segments.append(_sort(first, len(lengths), slots, (tickets, weights)))
        self._tail_slots, self._tail_weights = [], []
        while _is_due(self._segments):
            joined = _join(self._segments[-_FAN_IN:])
            self._segments[-_FAN_IN:] = [joined]


def _recency(age: Weights) -> Weights:
    """Return the factors of tickets by how many came since, 1 for the newest."""
    bonus = _RECENT_BONUS * _RECENT_TICKETS / (_RECENT_TICKETS + age)
    return (1.0 + bonus) / (1.0 + _RECENT_BONUS)


def _sort(
    first_ticket: int,
    ticket_count: int,
    slots: Slots,
    postings: tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]],
) -> _Segment:
    tickets, weights = postings
    order = np.argsort(slots, kind="stable")
    ordered = slots[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(slots) else order
    return _Segment(
        first_ticket=first_ticket,
        ticket_count=ticket_count,
        slots=ordered[starts],
        starts=np.append(starts, len(ordered)),
        tickets=tickets[order],
        weights=weights[order],
    )


def _is_due(segments: list[_Segment]) -> bool:
    last = [segment.ticket_count for segment in segments[-_FAN_IN:]]
    is_small = last[0] * _FAN_IN <= _LARGEST_SEGMENT
    return len(last) == _FAN_IN and is_small and len(set(last)) == 1


def _join(segments: list[_Segment]) -> _Segment:
    first = segments[0].first_ticket
    slots = np.concatenate([np.repeat(s.slots, np.diff(s.starts)) for s in segments])
    tickets = np.concatenate(
        [s.tickets + np.uint16(s.first_ticket - first) for s in segments], dtype=np.uint16
    )
    weights = np.concatenate([s.weights for s in segments])
    return _sort(first, sum(s.ticket_count for s in segments), slots, (tickets, weights))


def _search_segment(segment: _Segment, slots: Slots, factors: Weights) -> Weights:
    positions = np.searchsorted(segment.slots, slots)
    positions[positions == len(segment.slots)] = 0
    found = np.flatnonzero(segment.slots[positions] == slots)
    begins = segment.starts[positions[found]]
    lengths = segment.starts[positions[found] + 1] - begins
    total = int(lengths.sum())
    skipped = np.cumsum(lengths) - lengths
    postings = np.arange(total) + np.repeat(begins - skipped, lengths)
    weights = np.repeat(factors[found], lengths) * segment.weights[postings]
    sums = np.bincount(segment.tickets[postings], weights=weights, minlength=segment.ticket_count)
    return sums.astype(np.float64)


def _best(scores: Weights, count: int) -> list[Match]:
    rounded = np.round(scores, _SCORE_DECIMALS)
    hits = np.flatnonzero(rounded > 0)
    if len(hits) > count:
        threshold = np.partition(rounded[hits], len(hits) - count)[len(hits) - count]
        hits = hits[rounded[hits] >= threshold]
    order = hits[np.argsort(-rounded[hits], kind="stable")][:count]
    return [Match(int(number), float(rounded[number])) for number in order]
