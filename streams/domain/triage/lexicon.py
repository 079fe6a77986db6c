"""What is known before the first answer: words that speak for a label."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from streams.domain.triage.builtin_labels import BUILTIN_LABELS
from streams.domain.triage.config import FieldConfig
from streams.domain.triage.features import MAX_SKIMMED_WORDS, Reading
from streams.domain.triage.hashing import split_words

_LABEL_WEIGHT: Final = 2.0
_KEYWORD_WEIGHT: Final = 2.0
_DESCRIPTION_WEIGHT: Final = 0.7
_MIN_DESCRIPTION_WORD: Final = 4
_TITLE_FACTOR: Final = 1.6
_MAX_PHRASE_WORDS: Final = 4

Phrase = tuple[str, ...]


class Evidence(NamedTuple):
    """What single words of a ticket say: the term, the label's column, how much."""

    term: int
    column: int
    weight: float


class Lexicon:
    """The phrases of one field's labels, each with its weight."""

    def __init__(self, field: str, config: FieldConfig) -> None:
        self.phrases: dict[Phrase, list[tuple[int, float]]] = {}
        self.is_builtin = not config.labels and field in BUILTIN_LABELS
        self.labels = tuple(config.labels) or tuple(BUILTIN_LABELS.get(field, ()))
        self.retired = frozenset(n for n, label in config.labels.items() if label.is_retired)
        for column, label in enumerate(self.labels):
            for phrase, weight in self._phrases_of(field, config, label).items():
                self.phrases.setdefault(phrase, []).append((column, weight))
        self.first_words = frozenset(phrase[0] for phrase in self.phrases)

    def _phrases_of(self, field: str, config: FieldConfig, label: str) -> dict[Phrase, float]:
        if self.is_builtin:
            return _split_all(BUILTIN_LABELS[field][label])
        given = config.labels[label]
        weights = {
            word: _DESCRIPTION_WEIGHT
            for word in split_words(given.description)
            if len(word) >= _MIN_DESCRIPTION_WORD
        }
        weights[label] = _LABEL_WEIGHT
        weights.update(dict.fromkeys(given.keywords, _KEYWORD_WEIGHT))
        return _split_all(weights)

    def weigh(self, reading: Reading) -> list[Evidence]:
        """Return the evidence of a ticket; each phrase counts once, most in the title."""
        if not self.phrases:
            return []
        words = reading.words[:MAX_SKIMMED_WORDS]
        lowered = [word.lower() for word in words]
        title_length = reading.title_length
        found: set[Phrase] = set()
        evidence: list[Evidence] = []
        for start, word in enumerate(lowered):
            if word in self.first_words:
                factor = _TITLE_FACTOR if start < title_length else 1.0
                for phrase in self._matches(lowered, start, found):
                    owners = [reading.term_of[w] for w in words[start : start + len(phrase)]]
                    evidence += self._credit(owners, phrase, factor)
        return evidence

    def _matches(self, lowered: list[str], start: int, found: set[Phrase]) -> list[Phrase]:
        phrases = []
        for length in range(1, _MAX_PHRASE_WORDS + 1):
            phrase = tuple(lowered[start : start + length])
            if phrase in self.phrases and phrase not in found:
                found.add(phrase)
                phrases.append(phrase)
        return phrases

    def _credit(self, owners: list[int], phrase: Phrase, factor: float) -> Iterator[Evidence]:
        for column, weight in self.phrases[phrase]:
            for owner in owners:
                yield Evidence(owner, column, factor * weight / len(owners))


def _split_all(weights: Mapping[str, float]) -> dict[Phrase, float]:
    split = {tuple(w.lower() for w in split_words(text)): v for text, v in weights.items()}
    return {phrase: weight for phrase, weight in split.items() if phrase}
