"""The schema as a whole: its exported text, its policy, its descriptions."""

from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    is_specified_scalar_type,
)

from graphql_api.auth.policy import POLICY, required_role
from graphql_api.schema import SCHEMA, schema_text

EXPORTED = Path(__file__).parents[3] / "graphql_api" / "schema.graphql"


def own_types() -> list[GraphQLNamedType]:
    return [
        one
        for name, one in SCHEMA.type_map.items()
        if not name.startswith("__") and not is_specified_scalar_type(one)
    ]


def object_types() -> list[GraphQLObjectType]:
    return [one for one in own_types() if isinstance(one, GraphQLObjectType)]


def test_the_exported_schema_is_the_served_one() -> None:
    assert EXPORTED.read_text(encoding="utf-8") == schema_text(), (
        "run `python -m graphql_api.export_schema`"
    )


def test_every_field_has_a_policy() -> None:
    missing = [
        f"{one.name}.{field}"
        for one in object_types()
        for field in one.fields
        if required_role(f"{one.name}.{field}") is None
    ]

    assert missing == []


def test_every_root_field_has_a_line_of_its_own() -> None:
    roots = [one for one in (SCHEMA.query_type, SCHEMA.mutation_type) if one is not None]

    missing = [
        f"{root.name}.{field}"
        for root in roots
        for field in root.fields
        if f"{root.name}.{field}" not in POLICY
    ]

    assert missing == []


def test_the_policy_names_nothing_that_is_not_there() -> None:
    known = {f"{one.name}.{field}" for one in object_types() for field in one.fields}
    known |= {f"{one.name}.*" for one in object_types()}

    assert set(POLICY) - known == set()


def test_everything_is_described() -> None:
    missing = [one.name for one in own_types() if not one.description]
    for one in own_types():
        if isinstance(one, GraphQLObjectType | GraphQLInputObjectType):
            for name, field in one.fields.items():
                missing += [] if field.description else [f"{one.name}.{name}"]
                missing += [
                    f"{one.name}.{name}({argument})"
                    for argument, described in getattr(field, "args", {}).items()
                    if not described.description
                ]

    assert missing == []


def test_custom_scalars_and_enums_are_few_and_known() -> None:
    kinds = (GraphQLScalarType, GraphQLEnumType)
    names = {one.name for one in own_types() if isinstance(one, kinds)}

    assert names == {
        "AttributedBy",
        "BumpLevel",
        "ChangelogHeadings",
        "CommitRecordStatus",
        "DateTime",
        "DecidedBy",
        "FindingKind",
        "FindingState",
        "JSON",
        "LogEntryStatus",
        "LogSeverity",
        "Long",
        "ReasonKind",
        "ReleaseKind",
        "ReplayRequestStatus",
        "ReplayState",
        "RevertEffect",
        "Role",
        "SquashedLines",
        "TicketRecordStatus",
        "UnconventionalCommits",
    }
