"""What a document may be: measured before validation, linear in the document.

Named fragments are measured once each and then counted as often as they are spread; the sums stop
growing at a cap, so that no nesting of fragments makes the walk or the numbers large.
"""

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

import msgspec
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    parse,
)

from graphql_api.errors import ApiError, ErrorCode

_WithDirectives: TypeAlias = (
    FieldNode
    | InlineFragmentNode
    | FragmentSpreadNode
    | FragmentDefinitionNode
    | OperationDefinitionNode
)

_CAP: Final = 1_000_000
# Answers to these carry secrets and cost an argon2 hash: one a document.
SINGLE_MUTATIONS: Final = frozenset({"login", "refreshSession", "changePassword"})


class DocumentLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The largest document that is looked at; the introspection query of every tool fits.

    A long text is slow to read, and the place of an error slow to find in many lines, so a document
    beyond `short_characters` may have less of what is slow to validate.
    """

    characters: int = 65_536
    escapes: int = 5_000
    lines: int = 2_500
    short_characters: int = 16_384
    tokens: int = 800
    tokens_of_long: int = 200
    depth: int = 20
    fields: int = 500
    aliases: int = 30
    directives: int = 30
    fragments: int = 40
    spreads: int = 80
    repeats: int = 16
    comparisons: int = 1_000
    operations: int = 5
    mutations: int = 4


class _Size(msgspec.Struct, frozen=True):
    """The measures of a selection set with its fragments spread out."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0

    def beside(self, other: "_Size") -> "_Size":
        return _Size(
            max(self.depth, other.depth),
            min(self.fields + other.fields, _CAP),
            min(self.aliases + other.aliases, _CAP),
            min(self.directives + other.directives, _CAP),
        )


class _Repeats(msgspec.Struct, frozen=True):
    """How often a response name stands in a selection set, and the fields under all of them."""

    count: int = 0
    fields: int = 0

    def and_also(self, other: "_Repeats") -> "_Repeats":
        return _Repeats(self.count + other.count, min(self.fields + other.fields, _CAP))

    @property
    def comparisons(self) -> int:
        """Return how many fields validation compares: those of every pair, one with one."""
        return (self.count - 1) * self.fields // 2


_Names: TypeAlias = Mapping[str, _Repeats]


def exceeded(limit: str, allowed: int) -> ApiError:
    """Return the error for a document beyond the limit with this name."""
    return ApiError(
        ErrorCode.DOCUMENT_LIMIT_EXCEEDED,
        f"the document has too many or too large {limit}: at most {allowed}",
        limit=limit,
        allowed=allowed,
    )


def parse_limited(text: str, limits: DocumentLimits) -> DocumentNode:
    """Return the parsed document if it is within the limits.

    Raises:
        ApiError: it does not parse, or is beyond a limit.
    """
    _check_text(text, limits)
    max_tokens = limits.tokens if len(text) <= limits.short_characters else limits.tokens_of_long
    try:
        document = parse(text, max_tokens=max_tokens)
    except RecursionError:
        raise exceeded("depth", limits.depth) from None
    except GraphQLError as exc:
        if "token" in exc.message and str(max_tokens) in exc.message:
            raise exceeded("tokens", max_tokens) from None
        raise ApiError(ErrorCode.GRAPHQL_PARSE_FAILED, exc.message) from None
    _Measure(document, limits).check()
    return document


def _check_text(text: str, limits: DocumentLimits) -> None:
    for limit, value, allowed in (
        ("characters", len(text), limits.characters),
        ("lines", text.count("\n") + text.count("\r"), limits.lines),
        ("escapes", text.count("\\"), limits.escapes),
    ):
        if value > allowed:
            raise exceeded(limit, allowed)


class _Measure:
    def __init__(self, document: DocumentNode, limits: DocumentLimits) -> None:
        self.limits = limits
        self.operations = [
            node for node in document.definitions if isinstance(node, OperationDefinitionNode)
        ]
        self.fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self.spreads = 0
        self.comparisons = 0
        self.sizes: dict[str, _Size] = {}
        self.names: dict[str, _Names] = {}
        self.under_way: set[str] = set()

    def check(self) -> None:
        self._at_most("operations", len(self.operations))
        self._at_most("fragments", len(self.fragments))
        for fragment in self.fragments.values():
            self._fragment(fragment.name.value)
        for operation in self.operations:
            self._check_operation(operation)

    def _check_operation(self, operation: OperationDefinitionNode) -> None:
        size, names = self._selections(operation.selection_set, 1)
        self._check_size(size.beside(_Size(directives=_count(operation))))
        if operation.operation is OperationType.MUTATION:
            self._at_most("mutations", sum(name.count for name in names.values()))
            self._check_single(operation.selection_set)

    def _check_single(self, selections: SelectionSetNode) -> None:
        roots = list(self._root_fields(selections, set()))
        if len(roots) > 1 and SINGLE_MUTATIONS & set(roots):
            raise exceeded("logins and their like beside other fields", 1)

    def _root_fields(self, selections: SelectionSetNode, seen: set[str]) -> Iterator[str]:
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield node.name.value
            elif isinstance(node, InlineFragmentNode):
                yield from self._root_fields(node.selection_set, seen)
            elif isinstance(node, FragmentSpreadNode):
                yield from self._spread_roots(node.name.value, seen)

    def _spread_roots(self, name: str, seen: set[str]) -> Iterator[str]:
        fragment = self.fragments.get(name)
        if fragment is not None and name not in seen:
            seen.add(name)
            yield from self._root_fields(fragment.selection_set, seen)

    def _check_size(self, size: _Size) -> None:
        self._at_most("depth", size.depth)
        self._at_most("fields", size.fields)
        self._at_most("aliases", size.aliases)
        self._at_most("directives", size.directives)

    def _at_most(self, limit: str, value: int) -> None:
        allowed: int = getattr(self.limits, limit)
        if value > allowed:
            raise exceeded(limit, allowed)

    def _fragment(self, name: str) -> tuple[_Size, _Names]:
        if name in self.sizes:
            return self.sizes[name], self.names[name]
        fragment = self.fragments.get(name)
        # An unknown fragment or a cycle: validation says so.
        if fragment is None or name in self.under_way:
            return _Size(), {}
        self.under_way.add(name)
        size, names = self._selections(fragment.selection_set, 1)
        self.under_way.discard(name)
        self.sizes[name] = size.beside(_Size(directives=_count(fragment)))
        self.names[name] = names
        return self.sizes[name], names

    def _selections(self, selections: SelectionSetNode, level: int) -> tuple[_Size, _Names]:
        """Measure a set of selections, and count the response names of its own level."""
        # Measured on the way down too: the parser's own depth is bounded by the tokens alone.
        self._at_most("depth", level)
        size, names = _Size(), dict[str, _Repeats]()
        for node in selections.selections:
            part, part_names = self._selection(node, level)
            size = size.beside(part)
            for name, repeats in part_names.items():
                names[name] = names.get(name, _Repeats()).and_also(repeats)
        # Pairs of equal names are compared with each other by validation.
        self._at_most("repeats", max((name.count for name in names.values()), default=0))
        self.comparisons += sum(name.comparisons for name in names.values())
        self._at_most("comparisons", self.comparisons)
        return size, names

    def _selection(self, node: object, level: int) -> tuple[_Size, _Names]:
        if isinstance(node, FieldNode):
            return self._field(node, level)
        if isinstance(node, InlineFragmentNode):
            size, names = self._selections(node.selection_set, level)
            return size.beside(_Size(directives=_count(node))), names
        if isinstance(node, FragmentSpreadNode):
            self.spreads += 1
            self._at_most("spreads", self.spreads)
            size, names = self._fragment(node.name.value)
            return size.beside(_Size(directives=_count(node))), names
        return _Size(), {}

    def _field(self, node: FieldNode, level: int) -> tuple[_Size, _Names]:
        inner = _Size()
        if node.selection_set is not None:
            inner, _ = self._selections(node.selection_set, level + 1)
        alias = node.alias.value if node.alias else None
        size = _Size(
            depth=inner.depth + 1,
            fields=min(inner.fields + 1, _CAP),
            aliases=inner.aliases + (alias is not None),
            directives=inner.directives + _count(node),
        )
        return size, {alias or node.name.value: _Repeats(1, size.fields)}


def _count(node: _WithDirectives) -> int:
    return len(node.directives or ())
