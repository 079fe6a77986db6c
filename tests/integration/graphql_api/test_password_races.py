"""A password that is changed while it is checked."""

from typing import Any

import pytest

from graphql_api.app import SERVICES
from graphql_api.auth import sessions
from graphql_api.auth.passwords import Passwords
from graphql_api.store import accounts
from schemas.db.pool import Connection
from tests.integration.graphql_api.conftest import LOGIN, PASSWORD, Api

pytestmark = pytest.mark.integration

NEW = "battery staple horse"
OTHER = "staple horse battery"
RESET = 'mutation($p: String!) { resetPassword(username: "viewer", password: $p) { id } }'
DISABLE = 'mutation { setUserDisabled(username: "viewer", isDisabled: true) { id } }'
CHANGE = (
    "mutation($from: String!, $to: String!) "
    "{ changePassword(currentPassword: $from, newPassword: $to) }"
)
SESSIONS = "SELECT count(*) FROM sessions WHERE revoked_at IS NULL AND user_id = $1::uuid"


def passwords_of(api: Api) -> Passwords:
    assert api.client.app is not None
    return api.client.app[SERVICES].passwords


class OnceAfter:
    """Does something else after the first call of a method of the passwords."""

    def __init__(
        self, api: Api, monkeypatch: pytest.MonkeyPatch, name: str, *meanwhile: tuple[str, Any]
    ) -> None:
        self._api = api
        self._called = getattr(passwords_of(api), name)
        self._meanwhile = list(meanwhile)
        monkeypatch.setattr(passwords_of(api), name, self)

    async def __call__(self, *arguments: Any) -> Any:
        answer = await self._called(*arguments)
        waiting, self._meanwhile = self._meanwhile, []
        for query, variables in waiting:
            await self._api.ask(query, role="admin", **variables)
        return answer


async def live_sessions(connection: Connection) -> int:
    found = await accounts.select_credentials(connection, "viewer")
    assert found is not None
    count: int = await connection.fetchval(SESSIONS, found.user.user_id)
    return count


@pytest.mark.parametrize("meanwhile", [(RESET, {"p": NEW}), (DISABLE, {})])
async def test_a_login_that_is_overtaken_by_a_reset_or_a_ban_opens_no_session(
    api: Api, connection: Connection, monkeypatch: pytest.MonkeyPatch, meanwhile: tuple[str, Any]
) -> None:
    OnceAfter(api, monkeypatch, "is_right", meanwhile)

    assert await api.refusal(LOGIN, role=None, u="viewer", p=PASSWORD) == "INVALID_CREDENTIALS"
    assert await live_sessions(connection) == 0


async def test_hashing_a_password_anew_does_not_bring_it_back(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    OnceAfter(api, monkeypatch, "is_right", (RESET, {"p": NEW}))
    monkeypatch.setattr(sessions, "needs_rehash", lambda _: True)

    codes = [await api.refusal(LOGIN, role=None, u="viewer", p=PASSWORD) for _ in range(2)]

    assert codes == ["INVALID_CREDENTIALS"] * 2
    assert (await api.login("viewer", NEW))["accessToken"]


async def test_a_password_that_is_hashed_anew_is_good_for_its_login(
    api: Api, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await accounts.select_credentials(connection, "viewer")
    monkeypatch.setattr(sessions, "needs_rehash", lambda _: True)
    grant = await api.login("viewer")
    after = await accounts.select_credentials(connection, "viewer")

    assert grant["accessToken"]
    assert before is not None
    assert after is not None
    assert before.password_hash != after.password_hash


async def test_a_change_by_a_former_password_does_not_undo_a_reset(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever knew the former one would keep the account."""
    OnceAfter(api, monkeypatch, "is_right", (RESET, {"p": NEW}))
    variables = {"from": PASSWORD, "to": OTHER}
    answer = await (await api.post(CHANGE, variables=variables)).json()

    assert answer["errors"][0]["extensions"]["code"] == "INVALID_CREDENTIALS"
    assert (await api.login("viewer", NEW))["accessToken"]
