"""logfmt: one line of `key=value` and `key="quoted"` pairs."""

import re
from typing import Final

import msgspec

from streams.domain.decode.json_shapes import read_flat
from streams.domain.decode.json_text import read_string
from streams.domain.decode.levels import Attributes, Level
from streams.domain.decode.numbers import Number
from streams.domain.decode.shapes import shape_of
from streams.domain.decode.tables import names

_MAX_PAIRS: Final = 10_000
_HEAD: Final = re.compile(r'[^\s="\[{]{1,200}=')
_PAIR: Final = re.compile(
    r'([^\s="]{1,200})=(?:"((?:[^"\\]++|\\.)*+)"(?=\s|$)|([^\s"]*)(?=\s|$))[ \t]*'
)
_INTEGER: Final = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.ASCII)
_DECIMAL: Final = re.compile(r"-?\d{1,18}\.\d{1,18}", re.ASCII)
_MARKS: Final = frozenset(
    names("level lvl msg message severity event err error ts time t timestamp caller")
)


def read_logfmt(text: str) -> Level | None:
    """Return the level of a text that is nothing but pairs, at least two, one of a known key."""
    if "\n" in text or _HEAD.match(text) is None:
        return None
    pairs = read_pairs(text, 0)
    if pairs is None or len(pairs) < 2 or _MARKS.isdisjoint(pairs):
        return None
    odd = [name for name, value in pairs.items() if type(value) is Number]
    level = read_flat(pairs, odd, shape_of(pairs))
    return level if level.body is not None else msgspec.structs.replace(level, body=text)


def read_pairs(text: str, position: int) -> Attributes | None:
    """Return the pairs from a position to the end of a text, None when there is anything else."""
    pairs: Attributes = {}
    for _ in range(_MAX_PAIRS):
        if position >= len(text):
            return pairs
        match = _PAIR.match(text, position)
        if match is None:
            return None
        name, quoted, bare = match.groups()
        pairs[name] = typed(bare) if quoted is None else unquote(quoted)
        position = match.end()
    return None


def unquote(quoted: str) -> str:
    """Return the content of a quoted value; as it stands when it has an unknown escape."""
    if "\\" not in quoted:
        return quoted
    content = read_string(f'"{quoted}"')
    return quoted if content is None else content


def typed(bare: str) -> bool | int | float | str:
    """Return a value without quotes as the JSON value it looks like."""
    if bare in ("true", "false"):
        return bare == "true"
    if _INTEGER.fullmatch(bare):
        return int(bare)
    if _DECIMAL.fullmatch(bare):
        return Number(bare)
    return bare
