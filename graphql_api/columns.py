"""What goes out of rows of objects, compiled from the fields selected of them.

A completer takes a column of values, one a row, and returns what the answer holds for each. It is
made only for selections of plain attributes, lists and objects of them; it refuses values that are
not what their type promises, so that the library completes them, with its exact errors.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache, lru_cache
from operator import attrgetter
from sys import float_info
from types import GenericAlias
from typing import Annotated, Any, Final, TypeAlias

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    SelectionSetNode,
    get_nullable_type,
)
from msgspec import Meta, Struct, ValidationError, convert, defstruct
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField

Completer: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]
# The name in the answer, and what makes the column of the rows.
_Column: TypeAlias = tuple[str, Completer]

# Scalars whose stored values are already what goes out, with the ranges of the numbers.
_SCALARS: Final[Mapping[str, Any]] = {
    "String": str,
    "ID": str,
    "DateTime": str,
    "Boolean": bool,
    "Long": int,
    "Int": Annotated[int, Meta(ge=-(2**31), lt=2**31)],
    "Float": Annotated[float, Meta(ge=-float_info.max, le=float_info.max)],
}
_TYPENAME: Final = "__typename"


class NotPlainError(Exception):
    """A value is not what its type promises: the library completes it, or says what is wrong."""


def completer_of(output_type: GraphQLOutputType, node: FieldNode) -> Completer | None:
    """Return the completer of a field's values, None if they are not plain."""
    inner = get_nullable_type(output_type)
    if isinstance(inner, GraphQLScalarType):
        return _scalars(output_type, inner.name)
    if isinstance(inner, GraphQLEnumType):
        completer = _enums(inner)
    elif isinstance(inner, GraphQLList):
        items = completer_of(inner.of_type, node)
        completer = items and _lists(items)
    else:
        nodes = node.selection_set and plain_selections(node.selection_set)
        completer = objects(inner, nodes) if nodes else None
    if completer is None or isinstance(output_type, GraphQLNonNull):
        return completer
    return _or_null(completer)


def plain_selections(selections: SelectionSetNode) -> dict[str, FieldNode] | None:
    """Return the fields by response name; None where fragments, directives or merging are met."""
    nodes: dict[str, FieldNode] = {}
    for node in selections.selections:
        if not isinstance(node, FieldNode) or node.directives:
            return None
        name = node.alias.value if node.alias else node.name.value
        if name in nodes:
            return None
        nodes[name] = node
    return nodes


def objects(object_type: object, nodes: Mapping[str, FieldNode]) -> Completer | None:
    """Return the completer of objects, of which these fields are selected by response name."""
    # Objects of types with interfaces are checked by the library.
    if not isinstance(object_type, GraphQLObjectType) or object_type.is_type_of is not None:
        return None
    columns: list[_Column] = []
    for name, node in nodes.items():
        column = _column(object_type, node, name)
        if column is None:
            return None
        columns.append(column)
    return _objects(columns)


def _column(object_type: GraphQLObjectType, node: FieldNode, name: str) -> _Column | None:
    if node.name.value == _TYPENAME:
        return name, _typenames(object_type.name)
    definition = object_type.fields[node.name.value]
    attribute = _plain_attribute(definition)
    complete = completer_of(definition.type, node)
    if attribute is None or complete is None:
        return None
    return name, _attributes(attribute, complete)


def _plain_attribute(definition: GraphQLField) -> str | None:
    """Return the attribute that a field is, None where a resolver is called."""
    described = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if isinstance(described, StrawberryField) and described.is_basic_field:
        return described.python_name
    return None


def _typenames(name: str) -> Completer:
    def complete(values: Sequence[Any]) -> Sequence[Any]:
        if any(value is None for value in values):
            raise NotPlainError
        return [name] * len(values)

    return complete


def _attributes(name: str, complete: Completer) -> Completer:
    get = attrgetter(name)

    def complete_attributes(values: Sequence[Any]) -> Sequence[Any]:
        try:
            column = list(map(get, values))
        except AttributeError as exc:
            raise NotPlainError from exc
        return complete(column)

    return complete_attributes


def _objects(columns: Sequence[_Column]) -> Completer:
    names, completers = zip(*columns, strict=True)

    def complete(values: Sequence[Any]) -> Sequence[Any]:
        return list(map(_row_type(names), *(one(values) for one in completers)))

    return complete


@lru_cache(maxsize=1_024)
def _row_type(names: tuple[str, ...]) -> type[Struct]:
    """Return what holds an object of these fields until it is encoded.

    Filling dictionaries takes half as long again. It is made at the first use, and not while a
    document is looked at that may be refused.
    """
    fields = {f"f{place}": name for place, name in enumerate(names)}
    return defstruct("Row", [(field, Any) for field in fields], rename=fields, gc=False)


def _lists(items: Completer) -> Completer:
    def complete(values: Sequence[Any]) -> Sequence[Any]:
        if not all(type(value) is list for value in values):
            raise NotPlainError
        return [items(value) for value in values]

    return complete


@cache
def _column_type(kind: Any) -> type[Struct]:
    return defstruct("Column", [("values", GenericAlias(list, (kind,)))])


def _scalars(output_type: GraphQLOutputType, name: str) -> Completer | None:
    kind = _SCALARS.get(name)
    if kind is None:
        return None
    column = _column_type(kind if isinstance(output_type, GraphQLNonNull) else kind | None)

    def complete(values: Sequence[Any]) -> Sequence[Any]:
        # msgspec looks at the values in a loop that is not Python's.
        try:
            checked: Any = convert({"values": values}, column)
        except ValidationError as exc:
            raise NotPlainError from exc
        found: Sequence[Any] = checked.values
        return found

    return complete


def _enums(enum: GraphQLEnumType) -> Completer | None:
    described = enum.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(described, StrawberryEnumDefinition):
        return None
    names: dict[Enum, str] = {
        described.wrapped_cls(one.value): name for name, one in enum.values.items()
    }

    def complete(values: Sequence[Any]) -> Sequence[Any]:
        try:
            return [names[value] for value in values]
        except (KeyError, TypeError) as exc:
            raise NotPlainError from exc

    return complete


def _or_null(completer: Completer) -> Completer:
    def complete(values: Sequence[Any]) -> Sequence[Any]:
        present = [value for value in values if value is not None]
        completed = completer(present)
        if len(present) == len(values):
            return completed
        rest = iter(completed)
        return [None if value is None else next(rest) for value in values]

    return complete
