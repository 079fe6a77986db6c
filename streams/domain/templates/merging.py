"""Stage two: shapes of one service merge into templates by rules on the set of shapes alone."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

import msgspec

from streams.domain.templates.lexicon import CUE_WORDS, UNITS, is_exception_name, is_status_word
from streams.domain.templates.masking import WILDCARD

Words: TypeAlias = tuple[str, ...]

# A wildcard inside the merging: one character that no shape holds.
_WILD: Final = "\x07"
_SEPARATOR: Final = re.compile(r"([\s=,;:()\[\]{}\"'|<>]+)")
_RUN: Final = re.compile(rf"{_WILD}([,;]? ){_WILD}(?:\1{_WILD})*")
_DIGIT: Final = re.compile(r"[0-9]")
_STATUS_CLASS: Final = re.compile(rf"[1-5]{_WILD}")
_DROPPED_UNIT: Final = "\x06"

_MAX_ROUNDS: Final = 4
# Positions beyond these stay as they are: the index is quadratic in the number of words.
_MAX_MERGED_WORDS: Final = 40

# So many different words at one position make it a variable.
_AFTER_EQUALS: Final = 4
_AFTER_CUE: Final = 3
_QUOTED: Final = 3
_ELSEWHERE: Final = 6


class ResolvedTemplate(msgspec.Struct, frozen=True):
    """The template a shape belongs to: the smallest member's shape id, and the common text."""

    template_id: int
    text: str


class _Shape(NamedTuple):
    shape_id: int
    text: str
    collapsed: str


class TemplateSet:
    """The shapes of one service and the templates they make.

    The result depends on the set of shapes alone, not on the order or number of the adds.
    """

    def __init__(self) -> None:
        self._buckets: defaultdict[Words, dict[int, _Shape]] = defaultdict(dict)
        self._dirty: set[Words] = set()
        self._resolved: dict[int, ResolvedTemplate] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, shape_id: int, shape: str) -> bool:
        """Add a shape and say whether it is new; adding it again changes nothing."""
        collapsed = _RUN.sub(_WILD, shape.replace(WILDCARD, _WILD))
        key = _bucket_key(collapsed)
        bucket = self._buckets[key]
        if shape_id in bucket:
            return False
        bucket[shape_id] = _Shape(shape_id, shape, collapsed)
        self._dirty.add(key)
        self._size += 1
        return True

    def resolve(self) -> dict[int, ResolvedTemplate]:
        """Return the template of each shape id; only what new shapes can touch is recomputed.

        The dict is this set's own and is updated by the next call: read it, do not change it.
        """
        for key in self._dirty:
            for members in _merge_bucket(self._buckets[key].values()):
                template = ResolvedTemplate(min(m.shape_id for m in members), _text(members))
                for member in members:
                    self._resolved[member.shape_id] = template
        self._dirty.clear()
        return self._resolved


def _bucket_key(collapsed: str) -> Words:
    """Return what all members of a template have in common: separators and the first word."""
    parts = _SEPARATOR.split(collapsed)
    first = next((word for word in parts[::2] if word), "")
    return (first, *parts[1::2])


def _words(collapsed: str) -> Words:
    return tuple(_SEPARATOR.split(collapsed)[::2])


def _merge_bucket(shapes: Iterable[_Shape]) -> list[list[_Shape]]:
    """Return the groups of shapes that are one template."""
    groups: dict[Words, list[_Shape]] = defaultdict(list)
    separators: Words = ()
    for shape in shapes:
        parts = _SEPARATOR.split(shape.collapsed)
        groups[tuple(parts[::2])].append(shape)
        separators = tuple(parts[1::2])
    for _ in range(_MAX_ROUNDS):
        merged = _merge_round(groups, separators)
        if len(merged) == len(groups):
            break
        groups = merged
    return list(groups.values())


def _merge_round(groups: dict[Words, list[_Shape]], separators: Words) -> dict[Words, list[_Shape]]:
    parents: dict[Words, Words] = {words: words for words in groups}
    for alike in _alike_but_for_one(groups).items():
        (position, _), candidates = alike
        values = {words[position]: words for words in candidates}
        before = candidates[0][position - 1]
        for class_ in _mergeable(set(values), before, separators[position - 1]):
            _unite(parents, [values[value] for value in sorted(class_)])
    components: dict[Words, list[Words]] = defaultdict(list)
    for words in groups:
        components[_find(parents, words)].append(words)
    merged: dict[Words, list[_Shape]] = defaultdict(list)
    for component in components.values():
        merged[_common(component)].extend(s for words in component for s in groups[words])
    return merged


def _alike_but_for_one(groups: Iterable[Words]) -> dict[tuple[int, Words], list[Words]]:
    """Index patterns by all their words but one; keep what at least two patterns share."""
    index: dict[tuple[int, Words], list[Words]] = defaultdict(list)
    for words in groups:
        for position in range(1, min(len(words), _MAX_MERGED_WORDS)):
            if words[position] and words[position] != words[0]:
                index[position, words[:position] + words[position + 1 :]].append(words)
    return {key: found for key, found in index.items() if len(found) > 1}


def _mergeable(values: set[str], before: str, separator: str) -> list[set[str]]:
    """Return the sets of words at one position that are values of one variable."""
    if before == _WILD and separator == " " and all(v.lower() in UNITS for v in values):
        return [values]
    open_values = {value for value in values if not _is_guarded(value)}
    if len(open_values) >= _threshold(before, separator):
        return [open_values]
    return _numbered(open_values)


def _is_guarded(value: str) -> bool:
    """Say whether lines that differ in this word tell different things."""
    return bool(_STATUS_CLASS.fullmatch(value)) or is_status_word(value) or is_exception_name(value)


def _threshold(before: str, separator: str) -> int:
    if separator.endswith("="):
        return _AFTER_EQUALS
    if separator[-1] in "\"'":
        return _QUOTED
    if before.lower() in CUE_WORDS:
        return _AFTER_CUE
    return _ELSEWHERE


def _numbered(values: Iterable[str]) -> list[set[str]]:
    """Return the sets of words that differ only in a digit: node1, node2."""
    classes: dict[str, set[str]] = defaultdict(set)
    for value in values:
        if _DIGIT.search(value):
            classes[_DIGIT.sub("0", value)].add(value)
    wild = {value for value in values if value == _WILD}
    return [found | wild for found in classes.values() if len(found | wild) > 1]


def _find(parents: dict[Words, Words], words: Words) -> Words:
    while parents[words] is not words:
        parents[words] = parents[parents[words]]
        words = parents[words]
    return words


def _unite(parents: dict[Words, Words], group: list[Words]) -> None:
    root = _find(parents, group[0])
    for words in group[1:]:
        parents[_find(parents, words)] = root


def _common(component: list[Words]) -> Words:
    return tuple(
        column[0] if len(set(column)) == 1 else _WILD for column in zip(*component, strict=True)
    )


def _text(members: list[_Shape]) -> str:
    """Return the text of a template: what differs between its shapes is `<*>`."""
    if len(members) == 1:
        return members[0].text
    split = [_SEPARATOR.split(m.text.replace(WILDCARD, _WILD)) for m in members]
    if len({tuple(parts[1::2]) for parts in split}) > 1:
        split = [_SEPARATOR.split(m.collapsed) for m in members]
    text = "".join(_common_part(set(column)) for column in zip(*split, strict=True))
    return text.replace(f"{_WILD} {_DROPPED_UNIT}", _WILD).replace(_WILD, WILDCARD)


def _common_part(values: set[str]) -> str:
    if len(values) == 1:
        return next(iter(values))
    return _DROPPED_UNIT if all(value.lower() in UNITS for value in values) else _WILD
