"""When words that stand at one position are values of one variable."""

import re
from collections.abc import Iterable
from math import inf
from typing import Final, NamedTuple, TypeAlias

from streams.domain.templates.lexicon import (
    FUNCTION_WORDS,
    INFINITIVE_CUES,
    MESSAGE_KEYS,
    NAME_PREPOSITIONS,
    NAMING_WORDS,
    PREPOSITIONS,
    UNITS,
    is_compound,
    is_exception_name,
    is_status_word,
)

Words: TypeAlias = tuple[str, ...]

# A wildcard inside the merging: one character that no shape holds.
WILD: Final = "\x07"
_DIGIT: Final = re.compile(r"[0-9]")
_KEY_MARK: Final = re.compile(r"=|:\s*[\"']")
_STATUS_CLASS: Final = re.compile(rf"[1-5]{WILD}")

# So many different words at one position make it a variable.
_AFTER_EQUALS: Final = 4
_NAMED: Final = 3
_ELSEWHERE: Final = 5


class Context(NamedTuple):
    """What stands around a position: the word and separator before it.

    `is_what_happened`: it opens the line, or is a verb (`failed to parse`).
    `is_key`: what follows makes it the name of a value (`user=`, `user: '`).
    """

    is_what_happened: bool
    word: str
    separator: str
    is_key: bool


def context_at(words: Words, separators: Words, position: int) -> Context:
    """Return what stands around the word at a position of a pattern."""
    following = separators[position] if position < len(separators) else ""
    is_key = _KEY_MARK.match(following) is not None
    if not any(words[:position]):
        return Context(is_what_happened=True, word="", separator="", is_key=is_key)
    word = words[position - 1]
    return Context(
        is_what_happened=_is_infinitive(words[:position]),
        word=word,
        separator=separators[position - 1],
        is_key=is_key,
    )


def _is_infinitive(before: Words) -> bool:
    """Say whether a verb must follow the words: "failed to parse"."""
    return before[-1] == "to" and len(before) > 1 and before[-2].lower() in INFINITIVE_CUES


def mergeable(values: set[str], context: Context) -> list[set[str]]:
    """Return the sets of words at one position that are values of one variable."""
    if context.word == WILD and context.separator == " " and are_units(values):
        return [values]
    open_values = {value for value in values if not _is_guarded(value, context)}
    is_variable = WILD in open_values and len(open_values) > 1 and _names(context)
    if is_variable or len(open_values) >= threshold(context):
        return [open_values]
    return _numbered(open_values)


def are_units(values: Iterable[str]) -> bool:
    """Say whether all the words are units of measure: KB, MB."""
    return all(value.lower() in UNITS for value in values)


def _is_guarded(value: str, context: Context) -> bool:
    """Say whether lines that differ in this word tell different things."""
    if is_compound(value) and context.word.lower() in NAMING_WORDS:
        return False
    return (
        _STATUS_CLASS.fullmatch(value) is not None
        or value.lower() in FUNCTION_WORDS
        or is_status_word(value)
        or is_exception_name(value)
    )


def _names(context: Context) -> bool:
    """Say whether the word at a position is a name: "user bob", "user=bob", "'bob'"."""
    before = context.word.lower()
    if before in MESSAGE_KEYS or context.is_key:
        return False
    if context.separator.endswith(("=", "'", '"')):
        return True
    return before in NAMING_WORDS or before in NAME_PREPOSITIONS


def threshold(context: Context) -> float:
    """Return how many different words make a position a variable; infinite for what happened."""
    if context.is_what_happened:
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
    if not word or context.is_what_happened or not _names(context):
        return False
    return not _is_guarded(word, context)
