"""Every root field for every kind of sender, over HTTP."""

import time

import jwt
import pytest

from graphql_api.app import SERVICES
from graphql_api.auth.policy import POLICY
from graphql_api.auth.principal import Role
from tests.documents import root_documents
from tests.integration.graphql_api.conftest import Api
from tests.integration.graphql_api.test_access import becomes_refused

pytestmark = pytest.mark.integration

ROLES = {"viewer": Role.VIEWER, "operator": Role.OPERATOR, "admin": Role.ADMIN}
# They end the session of the sender, which the rest of the matrix needs.
ENDING = {"Mutation.logout", "Mutation.logoutEverywhere"}


async def codes_of(api: Api, document: str, token: str | None) -> set[str]:
    answer = await (await api.post(document, role=None, token=token)).json()
    return {error["extensions"]["code"] for error in answer.get("errors", [])}


@pytest.mark.timeout(600)
async def test_every_field_is_refused_to_whom_it_is_not_for(api: Api) -> None:
    wrong = []
    for coordinate, document in root_documents().items():
        for name, role in ROLES.items():
            if coordinate in ENDING:
                continue
            codes = await codes_of(api, document, api.tokens[name])
            is_refused = bool(codes & {"FORBIDDEN", "UNAUTHENTICATED"})
            if is_refused != (role < POLICY[coordinate]):
                wrong.append((coordinate, name, codes))

    assert wrong == []


async def test_only_logins_and_refreshes_are_open_to_everybody(api: Api) -> None:
    opened = {
        coordinate
        for coordinate, document in root_documents().items()
        if "UNAUTHENTICATED" not in await codes_of(api, document, None)
    }

    assert opened == {"Mutation.login", "Mutation.refreshSession"}


async def test_nothing_is_open_to_an_expired_or_a_revoked_token(api: Api) -> None:
    assert api.client.app is not None
    services = api.client.app[SERVICES]
    claims = jwt.decode(api.tokens["admin"], options={"verify_signature": False})
    expired = services.tokens.issue(
        subject=claims["sub"], session_id=claims["sid"], now_s=time.time() - 400
    )
    revoked = (await api.login("admin"))["accessToken"]
    await api.post("mutation { logout }", token=revoked)
    await becomes_refused(api, revoked)

    for document in root_documents().values():
        for token in (expired, revoked):
            answer = await api.post(document, role=None, token=token)

            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
