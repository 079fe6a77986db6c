"""A ticket's text and metadata as numbered features, each traced to the words it came from."""

import re
from typing import Final, NamedTuple, TypeVar

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
_TEXT_WEIGHT: Final = 1.0
# Code and logs are long and say less of what is wanted than what was said about them.
_CODE_WEIGHT: Final = 0.5
_META_WEIGHT: Final = 2.0
# What a ticket is about is said early: so many words of the body count twice.
_EARLY_WORDS: Final = 50
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
_Scalar = TypeVar("_Scalar", bound=np.generic)


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


class _Group(NamedTuple):
    """Keys of features that get the same length together, with the term that each came from.

    A key is the group's number before a slot. Those after `counted` only name a second term.
    """

    keys: Slots
    owners: Indices
    counted: int
    weight: float


class Reading(NamedTuple):
    """A ticket as the learner sees it.

    `slots` are hashed feature numbers, ascending within a group; `keys` the same with the group's
    number before them; `terms` the distinct words, then the metadata entries; `text_size` how many
    features are the text's, which come first; `words` the words in order: title, body, its code;
    `stems` leads from the beginnings of words to the first term that has it.
    """

    slots: Slots
    keys: Slots
    shape: Shape
    terms: tuple[str, ...]
    word_count: int
    text_size: int
    words: tuple[str, ...]
    stems: dict[str, int]
    title_length: int
    groups: list[_Group]
    title: HashedText | None
    body: tuple[HashedText, ...]

    def is_meta(self, term: int) -> bool:
        """Tell whether a term is a metadata entry (they follow the words)."""
        return term >= self.word_count


def read_ticket(ticket: TicketEvent) -> Reading:
    """Return the features of a ticket; the same for equal tickets, on every machine."""
    title = hash_text(ticket.title[:MAX_TITLE_CHARS])
    prose, code = (hash_text(part) for part in split_code(_both_ends(ticket.body)))
    builder = _Builder()
    builder.add_text(title, TITLE, _TEXT_WEIGHT)
    builder.add_text(prose, BODY, _TEXT_WEIGHT, early_words=_EARLY_WORDS)
    builder.add_text(code, CODE, _CODE_WEIGHT)
    word_count, text_groups = len(builder.terms), len(builder.groups)
    builder.add_meta(ticket)
    keys, shape = _count(builder.groups)
    return Reading(
        slots=keys & _SLOT_MASK,
        keys=keys,
        shape=shape,
        terms=tuple(term.lstrip() for term in builder.terms),
        word_count=word_count,
        text_size=int(shape.bounds[text_groups]),
        words=tuple(builder.words),
        stems=_stems_of(builder.words, builder.terms),
        title_length=len(title.words) if title is not None else 0,
        groups=builder.groups,
        title=title,
        body=tuple(part for part in (prose, code) if part is not None),
    )


def split_code(body: str) -> tuple[str, str]:
    """Return what is said in a body, and what is marked in it as code."""
    parts = _CODE_BLOCK.split(body)
    return "\n".join(parts[::2]), "\n".join(parts[1::2])


def trace_occurrences(reading: Reading) -> Occurrences:
    """Return where each feature of a reading came from."""
    if not reading.groups:
        return Occurrences(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    keys, terms, _, _ = zip(*reading.groups, strict=True)
    features = np.searchsorted(reading.keys, np.concatenate(keys))
    totals = np.bincount(features, minlength=len(reading.keys))
    return Occurrences(features, np.concatenate(terms), 1.0 / totals[features])


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
        self.groups: list[_Group] = []

    def add_text(
        self, hashed: HashedText | None, section: int, weight: float, *, early_words: int = 0
    ) -> None:
        """Add a text: its words and pairs are one group, its character runs another.

        What begins in the first `early_words` counts twice.
        """
        if hashed is None:
            return
        terms = self.terms
        owners = np.array([terms.setdefault(word, len(terms)) for word in hashed.words])
        self.words.extend(hashed.words)
        words = _again(hashed.word_hashes, early_words)
        pairs = _again(hashed.pair_hashes, early_words)
        # A pair counts once and is traced to both its words.
        traced = [_again(part, early_words) for part in (owners, owners[:-1], owners[1:])]
        self._add_group(
            np.concatenate([words, pairs, pairs]),
            np.concatenate(traced),
            section,
            weight,
            counted=len(words) + len(pairs),
        )
        early_runs = int(np.searchsorted(hashed.run_words, early_words))
        runs = _again(hashed.run_hashes, early_runs)
        if len(runs):
            run_owners = owners[_again(hashed.run_words, early_runs)]
            self._add_group(runs, run_owners, section, weight, counted=len(runs))

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
        self._add_group(hashes, owners, META, _META_WEIGHT, counted=len(entries))

    def _add_group(
        self, hashes: Hashes, owners: Indices, section: int, weight: float, *, counted: int
    ) -> None:
        keys = slots_of(hashes, section, SLOT_BITS) + np.int32(len(self.groups) << SLOT_BITS)
        self.groups.append(_Group(keys, owners, counted, weight))


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


def _count(groups: list[_Group]) -> tuple[Slots, Shape]:
    keys, counts = count_slots([group.keys[: group.counted] for group in groups])
    bounds = np.searchsorted(keys, np.arange(len(groups) + 1) << SLOT_BITS)
    weights = np.array([group.weight for group in groups])
    return keys, Shape(np.minimum(counts, _MAX_COUNT).astype(np.uint8), bounds, weights)


def _again(array: npt.NDArray[_Scalar], count: int) -> npt.NDArray[_Scalar]:
    return np.concatenate([array, array[:count]]) if count else array
