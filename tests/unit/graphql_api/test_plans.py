"""The declared cost of operations, and the fields they touch."""

from collections.abc import Mapping

from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse

from graphql_api.plans import OperationPlan, plan_operation
from graphql_api.schema import SCHEMA


def plan_of(text: str) -> OperationPlan:
    document = parse(text)
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    (operation,) = (
        node for node in document.definitions if isinstance(node, OperationDefinitionNode)
    )
    return plan_operation(SCHEMA, operation, fragments)


def cost_of(text: str, variables: Mapping[str, object] | None = None) -> int:
    return plan_of(text).cost(variables or {})


def test_the_cost_grows_with_the_page() -> None:
    assert (
        cost_of("{ logEntries(limit: 50) { id } }") - cost_of("{ logEntries(limit: 40) { id } }")
        == 10
    )


def test_a_variable_counts_as_its_literal_would() -> None:
    by_variable = "query($n: Int!) { logEntries(limit: $n) { id summary } }"

    assert cost_of(by_variable, {"n": 70}) == cost_of("{ logEntries(limit: 70) { id summary } }")


def test_a_variable_of_an_inner_page_counts_too() -> None:
    text = 'query($n: Int!) { changelog(repo: "a") { contributors(first: $n) { name } } }'
    plan = plan_of(text)

    assert plan.cost({"n": 70}) - plan.cost({"n": 10}) == 60


def test_an_absent_variable_counts_as_its_default() -> None:
    text = "query($n: Int = 30) { logEntries(limit: $n) { id } }"

    assert cost_of(text) == cost_of("{ logEntries(limit: 30) { id } }")


def test_a_wild_page_size_counts_as_the_largest_page() -> None:
    largest = cost_of("{ logEntries(limit: 500) { id } }")

    assert cost_of("{ logEntries(limit: 999999999999) { id } }") == largest
    assert cost_of("query($n: Int!) { logEntries(limit: $n) { id } }", {"n": "x"}) == largest


def test_the_edges_of_a_page_count_once_a_row() -> None:
    assert (
        cost_of("{ logLines(first: 20) { edges { cursor } } }")
        - cost_of("{ logLines(first: 10) { edges { cursor } } }")
        == 10 * 3
    )


def test_fragments_are_followed() -> None:
    plan = plan_of("{ ...f } fragment f on Query { me { ... on Viewer { name } } services }")

    assert plan.coordinates == {"Query.me", "Viewer.name", "Query.services"}


def test_a_password_hash_is_dear() -> None:
    assert cost_of('mutation { login(username: "a", password: "b") { accessToken } }') > 5_000
