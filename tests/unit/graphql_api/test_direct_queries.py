"""Which queries are answered without an executor, and that values of a wrong kind are not."""

import json
from math import inf, nan

import pytest
from graphql import (
    FieldNode,
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLString,
    NameNode,
    OperationDefinitionNode,
    parse,
)

from graphql_api.columns import NotPlainError, completer_of
from graphql_api.direct_queries import compile_query
from graphql_api.logs import LogEntry, LogEntryStatus
from graphql_api.schema import SCHEMA
from graphql_api.wire import encoded
from schemas.ids import RecordId

DIRECT = (
    "{ logEntries(limit: 50) { id summary created_at } }",
    "query Q($n: Int!) { found: logEntries(limit: $n) { __typename id status severity } }",
    "{ logLines { edges { cursor node { id partition } } pageInfo { hasNextPage endCursor } } }",
    "{ me { name role } }",
    "{ services }",
)
BY_THE_LIBRARY = (
    "mutation { logout }",
    "subscription { logTail { skipped } }",
    "{ __typename }",
    "{ __schema { queryType { name } } }",
    "{ services me { name } }",
    "{ services @include(if: true) }",
    "{ ...f } fragment f on Query { services }",
    "{ logEntries { id @skip(if: true) body } }",
    "{ logEntries { ... on LogEntry { id } } }",
    "{ logEntries { id templateId } }",
    "{ logLines { edges { node { id } node { body } } } }",
)


def operation_of(text: str) -> OperationDefinitionNode:
    (node,) = (one for one in parse(text).definitions if isinstance(one, OperationDefinitionNode))
    return node


@pytest.mark.parametrize("text", DIRECT)
def test_plain_queries_are_direct(text: str) -> None:
    assert compile_query(SCHEMA, operation_of(text)) is not None


@pytest.mark.parametrize("text", BY_THE_LIBRARY)
def test_other_documents_are_left_to_the_library(text: str) -> None:
    operation = next(one for one in parse(text).definitions)

    assert isinstance(operation, OperationDefinitionNode)
    assert compile_query(SCHEMA, operation) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", None),
        ("id", 7),
        ("summary", b"x"),
        ("created_at", 1.0),
        ("rawIsBase64", 1),
        ("index", 2**31),
        ("index", True),
        ("offset", "1"),
        ("status", "DONE"),
        ("status", []),
    ],
)
def test_a_value_of_a_wrong_kind_is_refused(field: str, value: object) -> None:
    assert SCHEMA.query_type is not None
    definition = SCHEMA.query_type.fields["logEntries"]
    node = operation_of(f"{{ logEntries {{ {field} }} }}").selection_set.selections[0]
    entry = LogEntry.without_event(RecordId("t", 0, 1), LogEntryStatus.DONE)
    attribute = {"rawIsBase64": "raw_is_base64"}.get(field, field)
    complete = completer_of(definition.type, node)  # type: ignore[arg-type]  # it is a field
    assert complete is not None
    assert json.loads(encoded(complete([[entry]])))[0][0].keys() == {field}

    setattr(entry, attribute, value)

    with pytest.raises(NotPlainError):
        complete([[entry]])


NODE = FieldNode(name=NameNode(value="field"))


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        (GraphQLFloat, inf),
        (GraphQLFloat, nan),
        (GraphQLFloat, True),
        (GraphQLFloat, "1.5"),
        (GraphQLInt, -(2**31) - 1),
        (GraphQLInt, 1.0),
        (GraphQLBoolean, 0),
        (GraphQLString, 1),
        (GraphQLID, None),
    ],
)
def test_a_scalar_that_its_type_does_not_hold_is_refused(
    scalar: GraphQLScalarType, value: object
) -> None:
    complete = completer_of(GraphQLNonNull(scalar), NODE)
    assert complete is not None

    with pytest.raises(NotPlainError):
        complete([value])


@pytest.mark.parametrize(
    ("scalar", "values"),
    [
        (GraphQLFloat, [1.5, None, -1e308]),
        (GraphQLInt, [-(2**31), None, 2**31 - 1]),
        (GraphQLBoolean, [True, None, False]),
        (GraphQLString, ["", None, "a"]),
        (SCHEMA.type_map["Long"], [-(2**63), None, 2**64]),
    ],
)
def test_scalars_go_out_as_they_are(scalar: GraphQLScalarType, values: list[object]) -> None:
    complete = completer_of(scalar, NODE)
    assert complete is not None

    assert complete(values) == values
