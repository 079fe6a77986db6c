"""A ticket's text and metadata as numbered features, each traced to the words it came from."""

import re
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.events import TicketEvent
from streams.domain.triage.arithmetic import log
from streams.domain.triage.hashing import (
    HashedText,
    Hashes,
    Indices,
    Slots,
    count_slots,
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

TITLE, BODY, META, CODE = 1_009, 2_003, 3_001, 6_007
_META_WEIGHT: Final = 2.0
# Marked as code in Markdown, Jira or HTML; without an end mark to the end.
_CODE_BLOCK: Final = re.compile(
    r"(```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)"
    r"|\{(?:code|noformat)(?::[^}\n]{0,80})?\}.*?(?:\{(?:code|noformat)\}|\Z)"
    r"|<pre\b.*?(?:</pre>|\Z))",
    re.DOTALL | re.IGNORECASE,
)
_MAX_COUNT: Final = 255
_STEM_CHARS: Final = 5
_SHORTEST_STEMMED: Final = 4
_SLOT_MASK: Final = np.int32((1 << SLOT_BITS) - 1)
COUNT_WEIGHTS: Final = np.append(
    0.0, 1.0 + log(np.arange(1, _MAX_COUNT + 1, dtype=np.float64))
).astype(np.float32)

Counts = npt.NDArray[np.uint8]


class Shape(NamedTuple):
    """How often each distinct feature occurs, in groups that each get a length of their own.

    `bounds` are where the groups begin, and the end; `weights` has one length per group.
    """

    counts: Counts
    bounds: Indices
    weights: npt.NDArray[np.float64]


class Occurrences(NamedTuple):
    """Which term each occurrence of a feature came from, and its share in the feature.

    A term is a word as it stands in the ticket, or a metadata entry.
    """

    features: Indices
    terms: Indices
    shares: npt.NDArray[np.float64]


class _Section(NamedTuple):
    """What numbers a text's features, how long they are together, how many words count twice."""

    number: int
    weight: float
    early_words: int


# What a ticket is about is said early in its body; code and logs in it are long and say less of
# what is wanted than what was said about them.
_SECTIONS: Final = (_Section(TITLE, 1.0, 0), _Section(BODY, 1.0, 50), _Section(CODE, 0.5, 0))


class _Text(NamedTuple):
    """A text of a ticket."""

    hashed: HashedText
    section: _Section


class _Group(NamedTuple):
    """Features that get the same length together: their hashes, in pieces, one an occurrence."""

    pieces: list[Hashes]
    section: int
    weight: float


class Reading(NamedTuple):
    """A ticket as the learner sees it.

    `slots` are hashed feature numbers, ascending within a group; `keys` the same with the group's
    number before them, `occurrences` the keys as they occur; `text_size` is how many features are
    the text's, which come first. `words` are the words in order: title, body, its code; `terms` the
    distinct words, then the metadata entries; `term_of` leads from words to them, `stems` from the
    beginnings of words.
    """

    slots: Slots
    keys: Slots
    shape: Shape
    occurrences: Slots
    text_size: int
    words: list[str]
    terms: list[str]
    term_of: dict[str, int]
    stems: dict[str, int]
    texts: list[_Text]

    @property
    def title(self) -> HashedText | None:
        """Return the title, None without a word in it."""
        titles = (text.hashed for text in self.texts if text.section.number == TITLE)
        return next(titles, None)

    @property
    def body(self) -> list[HashedText]:
        """Return the parts of the body that have words: what is said, the code in it."""
        return [text.hashed for text in self.texts if text.section.number != TITLE]

    @property
    def title_length(self) -> int:
        """Return how many words the title has."""
        title = self.title
        return 0 if title is None else len(title.words)

    def is_meta(self, term: int) -> bool:
        """Tell whether a term is a metadata entry (they follow the words)."""
        return term >= len(self.term_of)


def read_ticket(ticket: TicketEvent) -> Reading:
    """Return the features of a ticket; the same for equal tickets, on every machine."""
    parts = (ticket.title[:MAX_TITLE_CHARS], *split_code(_both_ends(ticket.body)))
    texts = [
        _Text(hashed, section)
        for part, section in zip(parts, _SECTIONS, strict=True)
        if (hashed := hash_text(part)) is not None
    ]
    groups = [group for text in texts for group in _groups(text)]
    text_groups = len(groups)
    entries = [f"{name}={value}" for name, value in meta_entries(ticket)]
    if entries:
        hashes = np.array([hash_name(entry) for entry in entries], np.uint64)
        groups.append(_Group([hashes], META, _META_WEIGHT))
    words = [word for text in texts for word in text.hashed.words]
    term_of = {word: number for number, word in enumerate(dict.fromkeys(words))}
    occurrences = _keys(groups)
    keys, shape = _count(occurrences, groups)
    return Reading(
        slots=keys & _SLOT_MASK,
        keys=keys,
        shape=shape,
        occurrences=occurrences,
        text_size=int(shape.bounds[text_groups]),
        words=words,
        terms=[*term_of, *entries],
        term_of=term_of,
        stems=_stems_of(words, term_of),
        texts=texts,
    )


def split_code(body: str) -> tuple[str, str]:
    """Return what is said in a body, and what is marked in it as code."""
    parts = _CODE_BLOCK.split(body)
    return "\n".join(parts[::2]), "\n".join(parts[1::2])


def trace_occurrences(reading: Reading) -> Occurrences:
    """Return where each feature of a reading came from, a pair from both its words."""
    terms, second_terms, pairs, start = [], [], [], 0
    for text in reading.texts:
        traced = _trace(text, reading.term_of)
        terms += traced.pieces
        second_terms += traced.second_terms
        first_pair = start + traced.pairs.start
        pairs.append(reading.occurrences[first_pair : start + traced.pairs.stop])
        start += sum(map(len, traced.pieces))
    terms.append(np.arange(len(reading.term_of), len(reading.terms)))
    features = np.searchsorted(reading.keys, np.concatenate([reading.occurrences, *pairs]))
    totals = np.bincount(features, minlength=len(reading.keys))
    return Occurrences(features, np.concatenate([*terms, *second_terms]), 1.0 / totals[features])


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


def stem_of(word: str) -> str:
    """Return the beginning of a word, so that endings do not matter; empty for a short word."""
    return word.lower()[:_STEM_CHARS] if len(word) >= _SHORTEST_STEMMED else ""


def _stems_of(words: list[str], term_of: dict[str, int]) -> dict[str, int]:
    stems: dict[str, int] = {}
    for word in dict.fromkeys(words[:MAX_SKIMMED_WORDS]):
        stems.setdefault(stem_of(word), term_of[word])
    stems.pop("", None)
    return stems


def _both_ends(body: str) -> str:
    if len(body) <= MAX_BODY_HEAD_CHARS + MAX_BODY_TAIL_CHARS:
        return body
    return f"{body[:MAX_BODY_HEAD_CHARS]}\n{body[-MAX_BODY_TAIL_CHARS:]}"


def _groups(text: _Text) -> tuple[_Group, _Group]:
    """Return words with pairs, and runs, as groups; `_trace` follows their order."""
    hashed, (number, weight, early) = text
    words, pairs, runs = hashed.word_hashes, hashed.pair_hashes, hashed.run_hashes
    return (
        _Group([words, words[:early], pairs, pairs[:early]], number, weight),
        _Group([runs, runs[: hashed.count_runs(early)]], number, weight),
    )


class _Traced(NamedTuple):
    """The terms of a text's occurrences, of which `pairs` have a second term."""

    pieces: list[Indices]
    pairs: slice
    second_terms: list[Indices]


def _trace(text: _Text, term_of: dict[str, int]) -> _Traced:
    hashed, (_, _, early) = text
    words = np.array([term_of[word] for word in hashed.words])
    firsts, seconds, runs = words[:-1], words[1:], words[hashed.run_words()]
    pieces = [words, words[:early], firsts, firsts[:early], runs, runs[: hashed.count_runs(early)]]
    ends = np.cumsum([len(piece) for piece in pieces]).tolist()
    return _Traced(pieces, slice(ends[1], ends[3]), [seconds, seconds[:early]])


def _keys(groups: list[_Group]) -> Slots:
    """Return the key of each occurrence: the number of its group, then its slot."""
    if not groups:
        return np.zeros(0, np.int32)
    sizes = [sum(map(len, group.pieces)) for group in groups]
    sections = np.repeat(np.array([group.section for group in groups], np.uint64), sizes)
    numbers = np.repeat(np.arange(len(groups), dtype=np.int32) << SLOT_BITS, sizes)
    hashes = np.concatenate([piece for group in groups for piece in group.pieces])
    return slots_of(hashes, sections, SLOT_BITS) + numbers


def _count(occurrences: Slots, groups: list[_Group]) -> tuple[Slots, Shape]:
    keys, counts = count_slots([occurrences])
    bounds = np.searchsorted(keys, np.arange(len(groups) + 1) << SLOT_BITS)
    weights = np.array([group.weight for group in groups])
    return keys, Shape(np.minimum(counts, _MAX_COUNT).astype(np.uint8), bounds, weights)
