"""Logins, refreshes, revocation, roles, over HTTP and a real database."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import msgspec
import pytest
from aiohttp.test_utils import TestClient

from graphql_api.app import SERVICES, create_app
from graphql_api.auth.sessions import MAX_FAILURES_PER_ACCOUNT
from schemas.db.pool import Connection
from tests.integration.graphql_api.conftest import LOGIN, PASSWORD, Api, ApiServer

pytestmark = pytest.mark.integration

ME = "{ me { name role isMachine } }"
REFRESH = (
    "mutation($t: String!) { refreshSession(refreshToken: $t)"
    " { accessToken refreshToken user { username } } }"
)


class Gathering:
    """Holds passwords back until so many have been checked: all have passed the first gate."""

    def __init__(self, size: int) -> None:
        self._barrier = asyncio.Barrier(size)

    def wrapping(self, check: Callable[..., Awaitable[bool]]) -> Callable[..., Awaitable[bool]]:
        async def gathered(stored: str | None, password: str) -> bool:
            is_right = await check(stored, password)
            await self._barrier.wait()
            return is_right

        return gathered


async def refreshed(api: Api, refresh_token: str) -> Any:
    answer = await api.post(REFRESH, role=None, variables={"t": refresh_token})
    return await answer.json()


async def is_accepted(api: Api, token: str) -> bool:
    return (await api.post(ME, token=token)).status == 200


async def becomes_refused(api: Api, token: str) -> float:
    """Return after how many seconds a token stops working."""
    started = time.monotonic()
    while await is_accepted(api, token):
        assert time.monotonic() - started < 10
        await asyncio.sleep(0.02)
    return time.monotonic() - started


async def test_a_login_tells_who_one_is(api: Api) -> None:
    assert await api.ask(ME, role="operator") == {
        "me": {"name": "operator", "role": "OPERATOR", "isMachine": False}
    }


async def test_a_wrong_name_and_a_wrong_password_look_alike(api: Api) -> None:
    query = "mutation { login(username: %s, password: %s) { accessToken } }"

    answers = [
        await (await api.post(query % (f'"{name}"', f'"{password}"'), role=None)).json()
        for name, password in (("viewer", "wrong password"), ("nobody", PASSWORD))
    ]

    assert answers[0] == answers[1]
    assert answers[0]["errors"][0]["extensions"]["code"] == "INVALID_CREDENTIALS"


async def test_many_failed_logins_are_throttled_and_the_right_password_too(api: Api) -> None:
    codes = []
    for _ in range(MAX_FAILURES_PER_ACCOUNT + 1):
        answer = await api.post(
            'mutation { login(username: "viewer", password: "guess") { accessToken } }', role=None
        )
        codes.append((await answer.json())["errors"][0]["extensions"]["code"])

    assert codes == ["INVALID_CREDENTIALS"] * MAX_FAILURES_PER_ACCOUNT + ["RATE_LIMITED"]
    assert await api.refusal(LOGIN, role=None, u="viewer", p=PASSWORD) == "RATE_LIMITED"


async def test_guesses_made_at_once_learn_no_more_than_the_limit_allows(
    api: Api, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    guess = 'mutation { login(username: "viewer", password: "%s") { accessToken } }'
    passwords = [f"guess {number}" for number in range(MAX_FAILURES_PER_ACCOUNT + 5)]
    hashes = Gathering(MAX_FAILURES_PER_ACCOUNT + 5)
    assert api.client.app is not None
    checked = api.client.app[SERVICES].passwords
    monkeypatch.setattr(checked, "is_right", hashes.wrapping(checked.is_right))

    answers = await asyncio.gather(*(api.post(guess % one, role=None) for one in passwords))
    codes = Counter([(await one.json())["errors"][0]["extensions"]["code"] for one in answers])

    assert codes == {"INVALID_CREDENTIALS": MAX_FAILURES_PER_ACCOUNT, "RATE_LIMITED": 5}
    assert (
        await connection.fetchval(
            "SELECT count(*) FROM login_failures WHERE subject LIKE 'account:%'"
        )
        == MAX_FAILURES_PER_ACCOUNT
    )


async def test_guessing_the_current_password_is_throttled_too(api: Api) -> None:
    change = (
        'mutation { changePassword(currentPassword: "guess", newPassword: "battery staple horse") }'
    )

    codes = [await api.refusal(change) for _ in range(MAX_FAILURES_PER_ACCOUNT + 1)]

    assert codes == ["INVALID_CREDENTIALS"] * MAX_FAILURES_PER_ACCOUNT + ["RATE_LIMITED"]


async def test_fifty_parallel_refreshes_give_one_successor(
    api: Api, connection: Connection
) -> None:
    grant = await api.login("viewer")

    answers = await asyncio.gather(*(refreshed(api, grant["refreshToken"]) for _ in range(50)))

    successors = {answer["data"]["refreshSession"]["refreshToken"] for answer in answers}
    assert len(successors) == 1
    assert (
        await connection.fetchval(
            "SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL AND session_id = "
            "(SELECT session_id FROM refresh_tokens ORDER BY created_at DESC LIMIT 1)"
        )
        == 1
    )


async def test_a_refresh_token_reused_after_the_grace_ends_the_session(
    api: Api, connection: Connection
) -> None:
    grant = await api.login("viewer")
    successor = (await refreshed(api, grant["refreshToken"]))["data"]["refreshSession"]
    await connection.execute(
        "UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds' "
        "WHERE used_at IS NOT NULL"
    )

    stolen = await refreshed(api, grant["refreshToken"])
    await becomes_refused(api, successor["accessToken"])
    rightful = await refreshed(api, successor["refreshToken"])

    codes = [one["errors"][0]["extensions"]["code"] for one in (stolen, rightful)]
    assert codes == ["INVALID_CREDENTIALS", "INVALID_CREDENTIALS"]
    assert (
        await connection.fetchval(
            "SELECT count(*) FROM audit_log WHERE operation = 'refresh_reused'"
        )
        == 1
    )


async def test_a_logout_in_one_process_reaches_another(signed_apis: tuple[Api, Api]) -> None:
    one, other = signed_apis
    token = (await one.login("viewer"))["accessToken"]
    assert await is_accepted(one, token)
    assert await is_accepted(other, token)

    await one.post("mutation { logout }", token=token)

    assert await becomes_refused(other, token) < 1


async def test_logging_out_everywhere_ends_all_sessions(api: Api) -> None:
    grants = [await api.login("viewer") for _ in range(3)]

    await api.post("mutation { logoutEverywhere }", token=grants[0]["accessToken"])

    for grant in grants:
        assert await becomes_refused(api, grant["accessToken"]) < 1
    assert await is_accepted(api, api.tokens["operator"])


async def test_a_new_role_counts_from_the_next_request_on(api: Api) -> None:
    change = 'mutation { setUserRole(username: "viewer", role: OPERATOR) { role } }'

    await api.ask(change, role="admin")
    for _ in range(50):
        if (await api.ask(ME, role="viewer"))["me"]["role"] == "OPERATOR":
            break
        await asyncio.sleep(0.02)

    assert (await api.ask(ME, role="viewer"))["me"]["role"] == "OPERATOR"


async def test_the_last_admin_stays(api: Api) -> None:
    demote = 'mutation { setUserRole(username: "admin", role: VIEWER) { role } }'
    disable = 'mutation { setUserDisabled(username: "admin", isDisabled: true) { id } }'

    assert await api.refusal(demote, role="admin") == "CONFLICT"
    assert await api.refusal(disable, role="admin") == "CONFLICT"


async def test_two_admins_cannot_demote_each_other_at_once(api: Api) -> None:
    await api.ask(
        f'mutation {{ createUser(username: "second", password: "{PASSWORD}", role: ADMIN)'
        " { id } }",
        role="admin",
    )
    api.tokens["second"] = (await api.login("second"))["accessToken"]
    demote = "mutation($u: String!) { setUserRole(username: $u, role: VIEWER) { role } }"

    answers = await asyncio.gather(
        api.post(demote, role="admin", variables={"u": "second"}),
        api.post(demote, role="second", variables={"u": "admin"}),
    )
    users = await asyncio.gather(*(answer.json() for answer in answers))

    assert sum("errors" not in answer for answer in users) == 1


async def test_an_api_key_works_until_it_is_revoked(api: Api) -> None:
    made = await api.ask(
        'mutation { createApiKey(name: "ci", role: VIEWER, days: 1)'
        " { secret apiKey { id isRevoked } } }",
        role="admin",
    )
    secret, key = made["createApiKey"]["secret"], made["createApiKey"]["apiKey"]
    me = await (await api.post(ME, token=secret)).json()
    await api.ask(
        "mutation($id: ID!) { revokeApiKey(id: $id) { isRevoked } }", role="admin", id=key["id"]
    )

    assert me["data"]["me"] == {"name": "key ci", "role": "VIEWER", "isMachine": True}
    assert await becomes_refused(api, secret) < 1


async def test_a_changed_password_ends_the_sessions(api: Api) -> None:
    grant = await api.login("viewer")
    change = (
        f'mutation {{ changePassword(currentPassword: "{PASSWORD}",'
        ' newPassword: "another battery staple") }'
    )

    await api.post(change, token=grant["accessToken"])

    assert await becomes_refused(api, grant["accessToken"]) < 1
    assert (await api.login("viewer", "another battery staple"))["user"]["role"] == "VIEWER"


async def test_reads_run_as_a_role_that_cannot_write_or_see_secrets(api: Api) -> None:
    assert api.client.app is not None
    database = api.client.app[SERVICES].database
    refused = []
    for statement in (
        "DELETE FROM log_chunks",
        "INSERT INTO idempotency_keys VALUES ('a', 'b', '')",
        "SELECT password_hash FROM users",
        "SELECT * FROM refresh_tokens",
        "SET ROLE NONE; DELETE FROM users",
    ):
        try:
            await database.fetch(statement)
        except asyncpg.PostgresError as exc:
            refused.append(type(exc).__name__)

    assert refused == [
        "ReadOnlySQLTransactionError",
        "ReadOnlySQLTransactionError",
        "InsufficientPrivilegeError",
        "InsufficientPrivilegeError",
        "PostgresSyntaxError",
    ]


async def test_the_audit_log_cannot_be_changed(api: Api, connection: Connection) -> None:
    for statement in (
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
    ):
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await connection.execute(statement)


async def test_an_admin_reads_who_did_what(api: Api) -> None:
    await api.ask(
        'mutation($p: String!) { createUser(username: "new", password: $p, role: VIEWER) { id } }',
        role="admin",
        p=PASSWORD,
    )

    data = await api.ask(
        '{ auditLog(first: 2, actor: "admin") { edges { node { actor role operation target } } } }',
        role="admin",
    )

    assert data["auditLog"]["edges"][0]["node"] == {
        "actor": "admin",
        "role": "admin",
        "operation": "create_user",
        "target": "new as viewer",
    }


async def test_keys_rotate_without_a_failed_request(
    signing_keys: tuple[str, str], signed_apis: tuple[Api, Api]
) -> None:
    old, new = signing_keys
    signed_api = signed_apis[0]
    token = (await signed_api.login("viewer"))["accessToken"]
    rotated = msgspec.structs.replace(
        signed_api.settings, api_signing_key=new, api_previous_signing_keys=old
    )
    async with TestClient(ApiServer(create_app(rotated))) as client:
        after = Api(client, rotated, {})
        jwks = await (await client.get("/.well-known/jwks.json")).json()

        assert await is_accepted(after, token)
        assert await is_accepted(after, (await after.login("viewer"))["accessToken"])
        assert len({key["kid"] for key in jwks["keys"]}) == 2
        assert all("d" not in key for key in jwks["keys"])
