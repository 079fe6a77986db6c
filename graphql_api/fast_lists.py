"""Lists of rows, completed column by column instead of field by field.

Where all selected fields of a list's items are leaves that are plain attributes of the right type,
the answer is built in one pass; anything else takes the library's way, so errors stay exact.
"""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, Final

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    get_nullable_type,
    is_enum_type,
    is_non_null_type,
    is_scalar_type,
)
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

# Scalars whose stored values are already what goes out.
_PLAIN_SCALARS: Final[dict[str, frozenset[type]]] = {
    "String": frozenset({str}),
    "ID": frozenset({str}),
    "DateTime": frozenset({str}),
    "Boolean": frozenset({bool}),
    "Long": frozenset({int}),
}
_NULL: Final = frozenset({type(None)})
_MIN_ITEMS: Final = 2

Completer = Callable[[list[Any]], list[dict[str, Any]] | None]


class FastListExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes as its base does, lists of plain rows faster."""

    def complete_iterable_value(
        self,
        item_type: Any,
        field_details_list: Any,
        info: Any,
        path: Any,
        items: Iterable[Any],
        position_context: Any,
    ) -> Any:
        """Complete a list value."""
        if isinstance(items, list) and len(items) >= _MIN_ITEMS:
            completer = self._completer(item_type, field_details_list)
            completed = completer(items) if completer else None
            if completed is not None:
                return completed
        return super().complete_iterable_value(
            item_type, field_details_list, info, path, items, position_context
        )

    def _completer(self, item_type: Any, field_details_list: Any) -> Completer | None:
        object_type = get_nullable_type(item_type)
        if not isinstance(object_type, GraphQLObjectType):
            return None
        collected = self.collect_subfields(object_type, field_details_list)
        columns: dict[str, tuple[str, frozenset[type]]] = {}
        for name, details in collected.grouped_field_set.items():
            column = self._column(object_type, details[0].node)
            if column is None:
                return None
            columns[name] = column
        return _completer_of(columns)

    def _column(
        self, object_type: GraphQLObjectType, node: FieldNode
    ) -> tuple[str, frozenset[type]] | None:
        """Return the attribute of a plain field and its allowed types; None if it is not plain."""
        definition = object_type.fields.get(node.name.value)
        if definition is None or definition.args or node.directives:
            return None
        attribute = _plain_attribute(definition)
        allowed = _allowed_types(definition)
        return (attribute, allowed) if attribute and allowed else None


def _plain_attribute(definition: GraphQLField) -> str | None:
    described = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if isinstance(described, StrawberryField) and described.base_resolver is None:
        return described.python_name
    return None


def _allowed_types(definition: GraphQLField) -> frozenset[type] | None:
    leaf = get_nullable_type(definition.type)
    if is_enum_type(leaf) or not is_scalar_type(leaf):
        return None
    plain = _PLAIN_SCALARS.get(leaf.name)
    if plain is None:
        return None
    return plain if is_non_null_type(definition.type) else plain | _NULL


def _completer_of(columns: dict[str, tuple[str, frozenset[type]]]) -> Completer:
    names = list(columns)
    allowed = [types for _, types in columns.values()]
    attributes = [attribute for attribute, _ in columns.values()]
    # With one attribute attrgetter returns the bare value, with several a tuple.
    get = attrgetter(*attributes, attributes[0])

    def complete(items: list[Any]) -> list[dict[str, Any]] | None:
        try:
            rows = [get(item) for item in items]
        except AttributeError:
            return None
        # One more value than names: zip leaves the doubled first one out.
        for values, types in zip(zip(*rows, strict=True), allowed, strict=False):
            if not types.issuperset(map(type, values)):
                return None
        return [dict(zip(names, row, strict=False)) for row in rows]

    return complete
