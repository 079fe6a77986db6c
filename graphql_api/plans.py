"""What an operation touches and what it may cost, compiled once a document.

The limits bound the fields of an operation with its fragments spread out, so both walks are short.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
)

from graphql_api.pagination import MAX_PAGE

# One unit is about 5 microseconds of CPU.
_LEAF: Final = 1
_OBJECT: Final = 2
_ROOT: Final = 20
_LIST_SIZE: Final = 10
# Filters that are applied to decoded lines: up to 64 chunks are searched for a page.
_SEARCH: Final = 8_000
_SEARCH_ARGUMENTS: Final = frozenset(
    {"service", "severity", "host", "templateId", "traceId", "text", "since", "until"}
)
_SEARCHES: Final = frozenset({"Query.logLines", "Query.logEntries"})
_ROOT_WEIGHTS: Final = {
    "Mutation.login": 6_000,
    "Mutation.changePassword": 12_000,
    "Mutation.createUser": 6_000,
    "Mutation.resetPassword": 6_000,
    "Mutation.summarizeLog": 200,
    "Mutation.recordCommits": 200,
    "Mutation.cutRelease": 200,
    "Mutation.overrideEntry": 200,
    "Mutation.submitTicket": 200,
    "Mutation.correctTriage": 200,
    "Mutation.confirmTriage": 200,
    "Query.similarTickets": 5_000,
    "Query.triageQuality": 5_000,
    "Query.triageQueue": 2_000,
    # Two seconds at most, and one at a time in a process.
    "Query.generateChangelog": 20_000,
    "Query.logVolume": 5_000,
    "Query.templates": 500,
}
# The schema's own averages, rounded up.
_INTROSPECTION_SIZES: Final = {
    "types": 70,
    "fields": 6,
    "args": 1,
    "enumValues": 1,
    "inputFields": 1,
    "interfaces": 1,
    "possibleTypes": 1,
    "directives": 5,
    "locations": 5,
}
_PAGE_ARGUMENTS: Final = ("first", "limit")


class FieldCost(msgspec.Struct, frozen=True, kw_only=True):
    """A field's own cost, and how often its inner fields count."""

    weight: int
    size: int
    size_variable: str | None
    inner: "tuple[FieldCost, ...]"

    def total(self, variables: Mapping[str, object]) -> int:
        """Return the cost with these variables."""
        inner = sum(one.total(variables) for one in self.inner)
        return self.weight + self._times(variables) * inner

    @property
    def varies(self) -> bool:
        """Tell whether variables decide on the cost."""
        return self.size_variable is not None or any(one.varies for one in self.inner)

    def _times(self, variables: Mapping[str, object]) -> int:
        if self.size_variable is None:
            return self.size
        given = variables.get(self.size_variable, self.size)
        if isinstance(given, int) and not isinstance(given, bool):
            return max(0, min(given, MAX_PAGE))
        return MAX_PAGE


class OperationPlan(msgspec.Struct, frozen=True, kw_only=True):
    """An operation with the coordinates it touches and its cost, None if variables decide on it."""

    kind: OperationType
    node: OperationDefinitionNode
    coordinates: frozenset[str]
    fields: tuple[FieldCost, ...]
    fixed_cost: int | None

    def cost(self, variables: Mapping[str, object]) -> int:
        """Return the declared cost with these variables."""
        return _total(self.fields, variables) if self.fixed_cost is None else self.fixed_cost


def _total(fields: Iterable[FieldCost], variables: Mapping[str, object]) -> int:
    return _ROOT + sum(one.total(variables) for one in fields)


def plan_operation(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
) -> OperationPlan:
    """Return the plan of a valid operation."""
    root = schema.get_root_type(operation.operation)
    planner = _Planner(schema, operation, fragments)
    fields = tuple(planner.selections(root, operation.selection_set, is_page=False))
    return OperationPlan(
        kind=operation.operation,
        node=operation,
        coordinates=frozenset(planner.coordinates),
        fields=fields,
        fixed_cost=None if any(one.varies for one in fields) else _total(fields, {}),
    )


class _Planner:
    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> None:
        self.schema = schema
        self.fragments = fragments
        self.coordinates: set[str] = set()
        self.defaults = {
            one.variable.name.value: one.default_value
            for one in operation.variable_definitions or ()
        }

    def selections(
        self, parent: GraphQLNamedType | None, selections: SelectionSetNode, *, is_page: bool
    ) -> Iterator[FieldCost]:
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield self.field(parent, node, is_page=is_page)
            elif isinstance(node, InlineFragmentNode):
                inner = node.type_condition and self.schema.get_type(node.type_condition.name.value)
                yield from self.selections(inner or parent, node.selection_set, is_page=is_page)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                inner = self.schema.get_type(fragment.type_condition.name.value)
                yield from self.selections(inner, fragment.selection_set, is_page=is_page)

    def field(
        self, parent: GraphQLNamedType | None, node: FieldNode, *, is_page: bool
    ) -> FieldCost:
        assert isinstance(parent, GraphQLObjectType), "the schema has object types alone"  # noqa: S101 - for mypy
        name = node.name.value
        definition = self.schema.get_field(parent, name)
        assert definition is not None, "the document is valid"  # noqa: S101 - for mypy
        coordinate = f"{parent.name}.{name}"
        self.coordinates.add(coordinate)
        size, variable = self._size(definition, node, is_page=is_page)
        inner: tuple[FieldCost, ...] = ()
        if node.selection_set is not None:
            is_paged = any(argument in definition.args for argument in _PAGE_ARGUMENTS)
            named = get_named_type(definition.type)
            inner = tuple(self.selections(named, node.selection_set, is_page=is_paged))
        return FieldCost(
            weight=_weight(coordinate, definition, node),
            size=size,
            size_variable=variable,
            inner=inner,
        )

    def _size(
        self, definition: GraphQLField, node: FieldNode, *, is_page: bool
    ) -> tuple[int, str | None]:
        """Return how often the inner fields count, or the variable that says so."""
        for argument in _PAGE_ARGUMENTS:
            if argument in definition.args:
                return self._page_size(definition.args[argument].default_value, node, argument)
        if not is_list_type(get_nullable_type(definition.type)):
            return 1, None
        # The list of a page (`edges`) counts as its page does.
        return (1 if is_page else _INTROSPECTION_SIZES.get(node.name.value, _LIST_SIZE)), None

    def _page_size(self, default: Any, node: FieldNode, argument: str) -> tuple[int, str | None]:
        fallback = default if isinstance(default, int) else MAX_PAGE
        for given in node.arguments or ():
            if given.name.value != argument:
                continue
            if isinstance(given.value, VariableNode):
                variable = given.value.name.value
                own = self.defaults.get(variable)
                return (_whole(own.value) if isinstance(own, IntValueNode) else fallback), variable
            if isinstance(given.value, IntValueNode):
                return _whole(given.value.value), None
        return fallback, None


def _whole(text: str) -> int:
    """Return a literal within the pages there are; others are refused later."""
    return max(0, min(int(text), MAX_PAGE)) if len(text) < MAX_PAGE else MAX_PAGE


def _weight(coordinate: str, definition: GraphQLField, node: FieldNode) -> int:
    base = _LEAF if is_leaf_type(get_named_type(definition.type)) else _OBJECT
    base += _ROOT_WEIGHTS.get(coordinate, 0)
    if coordinate in _SEARCHES:
        given = {argument.name.value for argument in node.arguments or ()}
        base += _SEARCH if given & _SEARCH_ARGUMENTS else 0
    return base
