"""When words that stand at one position are values of one variable."""

import re
from collections.abc import Iterable
from math import inf
from typing import Final, NamedTuple, TypeAlias

from streams.domain.templates.lexicon import (
    MESSAGE_KEYS,
    NAMING_WORDS,
    PREPOSITIONS,
    UNITS,
    is_exception_name,
    is_status_word,
)

Words: TypeAlias = tuple[str, ...]

# A wildcard inside the merging: one character that no shape holds.
WILD: Final = "\x07"
_DIGIT: Final = re.compile(r"[0-9]")
_STATUS_CLASS: Final = re.compile(rf"[1-5]{WILD}")

# So many different words at one position make it a variable.
_AFTER_EQUALS: Final = 4
_NAMED: Final = 3
_ELSEWHERE: Final = 5


class Context(NamedTuple):
    """What stands before a position: whether it is the first word, the word, the separator."""

    is_first: bool
    word: str
    separator: str


def context_at(words: Words, separators: Words, position: int) -> Context:
    """Return what stands before the word at a position of a pattern."""
    if not any(words[:position]):
        return Context(is_first=True, word="", separator="")
    return Context(is_first=False, word=words[position - 1], separator=separators[position - 1])


def mergeable(values: set[str], context: Context) -> list[set[str]]:
    """Return the sets of words at one position that are values of one variable."""
    if context.word == WILD and context.separator == " " and are_units(values):
        return [values]
    open_values = {value for value in values if not _is_guarded(value)}
    is_variable = WILD in open_values and len(open_values) > 1 and _names(context)
    if is_variable or len(open_values) >= threshold(context):
        return [open_values]
    return _numbered(open_values)


def are_units(values: Iterable[str]) -> bool:
    """Say whether all the words are units of measure: KB, MB."""
    return all(value.lower() in UNITS for value in values)


def _is_guarded(value: str) -> bool:
    """Say whether lines that differ in this word tell different things."""
    return (
        _STATUS_CLASS.fullmatch(value) is not None
        or is_status_word(value)
        or is_exception_name(value)
    )


def _names(context: Context) -> bool:
    """Say whether the word at a position is a name: "user bob", "user=bob", "'bob'"."""
    before = context.word.lower()
    if before in MESSAGE_KEYS:
        return False
    return context.separator.endswith(("=", "'", '"')) or before in NAMING_WORDS


def threshold(context: Context) -> float:
    """Return how many different words make a position a variable; infinite for the first word."""
    if context.is_first:
        return inf
    if context.separator.endswith("=") and _names(context):
        return _AFTER_EQUALS
    if _names(context) or context.word.lower() in PREPOSITIONS:
        return _NAMED
    return _ELSEWHERE


def _numbered(values: Iterable[str]) -> list[set[str]]:
    """Return the words with a digit, and the wildcard, as one set: node1, node2, `<*>`."""
    numbered = {value for value in values if value == WILD or _DIGIT.search(value)}
    return [numbered] if len(numbered) > 1 else []


def is_free_name(word: str, context: Context) -> bool:
    """Say whether a word is a name by what stands before it, and tells nothing by itself."""
    if not word or context.is_first or not _names(context):
        return False
    return not _is_guarded(word)
