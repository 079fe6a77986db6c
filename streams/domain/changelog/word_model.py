"""A model of words that guesses the type of a message without a convention."""

import math
import re
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from itertools import pairwise
from typing import Final

import msgspec

from streams.domain.changelog.lexicon import OPENINGS, PATHS, PRIORS, WORDS

_WORD: Final = re.compile(r"[a-z][a-z0-9']*")
_FIRST_WORD: Final = re.compile(r"[^\W\d_]+")
_ENGLISH: Final = {
    foreign: english for english, text in OPENINGS.items() for foreign in text.split()
}
# Without blanks between words: Chinese, Japanese, Korean. The longest first.
_CONNECTED: Final = sorted(
    (word for word in _ENGLISH if "\u3040" <= word[0] <= "\ud7a3"), key=lambda w: (-len(w), w)
)
_SUFFIXES: Final = ("ations", "ings", "ies", "ing", "ed", "es", "s")
_SHORTEST_STEM: Final = 3
_MAX_HEADER: Final = 400
_MAX_BODY: Final = 1_500
_MAX_FILES: Final = 200
_BODY_SHARE: Final = 0.25
_MAX_REASONS: Final = 5
_MANY_FILES: Final = 8
# Scores are sums of rounded weights; this turns them into probabilities that come true as often
# as they say on messages of projects that the weights were not written for.
_TEMPERATURE: Final = 0.95
_DIGITS: Final = 3

_DOCS: Final = re.compile(
    r"(?:^|/)docs?/|\.(?:md|rst|adoc|txt)$|(?:^|/)(?:readme|changelog|changes)"
)
_TESTS: Final = re.compile(
    r"(?:^|/)(?:tests?|testing|specs?|__tests__|playground|e2e|fixtures)/"
    r"|(?:^|/)test_|_test\.|\.(?:spec|test)\."
)
_CI: Final = re.compile(
    r"^\.(?:github|circleci|gitlab|azure)|travis|appveyor|(?:^|/)(?:codecov|tox|\.pre-commit)"
)
_BUILD: Final = re.compile(
    r"(?:^|/)(?:package(?:-lock)?\.json|pnpm-lock|yarn\.lock|pyproject|setup\.(?:py|cfg)"
    r"|requirements|cargo|go\.(?:mod|sum)|poetry|makefile|dockerfile)|\.lock$"
)
_CONFIG: Final = re.compile(r"(?:^|/)\.[a-z]|\.(?:ya?ml|toml|ini|cfg|json)$")
_KINDS: Final = (
    ("tests", _TESTS),
    ("docs", _DOCS),
    ("ci", _CI),
    ("build", _BUILD),
    ("config", _CONFIG),
)
_NOTE_WORTHY: Final = frozenset({"feat", "fix", "perf", "remove", "deprecate", "security"})


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """The likeliest type, its probability, the words that spoke for it.

    `note_worthy` is the probability that the users of the project want to read of it.
    """

    type: str
    confidence: float
    note_worthy: float
    reasons: tuple[str, ...]


def guess_type(header: str, body: str, files: tuple[str, ...]) -> Guess:
    """Return the likeliest type of a message, and of the files it changes when they are known."""
    features = dict.fromkeys(_features(body[:_MAX_BODY].lower(), is_header=False), _BODY_SHARE)
    opened = _in_english(header[:_MAX_HEADER].lower())
    features.update(dict.fromkeys(_features(opened, is_header=True), 1.0))
    features.update(dict.fromkeys(_path_features(files[:_MAX_FILES]), 1.0))
    scores, spoken = _scores(features)
    top = max(scores, key=lambda name: (scores[name], name))
    chances = {
        name: math.exp((score - scores[top]) / _TEMPERATURE) for name, score in scores.items()
    }
    total = math.fsum(chances.values())
    reasons = [word.replace("_", " ") for _, word in sorted(spoken.get(top, []))]
    worth = math.fsum(chances[name] for name in _NOTE_WORTHY)
    return Guess(
        type=top,
        confidence=round(1 / total, _DIGITS),
        note_worthy=round(worth / total, _DIGITS),
        reasons=tuple(dict.fromkeys(reasons))[:_MAX_REASONS],
    )


def _in_english(header: str) -> str:
    """Return the header with an English word for its first one, where that is foreign.

    Without blanks between words it is the beginning of the first run of letters that tells, or
    its end: Japanese has its verb there.
    """
    match = _FIRST_WORD.match(header)
    if match is None:
        return header
    word = match[0]
    if word in _ENGLISH:
        return f"{_ENGLISH[word]} {header[len(word) :]}"
    if word.isascii():
        return header
    known = next((one for one in _CONNECTED if word.startswith(one)), None)
    known = known or next((one for one in _CONNECTED if word.endswith(one)), None)
    return f"{_ENGLISH[known]} {header}" if known else header


def _scores(
    features: Mapping[str, float],
) -> tuple[dict[str, float], dict[str, list[tuple[float, str]]]]:
    """Return the score of each type, and the features behind it, the strongest lowest."""
    scores = dict(PRIORS)
    spoken: dict[str, list[tuple[float, str]]] = {}
    # Sorted: sums of floats depend on their order.
    for feature in sorted(features):
        share = features[feature]
        for commit_type, weight in _weights().get(feature, ()):
            scores[commit_type] += weight * share
            spoken.setdefault(commit_type, []).append((-weight * share, feature.lstrip("^/")))
    return scores, spoken


def stem(word: str) -> str:
    """Return the word without the endings of its forms: `fixes`, `fixed`, `fixing` -> `fix`."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM:
            word = word[: -len(suffix)] + ("y" if suffix == "ies" else "")
            break
    if len(word) <= _SHORTEST_STEM:
        return word
    if word[-1] == word[-2] and word[-1] not in "sl":
        word = word[:-1]
    return word.removesuffix("e")


def _features(text: str, *, is_header: bool) -> list[str]:
    stems = [stem(word) for word in _WORD.findall(text)]
    found = stems + [f"{one}_{two}" for one, two in pairwise(stems)]
    if is_header and stems:
        found += [f"^{stems[0]}", f"^{'_'.join(stems[:2])}"]
    return found


def _path_features(files: tuple[str, ...]) -> list[str]:
    if not files:
        return []
    kinds = {_kind_of(path.lower()) for path in files}
    features = [f"/some_{kind}" for kind in sorted(kinds)]
    if len(kinds) == 1:
        features += [f"/only_{kind}" for kind in kinds]
    if "code" in kinds:
        features.append("/code")
    features.append("/many" if len(files) > _MANY_FILES else "/one" if len(files) == 1 else "/few")
    return features


def _kind_of(path: str) -> str:
    return next((kind for kind, pattern in _KINDS if pattern.search(path)), "code")


@cache
def _weights() -> dict[str, tuple[tuple[str, float], ...]]:
    weights: dict[str, list[tuple[str, float]]] = {}
    for lexicon in (WORDS, PATHS):
        for commit_type, text in lexicon.items():
            parts = text.split()
            for feature, weight in zip(parts[::2], parts[1::2], strict=True):
                weights.setdefault(_stemmed(feature), []).append((commit_type, float(weight)))
    return {feature: tuple(found) for feature, found in weights.items()}


def _stemmed(feature: str) -> str:
    if feature.startswith("/"):
        return feature
    mark = "^" if feature.startswith("^") else ""
    return mark + "_".join(stem(word) for word in feature.removeprefix("^").split("_"))


MODEL_HASH: Final = sha256(
    repr((PRIORS, WORDS, OPENINGS, PATHS, _TEMPERATURE)).encode()
).hexdigest()[:16]
