"""Queries of one field with plain data: its resolver is called without building an executor.

What a document decides is decided once, when it is prepared. Whatever is unusual about a document,
its variables or a value is left to the library.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec
import strawberry
from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLResolveInfo,
    GraphQLResolveInfoHelpers,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_argument_values,
    get_nullable_type,
    get_variable_values,
    is_leaf_type,
    is_non_null_type,
    located_error,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Path, gather_with_cancel, is_awaitable
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from graphql_api.columns import Completer, NotPlainError, completer_of, plain_selections

QueryCompiler: TypeAlias = Callable[[GraphQLSchema, OperationDefinitionNode], "DirectQuery | None"]
Variables: TypeAlias = Mapping[str, Any] | None


class _RootField(msgspec.Struct, frozen=True):
    """The only field of a query: where it stands in the document and in the schema."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    name: str
    node: FieldNode
    definition: GraphQLField
    described: StrawberryField


class _Inputs(msgspec.Struct, frozen=True):
    """Coerced variables by name, and what the resolver is called with."""

    variables: dict[str, Any]
    arguments: dict[str, Any]


def compile_query(
    schema: GraphQLSchema, operation: OperationDefinitionNode
) -> "DirectQuery | None":
    """Return the direct way to the answer of a valid operation, None if there is none."""
    root = _root_field(schema, operation)
    if root is None:
        return None
    complete = completer_of(root.definition.type, root.node)
    return DirectQuery(root, complete) if complete else None


def _root_field(schema: GraphQLSchema, operation: OperationDefinitionNode) -> _RootField | None:
    fields = plain_selections(operation.selection_set)
    is_query = operation.operation is OperationType.QUERY and schema.query_type is not None
    if not is_query or operation.directives or fields is None or len(fields) != 1:
        return None
    ((name, node),) = fields.items()
    definition = schema.query_type and schema.query_type.fields.get(node.name.value)
    described = definition and _described(definition)
    if not definition or not described:
        return None
    return _RootField(schema, operation, name, node, definition, described)


def _described(definition: GraphQLField) -> StrawberryField | None:
    """Return the description of a field with a resolver that takes leaves and the usual info.

    The library hands leaves to resolvers as it has coerced them.
    """
    field = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(field, StrawberryField) or field.extensions or not field.base_resolver:
        return None
    resolver = field.base_resolver
    is_usual = resolver.is_async and resolver.self_parameter and resolver.info_parameter
    takes_parent = resolver.parent_parameter or resolver.root_parameter
    types = [get_nullable_type(argument.type) for argument in definition.args.values()]
    return field if is_usual and not takes_parent and all(map(is_leaf_type, types)) else None


class DirectQuery:
    """A query of one field, ready to be answered."""

    def __init__(self, root: _RootField, complete: Completer) -> None:
        self._root = root
        self._complete = complete
        given = zip(root.definition.args, root.described.arguments, strict=True)
        self._argument_names = {name: argument.python_name for name, argument in given}
        self._info = _info(root)
        self._fixed = None if root.operation.variable_definitions else self._inputs({})

    async def execute(self, context: object, variables: Variables) -> ExecutionResult | None:
        """Return the result, None where the library has to find it."""
        inputs = self._fixed or self._inputs(variables or {})
        if inputs is None:
            return None
        try:
            (completed,) = self._complete([await self._resolve(context, inputs)])
        except NotPlainError:
            return None
        except Exception as exc:  # noqa: BLE001 - it is part of the answer, as in the library
            return self._failed(exc)
        return ExecutionResult({self._root.name: completed}, None)

    def _inputs(self, variables: Mapping[str, Any]) -> _Inputs | None:
        root = self._root
        definitions = root.operation.variable_definitions or ()
        values = get_variable_values(root.schema, definitions, dict(variables))
        if isinstance(values, list):
            return None
        try:
            arguments = get_argument_values(root.definition, root.node, values)
        except GraphQLError:
            return None
        named = {self._argument_names[name]: value for name, value in arguments.items()}
        return _Inputs(values.coerced, named)

    async def _resolve(self, context: object, inputs: _Inputs) -> Any:
        field = self._root.described
        # Strawberry's resolvers are handed the coerced variables themselves.
        variables: Any = inputs.variables
        raw_info = self._info._replace(context=context, variable_values=variables)
        info = strawberry.Info(_raw_info=raw_info, _field=field)
        return await field.get_result(None, info, [None], {"info": info, **inputs.arguments})

    def _failed(self, raw_error: Exception) -> ExecutionResult:
        root = self._root
        error = located_error(raw_error, [root.node], [root.name])
        data = None if is_non_null_type(root.definition.type) else {root.name: None}
        return ExecutionResult(data, [error])


def _info(root: _RootField) -> GraphQLResolveInfo[Any]:
    """Return what resolvers are told of the query; the context and variables are a request's."""
    query_type = root.schema.query_type
    assert query_type is not None, "it has the field"  # noqa: S101 - for mypy
    return GraphQLResolveInfo(
        field_name=root.node.name.value,
        field_nodes=[root.node],
        return_type=root.definition.type,
        parent_type=query_type,
        path=Path(None, root.name, query_type.name),
        schema=root.schema,
        fragments={},
        root_value=None,
        operation=root.operation,
        variable_values=VariableValues({}, {}),
        context=None,
        is_awaitable=is_awaitable,
        abort_signal=None,
        # There is no executor that would wait for what is tracked.
        async_helpers=GraphQLResolveInfoHelpers(
            gather=lambda values: gather_with_cancel(*values), track=lambda _: None
        ),
    )
