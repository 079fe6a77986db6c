"""What schemathesis checks of each answer: it is typed, and nothing unexpected happened."""

import schemathesis
from schemathesis import CheckContext, Response

from graphql_api.errors import ErrorCode

EXPECTED = frozenset(ErrorCode) - {ErrorCode.INTERNAL}


@schemathesis.check
def answers_with_known_codes(_ctx: CheckContext, response: Response, _case: object) -> None:
    """Refuse an answer that is no GraphQL result, or that has an error without a known code."""
    assert response.status_code < 500
    body = response.json()
    assert "data" in body or body["errors"], body
    codes = {error["extensions"]["code"] for error in body.get("errors", [])}
    assert codes <= EXPECTED, body
