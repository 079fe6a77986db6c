"""Tokens of an external issuer, whose keys a real server publishes."""

import asyncio
import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import jwt
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from graphql_api.auth.oidc import (
    BELIEVED_S,
    MAX_KEY_SET_BYTES,
    MAX_LIFETIME_S,
    MIN_INTERVAL_S,
    REFRESH_AFTER_S,
    RETRY_S,
    ExternalIssuer,
    issuer_options,
)
from graphql_api.auth.principal import Role
from graphql_api.auth.tokens import LEEWAY_S, InvalidTokenError
from schemas.settings import Settings
from tests.integration.graphql_api.conftest import Api
from tests.integration.graphql_api.sockets import close_code, receive, socket

pytestmark = pytest.mark.integration

ME = "{ me { id name role isMachine } }"
KEYS = {name: generate_private_key(public_exponent=65_537, key_size=2_048) for name in ("a", "b")}


@dataclass
class Issuer:
    """Publishes keys, signs tokens, and breaks when told to."""

    published: list[str] = field(default_factory=lambda: ["a"])
    answer: web.Response | None = None
    fetches: int = 0
    url: str = ""

    async def serve(self, _request: web.Request) -> web.Response:
        self.fetches += 1
        if self.answer is not None:
            return web.Response(
                body=self.answer.body, status=self.answer.status, headers=self.answer.headers
            )
        return web.json_response({"keys": [self._jwk(name) for name in self.published]})

    def _jwk(self, name: str) -> dict[str, Any]:
        return {**RSAAlgorithm.to_jwk(KEYS[name].public_key(), as_dict=True), "kid": name}

    def claims(self, **changes: object) -> dict[str, Any]:
        now = int(time.time())
        good = {
            "iss": "https://id.example",
            "aud": ["aiops", "account"],
            "sub": "42",
            "iat": now,
            "exp": now + 300,
            "preferred_username": "anna",
            "realm_access": {"roles": ["offline", "ops"]},
        }
        return {name: value for name, value in {**good, **changes}.items() if value != "absent"}

    def token(
        self,
        *,
        kid: str = "a",
        key: RSAPrivateKey | None = None,
        header: dict[str, object] | None = None,
        **changes: object,
    ) -> str:
        headers = {"kid": kid, "typ": "at+jwt", **(header or {})}
        signing = key or KEYS.get(kid, KEYS["a"])
        return jwt.encode(self.claims(**changes), signing, algorithm="RS256", headers=headers)


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """A served issuer."""
    served = Issuer()
    app = web.Application()
    app.router.add_get("/jwks", served.serve)
    async with TestServer(app) as server:
        served.url = str(server.make_url("/jwks"))
        yield served


def with_issuer(settings: Settings, issuer: Issuer) -> Settings:
    return msgspec.structs.replace(
        settings,
        oidc_issuer="https://id.example",
        oidc_audience="aiops",
        oidc_jwks_url=issuer.url,
        oidc_role_claim="realm_access.roles",
        oidc_roles="staff=viewer,ops=operator,root=admin",
    )


@pytest.fixture
def api_settings(database: str, issuer: Issuer) -> Settings:
    settings = Settings(postgres_dsn=database, kafka_bootstrap="127.0.0.1:9", submit_timeout_s=1.0)
    return with_issuer(settings, issuer)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Verifier:
    """The verifying side, and whether it takes a token."""

    external: ExternalIssuer
    clock: Clock

    async def takes(self, token: str) -> bool:
        try:
            await self.external.principal_of(token)
        except InvalidTokenError:
            return False
        return True


@pytest.fixture
async def verifier(issuer: Issuer) -> AsyncIterator[Verifier]:
    """A verifier with a clock of its own."""
    options = issuer_options(with_issuer(Settings(), issuer))
    assert options is not None
    clock = Clock()
    external = ExternalIssuer(options, clock)
    yield Verifier(external, clock)
    await external.close()


async def test_a_token_of_the_issuer_opens_what_its_role_may(api: Api, issuer: Issuer) -> None:
    token = issuer.token()

    me = await (await api.post(ME, token=token)).json()
    users = await (await api.post("{ users { id } }", token=token)).json()
    logout = await (await api.post("mutation { logout }", token=token)).json()
    async with socket(api, token) as ws:
        await ws.send_json({"type": "subscribe", "id": "1", "payload": {"query": ME}})
        over_socket = (await receive(ws))["payload"]

    assert me["data"]["me"] == {
        "id": "oidc:42", "name": "oidc anna", "role": "OPERATOR", "isMachine": False,
    }  # fmt: skip
    assert over_socket["data"] == me["data"]
    codes = [one["errors"][0]["extensions"]["code"] for one in (users, logout)]
    assert codes == ["FORBIDDEN", "BAD_USER_INPUT"]


async def test_an_expired_token_of_the_issuer_closes_its_socket(api: Api, issuer: Issuer) -> None:
    now = int(time.time())
    async with socket(api, issuer.token(iat=now - 60, exp=now + 1)) as ws:
        code = await close_code(ws)

    assert code == 4401


async def test_a_revoked_role_counts_at_once(verifier: Verifier, issuer: Issuer) -> None:
    found = [
        (await verifier.external.principal_of(issuer.token(realm_access={"roles": roles}))).role
        for roles in (["staff"], ["staff", "root"], "ops")
    ]

    assert found == [Role.VIEWER, Role.ADMIN, Role.OPERATOR]


def public_key_as_secret(issuer: Issuer) -> str:
    pem = KEYS["a"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "kid": "a", "typ": "JWT"}
    segments = [
        urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=")
        for one in (header, issuer.claims())
    ]
    content = b".".join(segments)
    signature = urlsafe_b64encode(hmac.new(pem, content, hashlib.sha256).digest()).rstrip(b"=")
    return b".".join([content, signature]).decode()


async def test_forged_tokens_are_refused(api: Api, issuer: Issuer) -> None:
    now = int(time.time())
    forged = {
        "issuer": issuer.token(iss="https://evil.example"),
        "issuer absent": issuer.token(iss="absent"),
        "audience": issuer.token(aud="account"),
        "audience absent": issuer.token(aud="absent"),
        "expired": issuer.token(iat=now - 600, exp=now - LEEWAY_S - 1),
        "expiry absent": issuer.token(exp="absent"),
        "expiry text": issuer.token(exp=str(now + 300)),
        "expiry far": issuer.token(exp=now + MAX_LIFETIME_S + 60),
        "expiry huge": issuer.token(exp=10**30),
        "issued later": issuer.token(iat=now + 3_600, exp=now + 3_900),
        "issued absent": issuer.token(iat="absent"),
        "not yet": issuer.token(nbf=now + 3_600),
        "subject absent": issuer.token(sub="absent"),
        "subject empty": issuer.token(sub=""),
        "subject long": issuer.token(sub="x" * 300),
        "no role": issuer.token(realm_access={"roles": ["nobody"]}),
        "roles absent": issuer.token(realm_access="absent"),
        "roles number": issuer.token(realm_access=1),
        "roles of lists": issuer.token(realm_access={"roles": [["root"]]}),
        "unknown key": issuer.token(kid="c"),
        "another's key": issuer.token(key=KEYS["b"]),
        "critical": issuer.token(header={"crit": ["exp"]}),
        "type": issuer.token(header={"typ": "rt+jwt"}),
        "none": jwt.encode(issuer.claims(), "", algorithm="none", headers={"kid": "a"}),
        "public key as secret": public_key_as_secret(issuer),
        "cut short": issuer.token()[:-8],
    }

    statuses = {
        name: (await api.post(ME, role=None, token=token)).status for name, token in forged.items()
    }

    assert statuses == dict.fromkeys(forged, 401)


async def test_an_unknown_key_asks_again_once_a_minute(verifier: Verifier, issuer: Issuer) -> None:
    assert await verifier.takes(issuer.token())
    issuer.published = ["a", "b"]
    early = [await verifier.takes(issuer.token(kid="b")) for _ in range(20)]
    fetched_early = issuer.fetches
    verifier.clock.now_s += MIN_INTERVAL_S
    later = await verifier.takes(issuer.token(kid="b"))
    unknown = [await verifier.takes(issuer.token(kid=f"x{number}")) for number in range(20)]

    assert (early, fetched_early) == ([False] * 20, 1)
    assert (later, unknown, issuer.fetches) == (True, [False] * 20, 2)


async def test_many_at_once_fetch_the_keys_once(verifier: Verifier, issuer: Issuer) -> None:
    taken = await asyncio.gather(*(verifier.takes(issuer.token()) for _ in range(20)))

    assert taken == [True] * 20
    assert issuer.fetches == 1


async def test_a_withdrawn_key_is_forgotten(verifier: Verifier, issuer: Issuer) -> None:
    assert await verifier.takes(issuer.token())
    issuer.published = ["b"]
    verifier.clock.now_s += REFRESH_AFTER_S

    assert not await verifier.takes(issuer.token())
    assert await verifier.takes(issuer.token(kid="b"))


async def test_known_keys_outlive_an_outage_for_a_while(verifier: Verifier, issuer: Issuer) -> None:
    assert await verifier.takes(issuer.token())
    issuer.answer = web.Response(status=500)
    taken = []
    for age_s in (REFRESH_AFTER_S, BELIEVED_S - 1, BELIEVED_S):
        verifier.clock.now_s = 1_000.0 + age_s
        taken.append(await verifier.takes(issuer.token()))
    issuer.answer = None
    verifier.clock.now_s += RETRY_S
    again = await verifier.takes(issuer.token())

    assert (taken, again) == ([True, True, False], True)


@pytest.mark.parametrize(
    "broken",
    [
        web.Response(status=500),
        web.Response(status=302, headers={"Location": "/jwks"}),
        web.Response(body=b"no keys"),
        web.Response(body=b'{"keys": {}}'),
        web.Response(body=b'{"keys": []}' + b" " * MAX_KEY_SET_BYTES),
    ],
    ids=["error", "redirect", "garbage", "other shape", "huge"],
)
async def test_without_keys_nothing_of_the_issuer_is_taken(
    verifier: Verifier, issuer: Issuer, broken: web.Response
) -> None:
    issuer.answer = broken

    assert not await verifier.takes(issuer.token())


async def test_our_own_tokens_do_not_need_the_issuer(api: Api, issuer: Issuer) -> None:
    issuer.answer = web.Response(status=500)

    assert (await api.post(ME, role=None, token=issuer.token())).status == 401
    assert (await api.ask(ME, role="viewer"))["me"]["name"] == "viewer"
    assert issuer.fetches == 1
