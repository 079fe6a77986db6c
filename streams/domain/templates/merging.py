"""Stage two: shapes of one service merge into templates by rules on the set of shapes alone."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from streams.domain.templates.contexts import (
    WILD,
    Words,
    are_units,
    context_at,
    is_free_name,
    mergeable,
    threshold,
)
from streams.domain.templates.masking import WILDCARD

_SEPARATOR: Final = re.compile(r"([\s=,;:()\[\]{}\"'|<>]+)")
_RUN: Final = re.compile(rf"{WILD}([,;]? ){WILD}(?:\1{WILD})*")
_LIST: Final = re.compile(r"\[[^\s,\[\]]++(?:, ?[^\s,\[\]]++)++\]")
_DIGIT: Final = re.compile(r"[0-9]")
_DROPPED_UNIT: Final = "\x06"

_MAX_ROUNDS: Final = 4
# Positions beyond these stay as they are: the index is quadratic in the number of words.
_MAX_MERGED_WORDS: Final = 40


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
        collapsed = _LIST.sub(f"[{WILD}]", _RUN.sub(WILD, shape.replace(WILDCARD, WILD)))
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
    return (_DIGIT.sub("0", first), *parts[1::2])


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
    for (position, _), candidates in _alike_but_for_one(groups).items():
        by_value = {words[position]: words for words in candidates}
        for class_ in mergeable(set(by_value), context_at(candidates[0], separators, position)):
            _unite(parents, [by_value[value] for value in sorted(class_)])
    for alike in _alike_but_for_names(groups, separators):
        _unite(parents, sorted(alike))
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
        for position in range(min(len(words), _MAX_MERGED_WORDS)):
            if words[position]:
                index[position, words[:position] + words[position + 1 :]].append(words)
    return {key: found for key, found in index.items() if len(found) > 1}


def _alike_but_for_names(groups: Iterable[Words], separators: Words) -> list[list[Words]]:
    """Return the sets of patterns that differ in names only, several at a time.

    "user alice from db1" and "user bob from db2" share no word that one wildcard would free.
    """
    index: dict[Words, list[Words]] = defaultdict(list)
    for words in groups:
        index[_without_names(words, separators)].append(words)
    return [
        alike
        for alike in index.values()
        if any(
            len(set(column)) >= threshold(context_at(min(alike), separators, position))
            for position, column in enumerate(zip(*alike, strict=True))
            if len(set(column)) > 1
        )
    ]


def _without_names(words: Words, separators: Words) -> Words:
    return tuple(
        WILD if is_free_name(word, context_at(words, separators, position)) else word
        for position, word in enumerate(words)
    )


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
        column[0] if len(set(column)) == 1 else WILD for column in zip(*component, strict=True)
    )


def _text(members: list[_Shape]) -> str:
    """Return the text of a template: what differs between its shapes is `<*>`."""
    if len(members) == 1:
        return members[0].text
    split = [_SEPARATOR.split(m.text.replace(WILDCARD, WILD)) for m in members]
    if len({tuple(parts[1::2]) for parts in split}) > 1:
        split = [_SEPARATOR.split(m.collapsed) for m in members]
    text = "".join(_common_part(set(column)) for column in zip(*split, strict=True))
    return text.replace(f"{WILD} {_DROPPED_UNIT}", WILD).replace(WILD, WILDCARD)


def _common_part(values: set[str]) -> str:
    if len(values) == 1:
        return next(iter(values))
    return _DROPPED_UNIT if are_units(values) else WILD
