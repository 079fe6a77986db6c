"""A ticket's text and metadata as numbered features, each traced to the words it came from."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.events import TicketEvent
from streams.domain.triage.arithmetic import log
from streams.domain.triage.hashing import (
    HashedText,
    Indices,
    hash_name,
    hash_text,
    slots_of,
)

SLOT_BITS: Final = 18
MAX_TITLE_CHARS: Final = 2_000
# A longer body is read at both ends: what happened, and where a log or trace stops.
MAX_BODY_HEAD_CHARS: Final = 6_000
MAX_BODY_TAIL_CHARS: Final = 2_000
# What a ticket is about is said early: prior knowledge skims so many words.
MAX_SKIMMED_WORDS: Final = 400
MAX_META_ENTRIES: Final = 64
MAX_META_CHARS: Final = 200

TITLE, BODY, META = 1_009, 2_003, 3_001
_TEXT_WEIGHT: Final = 1.0
_META_WEIGHT: Final = 2.0
_MAX_COUNT: Final = 255
_STEM_CHARS: Final = 5
_SHORTEST_STEMMED: Final = 4
COUNT_WEIGHTS: Final = np.append(
    0.0, 1.0 + log(np.arange(1, _MAX_COUNT + 1, dtype=np.float64))
).astype(np.float32)

Slots = npt.NDArray[np.int32]
Counts = npt.NDArray[np.uint8]


class Shape(NamedTuple):
    """How often each distinct feature occurs, in groups that each get a length of their own.

    `bounds` are where the groups begin, and the end; `weights` has one length per group.
    """

    counts: Counts
    bounds: tuple[int, ...]
    weights: tuple[float, ...]


class Occurrences(NamedTuple):
    """Which term each occurrence of a feature came from, and its share in the feature.

    A term is a word as it stands in the ticket, or a metadata entry.
    """

    features: Indices
    terms: Indices
    shares: npt.NDArray[np.float64]


class Group(NamedTuple):
    """Occurrences that get the same length together; those after `counted` only name a term."""

    hashed_slots: Slots
    owners: Indices
    counted: int
    weight: float


class Reading(NamedTuple):
    """A ticket as the learner sees it.

    `slots` are hashed feature numbers, ascending within a group; `terms` the distinct words, then
    the metadata entries; `text_size` how many features are the text's, which come first; `words`
    the words in order, those of the title first; `stems` leads from the beginnings of words to the
    first term that has it.
    """

    slots: Slots
    shape: Shape
    terms: tuple[str, ...]
    word_count: int
    text_size: int
    words: tuple[str, ...]
    stems: dict[str, int]
    title_length: int
    groups: tuple[Group, ...]
    title: HashedText | None
    body: HashedText | None

    def is_meta(self, term: int) -> bool:
        """Tell whether a term is a metadata entry (they follow the words)."""
        return term >= self.word_count


def read_ticket(ticket: TicketEvent) -> Reading:
    """Return the features of a ticket; the same for equal tickets, on every machine."""
    title = hash_text(ticket.title[:MAX_TITLE_CHARS])
    body = hash_text(_both_ends(ticket.body))
    builder = _Builder()
    for section, hashed in ((TITLE, title), (BODY, body)):
        if hashed is not None:
            builder.add_text(hashed, section)
    word_count, text_groups = len(builder.terms), len(builder.groups)
    builder.add_meta(ticket)
    slots, shape = _count(builder.groups)
    return Reading(
        slots=slots,
        shape=shape,
        terms=tuple(term.lstrip() for term in builder.terms),
        word_count=word_count,
        text_size=shape.bounds[text_groups],
        words=tuple(builder.words),
        stems=_stems_of(builder.words, builder.terms),
        title_length=len(title.words) if title is not None else 0,
        groups=tuple(builder.groups),
        title=title,
        body=body,
    )


def trace_occurrences(reading: Reading) -> Occurrences:
    """Return where each feature of a reading came from."""
    slots, bounds = reading.slots, reading.shape.bounds
    features, terms = [], []
    for number, group in enumerate(reading.groups):
        start, end = bounds[number], bounds[number + 1]
        features.append(start + np.searchsorted(slots[start:end], group.hashed_slots))
        terms.append(group.owners)
    if not features:
        return Occurrences(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    feature_numbers = np.concatenate(features)
    totals = np.bincount(feature_numbers, minlength=len(slots))
    return Occurrences(feature_numbers, np.concatenate(terms), 1.0 / totals[feature_numbers])


def meta_entries(ticket: TicketEvent) -> list[tuple[str, str]]:
    """Return the metadata that counts: reporter and short values, sorted by name."""
    entries = dict(ticket.metadata)
    if ticket.reporter is not None:
        entries.setdefault("reporter", ticket.reporter)
    return [
        (name, value)
        for name, value in sorted(entries.items())[:MAX_META_ENTRIES]
        if len(name) + len(value) <= MAX_META_CHARS
    ]


class _Builder:
    """Collects the groups of one ticket."""

    def __init__(self) -> None:
        self.terms: dict[str, int] = {}
        self.words: list[str] = []
        self.groups: list[Group] = []

    def add_text(self, hashed: HashedText, section: int) -> None:
        """Add a text: its words and pairs are one group, its character runs another."""
        terms = self.terms
        owners = np.array([terms.setdefault(word, len(terms)) for word in hashed.words])
        # A pair counts once and is traced to both its words.
        words = np.concatenate([hashed.word_hashes, hashed.pair_hashes, hashed.pair_hashes])
        word_owners = np.concatenate([owners, owners[:-1], owners[1:]])
        counted = len(words) - len(hashed.pair_hashes)
        slots = slots_of(words, section, SLOT_BITS)
        self.groups.append(Group(slots, word_owners, counted, _TEXT_WEIGHT))
        if len(hashed.run_hashes):
            runs = slots_of(hashed.run_hashes, section, SLOT_BITS)
            self.groups.append(Group(runs, owners[hashed.run_words], len(runs), _TEXT_WEIGHT))
        self.words.extend(hashed.words)

    def add_meta(self, ticket: TicketEvent) -> None:
        """Add the metadata entries as one group."""
        entries = [f"{name}={value}" for name, value in meta_entries(ticket)]
        if not entries:
            return
        first = len(self.terms)
        # A word may look like an entry; the blank in front keeps the keys apart.
        for entry in entries:
            self.terms[f" {entry}"] = len(self.terms)
        hashes = np.array([hash_name(entry) for entry in entries], np.uint64)
        owners = np.arange(first, first + len(entries))
        slots = slots_of(hashes, META, SLOT_BITS)
        self.groups.append(Group(slots, owners, len(entries), _META_WEIGHT))


def stem_of(word: str) -> str:
    """Return the beginning of a word, so that endings do not matter; empty for a short word."""
    return word.lower()[:_STEM_CHARS] if len(word) >= _SHORTEST_STEMMED else ""


def _stems_of(words: list[str], terms: dict[str, int]) -> dict[str, int]:
    stems: dict[str, int] = {}
    for word in dict.fromkeys(words[:MAX_SKIMMED_WORDS]):
        stems.setdefault(stem_of(word), terms[word])
    stems.pop("", None)
    return stems


def _both_ends(body: str) -> str:
    if len(body) <= MAX_BODY_HEAD_CHARS + MAX_BODY_TAIL_CHARS:
        return body
    return f"{body[:MAX_BODY_HEAD_CHARS]}\n{body[-MAX_BODY_TAIL_CHARS:]}"


def _count(groups: list[Group]) -> tuple[Slots, Shape]:
    all_slots, all_counts, bounds = [], [], [0]
    for group in groups:
        ordered = np.sort(group.hashed_slots[: group.counted])
        firsts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        counts = np.diff(np.append(firsts, len(ordered)))
        all_slots.append(ordered[firsts])
        all_counts.append(np.minimum(counts, _MAX_COUNT).astype(np.uint8))
        bounds.append(bounds[-1] + len(firsts))
    if not all_slots:
        return np.zeros(0, np.int32), Shape(np.zeros(0, np.uint8), (0,), ())
    weights = tuple(group.weight for group in groups)
    return np.concatenate(all_slots), Shape(np.concatenate(all_counts), tuple(bounds), weights)
