"""The operations that are open to everybody, and everything that is not."""

import pytest

from graphql_api.anonymous import MUTATION, TYPE, TYPENAME, open_operation

OPEN = {
    "{ __typename }": TYPENAME,
    "{__typename}": TYPENAME,
    "query { __typename }": TYPENAME,
    "query Query { __typename }": TYPENAME,
    "query Type($name: String!) { __type(name: $name) { name } }": TYPE,
    'mutation { login(username: "a", password: "b") { accessToken } }': MUTATION,
    "mutation L($u: String!, $p: String!) { login(username: $u, password: $p)"
    " { accessToken user { role } } }": MUTATION,
    'mutation { session: login(username: "}", password: """{ x""") { accessToken } }': MUTATION,
    'mutation { refreshSession(refreshToken: "t") { accessToken } } # comment': MUTATION,
}
CLOSED = [
    "",
    "{",
    "{ }",
    "{ logEntries { id } }",
    "{ __schema { types { name } } }",
    '{ __type(name: "Query") { name fields { name } } }',
    "query Type($name: String!) { __type(name: $name) { name kind } }",
    "{ __typename logEntries { id } }",
    "{ a: __typename }",
    "{ __typename } { __typename }",
    "query CoerceFailure($id: ID!){ __typename }",
    "subscription { __typename }",
    'mutation { login(username: "a", password: "b") { accessToken } logout }',
    'mutation { a: login(username: "a", password: "b") b: login(username: "a", password: "c") }',
    'mutation { logout } mutation { login(username: "a") { x } }',
    'mutation { login(username: "a", password: "b") { accessToken }',
    'mutation { login(username: "a", password: "b") { accessToken } } }',
    "mutation { login }",
    "mutation { logout }",
    "mutation { ...login }",
    "mutation @skip(if: true) { login(u: 1) { a } }",
    "fragment login on Mutation { logout } mutation { ...login }",
    "login",
    "mutation",
    'mutation { login(username: "' + "x" * 5_000 + '") { accessToken } }',
    "mutation { login(a: [" + "1 " * 300 + "]) { accessToken } }",
    '"unterminated',
]


@pytest.mark.parametrize("document", OPEN)
def test_an_open_operation_is_known_by_its_tokens(document: str) -> None:
    assert open_operation(document) == OPEN[document]


@pytest.mark.parametrize("document", CLOSED)
def test_everything_else_is_closed(document: str) -> None:
    assert open_operation(document) is None
