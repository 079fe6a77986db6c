"""The fixed list of operations that are open to everybody, told by their tokens alone.

Nothing else of an anonymous request is parsed, so that no name of the schema can be learned
without a token.
"""

from collections.abc import Sequence
from typing import Final

from graphql import GraphQLError, Lexer, Source, TokenKind

OPEN_MUTATIONS: Final = frozenset({"login", "refreshSession"})
_MAX_CHARACTERS: Final = 4_096
_MAX_TOKENS: Final = 200
# `query Q($name: String!) { __type(name: $name) { name } }`: what a client sends to find out
# whether it may ask for the schema. Nobody has no types: the answer is null.
_TYPE_QUERY: Final = [
    *("(", "$", "name", ":", "String", "!", ")"),
    *("{", "__type", "(", "name", ":", "$", "name", ")", "{", "name", "}", "}"),
]
_CLOSING: Final = {"(": ")", "{": "}", "[": "]"}

TYPENAME: Final = "typename"
TYPE: Final = "type"
MUTATION: Final = "mutation"


def open_operation(text: str) -> str | None:
    """Return which of the open operations a document is, None for all other documents."""
    words = _words(text)
    if words is None:
        return None
    if words == ["{", "__typename", "}"]:
        return TYPENAME
    keyword, rest = (words[0], words[1:]) if words else ("", [])
    if rest and _is_name(rest[0]):
        rest = rest[1:]
    if keyword == "query" and rest == ["{", "__typename", "}"]:
        return TYPENAME
    if keyword == "query" and rest == _TYPE_QUERY:
        return TYPE
    if keyword == "mutation" and _is_open_mutation(rest):
        return MUTATION
    return None


def _words(text: str) -> list[str] | None:
    """Return the tokens as text, strings as '""'; None for what is too long or no GraphQL."""
    if len(text) > _MAX_CHARACTERS:
        return None
    lexer, words = Lexer(Source(text)), []
    try:
        while (token := lexer.advance()).kind is not TokenKind.EOF:
            is_word = token.kind in (TokenKind.NAME, TokenKind.INT, TokenKind.FLOAT)
            is_text = token.kind in (TokenKind.STRING, TokenKind.BLOCK_STRING)
            words.append('""' if is_text else (token.value or "") if is_word else token.kind.value)
            if len(words) > _MAX_TOKENS:
                return None
    except GraphQLError:
        return None
    return words


def _is_name(word: str) -> bool:
    return word.isidentifier()


def _is_open_mutation(words: Sequence[str]) -> bool:
    """Tell whether the tokens are `(variables)? { (alias:)? login (arguments) {...}? }`."""
    rest = _after_group(words, "(") if words[:1] == ["("] else list(words)
    if not rest or rest[0] != "{":
        return False
    rest = rest[1:]
    if rest[1:2] == [":"]:
        rest = rest[2:]
    if not rest or rest[0] not in OPEN_MUTATIONS:
        return False
    rest = _after_group(rest[1:], "(")
    if rest[:1] == ["{"]:
        rest = _after_group(rest, "{")
    return rest == ["}"]


def _after_group(words: Sequence[str], opening: str) -> list[str]:
    """Return what follows the group that starts here; nothing if it does not close."""
    if words[:1] != [opening]:
        return []
    open_groups: list[str] = []
    for position, word in enumerate(words):
        if word in _CLOSING:
            open_groups.append(_CLOSING[word])
        elif open_groups and word == open_groups[-1]:
            open_groups.pop()
            if not open_groups:
                return list(words[position + 1 :])
    return []
