"""Words of a ticket that stand in a label's name: a description nobody had to write."""

from typing import Final

import numpy as np

from streams.domain.triage.arithmetic import log
from streams.domain.triage.features import Reading
from streams.domain.triage.hashing import split_words
from streams.domain.triage.lexicon import MAX_WORDS, Evidence

# Long enough to tell words apart, short enough to read over endings.
_STEM_CHARS: Final = 5
_SHORTEST_WORD: Final = 4
_WEIGHT: Final = 0.7


class LabelNames:
    """The stems of the labels' names; a stem in few names says more."""

    def __init__(self) -> None:
        self.columns_of: dict[str, list[int]] = {}
        self.label_count = 0

    def add(self, label: str) -> None:
        """Add the label of the next column."""
        for stem in sorted({_stem(word) for word in split_words(label)} - {""}):
            self.columns_of.setdefault(stem, []).append(self.label_count)
        self.label_count += 1

    def weigh(self, reading: Reading) -> list[Evidence]:
        """Return the evidence of a ticket's words; each stem counts once."""
        owners: dict[str, int] = {}
        for term, word in enumerate(reading.terms[: min(MAX_WORDS, reading.word_count)]):
            stem = _stem(word)
            if stem in self.columns_of:
                owners.setdefault(stem, term)
        return [
            Evidence(term, column, self._weight(stem))
            for stem, term in owners.items()
            for column in self.columns_of[stem]
        ]

    def _weight(self, stem: str) -> float:
        share = self.label_count / len(self.columns_of[stem])
        return _WEIGHT * float(log(np.array([share]))[0])


def _stem(word: str) -> str:
    return word.lower()[:_STEM_CHARS] if len(word) >= _SHORTEST_WORD else ""
