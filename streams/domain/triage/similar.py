"""Earlier tickets like this one: an inverted index over words and character runs.

BM25 over hashed terms. New tickets lie in a tail that is scanned whole; full tails are sorted into
segments, and as many small segments into a larger one, so that adding stays cheap and a search
touches only the postings of the query's terms.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.domain.triage.arithmetic import log
from streams.domain.triage.search_terms import SLOT_COUNT, SearchTerms, Weights

TAIL_TICKETS: Final = 512
_FAN_IN: Final = 8
_K1: Final = 1.2
_B: Final = 0.75
# Weights lie between 0 and K1 + 1; a byte holds them in steps of 1/100.
_WEIGHT_STEPS: Final = 100.0
_MAX_TICKET_TERMS: Final = 320
_MAX_QUERY_TERMS: Final = 200
_SCORE_DECIMALS: Final = 6


class Match(NamedTuple):
    """An earlier ticket by its number, and how much of the query's weight it shares."""

    number: int
    score: float


class _Segment(NamedTuple):
    """Postings sorted by term: of each term, the tickets and their weights."""

    first_ticket: int
    ticket_count: int
    slots: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.int64]
    tickets: npt.NDArray[np.uint16]
    weights: npt.NDArray[np.uint8]


class SimilarIndex:
    """The tickets of one project, numbered from 0 in the order they were added."""

    def __init__(self) -> None:
        self.ticket_count = 0
        self._frequencies = np.zeros(SLOT_COUNT, np.int32)
        self._total_length = 0.0
        self._segments: list[_Segment] = []
        self._tail_slots: list[npt.NDArray[np.uint32]] = []
        self._tail_weights: list[npt.NDArray[np.uint8]] = []

    def add(self, terms: SearchTerms) -> int:
        """Add a ticket and return its number."""
        self._frequencies[terms.slots] += 1
        self._total_length += terms.length
        self.ticket_count += 1
        weights = self._saturate(terms)
        kept = self._strongest(terms.slots, weights, _MAX_TICKET_TERMS)
        self._tail_slots.append(terms.slots[kept].astype(np.uint32))
        self._tail_weights.append(np.rint(weights[kept] * _WEIGHT_STEPS).astype(np.uint8))
        if len(self._tail_slots) == TAIL_TICKETS:
            self._seal()
        return self.ticket_count - 1

    def search(self, terms: SearchTerms, count: int) -> list[Match]:
        """Return the `count` best tickets, best first, the earlier one first where equal."""
        if not self.ticket_count or not len(terms.slots) or count < 1:
            return []
        weights = self._saturate(terms)
        kept = self._strongest(terms.slots, weights, _MAX_QUERY_TERMS)
        slots = terms.slots[kept].astype(np.uint32)
        factors = terms.kind_weights[kept] * self._rarity(slots)
        scores = np.zeros(self.ticket_count)
        for segment in self._segments:
            end = segment.first_ticket + segment.ticket_count
            scores[segment.first_ticket : end] = _search_segment(segment, slots, factors)
        self._search_tail(scores, slots, factors)
        own = float(np.add.reduce(factors * weights[kept])) * _WEIGHT_STEPS
        return _best(scores / own, count)

    def _saturate(self, terms: SearchTerms) -> Weights:
        mean = self._total_length / self.ticket_count
        damping = _K1 * (1.0 - _B + _B * terms.length / max(mean, 1.0))
        return terms.counts * (_K1 + 1.0) / (terms.counts + damping)

    def _rarity(self, slots: npt.NDArray[np.uint32]) -> Weights:
        found = self._frequencies[slots].astype(np.float64)
        return log(1.0 + (self.ticket_count - found + 0.5) / (found + 0.5))

    def _strongest(
        self, slots: npt.NDArray[np.uint32], weights: Weights, limit: int
    ) -> npt.NDArray[np.int64]:
        """Return the positions of the terms that say most, in ascending order."""
        if len(slots) <= limit:
            return np.arange(len(slots))
        strength = weights * self._rarity(slots)
        return np.sort(np.argsort(-strength, kind="stable")[:limit])

    def _search_tail(
        self, scores: Weights, slots: npt.NDArray[np.uint32], factors: Weights
    ) -> None:
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


def _sort(
    first_ticket: int,
    ticket_count: int,
    slots: npt.NDArray[np.uint32],
    postings: tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8]],
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
    is_small = last[0] * _FAN_IN <= np.iinfo(np.uint16).max + 1
    return len(last) == _FAN_IN and is_small and len(set(last)) == 1


def _join(segments: list[_Segment]) -> _Segment:
    first = segments[0].first_ticket
    slots = np.concatenate([np.repeat(s.slots, np.diff(s.starts)) for s in segments])
    tickets = np.concatenate(
        [s.tickets + np.uint16(s.first_ticket - first) for s in segments], dtype=np.uint16
    )
    weights = np.concatenate([s.weights for s in segments])
    return _sort(first, sum(s.ticket_count for s in segments), slots, (tickets, weights))


def _search_segment(segment: _Segment, slots: npt.NDArray[np.uint32], factors: Weights) -> Weights:
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
