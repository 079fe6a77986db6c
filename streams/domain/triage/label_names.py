"""Words of a ticket that stand in a label's name: a description nobody had to write."""

from typing import Final

import numpy as np

from streams.domain.triage.arithmetic import log
from streams.domain.triage.features import Reading, stem_of
from streams.domain.triage.hashing import split_words
from streams.domain.triage.lexicon import Evidence

_WEIGHT: Final = 0.7


class LabelNames:
    """The stems of the labels' names; a stem in few names says more."""

    def __init__(self) -> None:
        self.columns_of: dict[str, list[int]] = {}
        self.label_count = 0

    def add(self, label: str) -> None:
        """Add the label of the next column."""
        for stem in sorted({stem_of(word) for word in split_words(label)} - {""}):
            self.columns_of.setdefault(stem, []).append(self.label_count)
        self.label_count += 1

    def weigh(self, reading: Reading) -> list[Evidence]:
        """Return the evidence of a ticket's words; each stem counts once."""
        common = self.columns_of.keys() & reading.stems.keys()
        return [
            Evidence(reading.stems[stem], column, self._weight(stem))
            for stem in sorted(common)
            for column in self.columns_of[stem]
        ]

    def _weight(self, stem: str) -> float:
        share = self.label_count / len(self.columns_of[stem])
        return _WEIGHT * float(log(np.array([share]))[0])
