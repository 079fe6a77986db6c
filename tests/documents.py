"""Documents generated from the schema: one for each root field, with every required argument."""

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    get_named_type,
    is_enum_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

from graphql_api.schema import SCHEMA

_LITERALS = {
    "ID": '"AQAAAAAAAAAAAAAnDwAAbG9ncy5yYXc"',
    "String": '"some text of good length"',
    "Int": "1",
    "Boolean": "true",
    "DateTime": '"2026-11-22T08:00:00Z"',
    "Long": "1",
}
_MAX_DEPTH = 6


def root_types() -> list[tuple[str, GraphQLObjectType]]:
    """Return the operations' keywords with their root types."""
    roots = [
        ("query", SCHEMA.query_type),
        ("mutation", SCHEMA.mutation_type),
        ("subscription", SCHEMA.subscription_type),
    ]
    return [(keyword, root) for keyword, root in roots if root is not None]


def root_documents() -> dict[str, str]:
    """Return a document for each root field, by its coordinate, with all fields below it."""
    return {
        f"{root.name}.{name}": f"{keyword} {{ {call(name, field)} }}"
        for keyword, root in root_types()
        for name, field in root.fields.items()
    }


def call(name: str, field: GraphQLField, depth: int = 0) -> str:
    """Return a selection of a field with its required arguments and all its leaves."""
    arguments = ", ".join(
        f"{argument}: {_literal(get_named_type(definition.type))}"
        for argument, definition in field.args.items()
        if is_required_argument(definition)
    )
    text = f"{name}({arguments})" if arguments else name
    named = get_named_type(field.type)
    if is_leaf_type(named) or not isinstance(named, GraphQLObjectType):
        return text
    inner = [
        call(inner_name, inner_field, depth + 1)
        for inner_name, inner_field in named.fields.items()
        if depth < _MAX_DEPTH or is_leaf_type(get_named_type(inner_field.type))
    ]
    return f"{text} {{ {' '.join(inner)} }}"


def _literal(named: object) -> str:
    if isinstance(named, GraphQLInputObjectType):
        fields = {name: one for name, one in named.fields.items() if is_required_input_field(one)}
        inner = [f"{name}: {_literal(get_named_type(one.type))}" for name, one in fields.items()]
        return "{" + ", ".join(inner) + "}"
    if is_enum_type(named):
        assert isinstance(named, GraphQLEnumType)
        name: str = next(iter(named.values))
        return name
    return _LITERALS[str(named)]
