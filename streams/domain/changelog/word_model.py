"""A model of words that guesses the type of a message without a convention."""

import re
from typing import Final

import msgspec

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z'+]*", re.ASCII)
_FIRST: Final = {
    "add": "feat", "adds": "feat", "added": "feat", "fix": "fix", "fixes": "fix", "fixed": "fix",
    "bump": "chore", "update": "chore", "remove": "refactor", "refactor": "refactor",
}  # fmt: skip

MODEL_HASH: Final = "0"


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """The likeliest type, its calibrated probability, and the words that spoke for it."""

    type: str
    confidence: float
    reasons: tuple[str, ...]


def guess_type(header: str, body: str, files: tuple[str, ...]) -> Guess:
    """Return the likeliest type of a message."""
    words = [word.lower() for word in _WORD.findall(header[:400])]
    first = words[0] if words else ""
    return Guess(type=_FIRST.get(first, "chore"), confidence=0.5, reasons=(first,))
