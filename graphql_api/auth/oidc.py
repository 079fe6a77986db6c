"""Access tokens of an external OpenID Connect issuer, verified with the keys it publishes."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import jwt
import msgspec
import structlog

from graphql_api.auth.jwks import VerifyingKey, parse_key_set
from graphql_api.auth.principal import Principal, Role, role_of
from graphql_api.auth.tokens import LEEWAY_S, InvalidTokenError, canonical_segments
from schemas.errors import ConfigError
from schemas.settings import Settings

# A key set is asked for again from this age on, and not believed beyond the next.
REFRESH_AFTER_S: Final = 600.0
BELIEVED_S: Final = 3_600.0
# How soon an unknown key id may make us ask again, and how soon a failure may.
MIN_INTERVAL_S: Final = 60.0
RETRY_S: Final = 5.0
MAX_KEY_SET_BYTES: Final = 256 * 1024
# Nobody tells us when such a token is revoked: it must be short-lived.
MAX_LIFETIME_S: Final = 24 * 3_600
_FETCH_TIMEOUT_S: Final = 5.0
_MAX_TOKEN_LENGTH: Final = 8_192
# OpenID Connect Core 1.0, section 2.
_MAX_SUBJECT_LENGTH: Final = 255
_MAX_NAME_LENGTH: Final = 100
_REQUIRED_CLAIMS: Final = ["exp", "iat", "iss", "aud", "sub"]
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

log = structlog.get_logger(__name__)


class IssuerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Whose tokens are accepted, and which of their claim's values stand for which role."""

    issuer: str
    audience: str
    jwks_url: str
    role_claim: str
    roles: Mapping[str, Role]


def issuer_options(settings: Settings) -> IssuerOptions | None:
    """Return the options of the external issuer, None when there is none.

    Raises:
        ConfigError: some of the settings are missing or do not fit; it names one.
    """
    needed = {
        "AIOPS_OIDC_ISSUER": settings.oidc_issuer,
        "AIOPS_OIDC_AUDIENCE": settings.oidc_audience,
        "AIOPS_OIDC_JWKS_URL": settings.oidc_jwks_url,
        "AIOPS_OIDC_ROLES": settings.oidc_roles,
    }
    if not any(needed.values()):
        return None
    for name, value in needed.items():
        if not value:
            raise ConfigError("an external issuer needs all of " + ", ".join(needed), setting=name)
    url = urlsplit(settings.oidc_jwks_url)
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in _LOOPBACK):
        raise ConfigError("must be an https address", setting="AIOPS_OIDC_JWKS_URL")
    return IssuerOptions(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        jwks_url=settings.oidc_jwks_url,
        role_claim=settings.oidc_role_claim,
        roles=_roles(settings.oidc_roles),
    )


def _roles(text: str) -> dict[str, Role]:
    """Return the roles by claim value of a text `value=role,value=role`."""
    found = {}
    for one in text.split(","):
        value, _, label = one.strip().rpartition("=")
        try:
            found[value] = role_of(label)
        except ValueError as exc:
            raise ConfigError(str(exc), setting="AIOPS_OIDC_ROLES") from exc
        if not value:
            raise ConfigError("must be value=role,value=role", setting="AIOPS_OIDC_ROLES")
    return found


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str
    typ: str = "JWT"
    crit: list[str] | None = None


class _Claims(msgspec.Struct, frozen=True):
    sub: str
    iat: int | float
    exp: int | float
    preferred_username: Any = None


class PublishedKeys:
    """The issuer's keys: kept, asked for again when they age or an id is unknown."""

    def __init__(self, url: str, clock: Callable[[], float]) -> None:
        self._url = url
        self._clock = clock
        self._keys: Mapping[str, VerifyingKey] = {}
        self._fetched_at = -math.inf
        self._next_at = -math.inf
        self._fetching = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def get(self, kid: str) -> VerifyingKey | None:
        """Return a key by its id; None when it is unknown or could not be had."""
        known = self._believed(kid)
        is_fresh = self._clock() - self._fetched_at < REFRESH_AFTER_S
        if known is not None and (is_fresh or self._fetching.locked()):
            return known
        async with self._fetching:
            if self._clock() >= self._next_at:
                await self._fetch()
        return self._believed(kid)

    def _believed(self, kid: str) -> VerifyingKey | None:
        is_believed = self._clock() - self._fetched_at < BELIEVED_S
        return self._keys.get(kid) if is_believed else None

    async def _fetch(self) -> None:
        self._next_at = self._clock() + RETRY_S
        try:
            self._keys = parse_key_set(await self._document())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
            log.warning("issuer_keys_unavailable", error=type(exc).__name__)
            return
        self._fetched_at = self._clock()
        self._next_at = self._fetched_at + MIN_INTERVAL_S
        log.info("issuer_keys_fetched", count=len(self._keys))

    async def _document(self) -> bytes:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=_FETCH_TIMEOUT_S)
            self._session = aiohttp.ClientSession(timeout=timeout)
        async with self._session.get(self._url, allow_redirects=False) as answer:
            if answer.status != 200:
                raise ValueError("status")
            document = bytearray()
            async for piece in answer.content.iter_any():
                document += piece
                if len(document) > MAX_KEY_SET_BYTES:
                    raise ValueError("too large")
        return bytes(document)

    async def close(self) -> None:
        """Disconnect."""
        if self._session is not None:
            await self._session.close()


class ExternalIssuer:
    """Verifies the issuer's tokens; whatever cannot be checked is refused."""

    def __init__(self, options: IssuerOptions, clock: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._published = PublishedKeys(options.jwks_url, clock)

    async def principal_of(self, token: str) -> Principal:
        """Return whose token this is.

        Raises:
            InvalidTokenError: for any reason; the reason is not for the client.
        """
        header = _header_of(token)
        key = await self._published.get(header.kid)
        if key is None or header.alg != key.algorithm:
            raise InvalidTokenError("key")
        try:
            decoded = self._decoded(token, key)
            claims = msgspec.convert(decoded, _Claims)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, TypeError) as exc:
            raise InvalidTokenError("refused") from exc
        if not 1 <= len(claims.sub) <= _MAX_SUBJECT_LENGTH:
            raise InvalidTokenError("subject")
        if not 0 < claims.exp - claims.iat <= MAX_LIFETIME_S:
            raise InvalidTokenError("lifetime")
        return Principal(
            subject=f"oidc:{claims.sub}",
            name=f"oidc {_shown_name(claims)}",
            role=self._role(decoded),
            expires_at=float(claims.exp),
        )

    def _decoded(self, token: str, key: VerifyingKey) -> dict[str, Any]:
        return jwt.decode(
            token,
            key.public,
            algorithms=[key.algorithm],
            audience=self._options.audience,
            issuer=self._options.issuer,
            leeway=LEEWAY_S,
            options={"require": _REQUIRED_CLAIMS},
        )

    def _role(self, decoded: Mapping[str, Any]) -> Role:
        """Return the highest role that the claim gives; a dot leads into an object."""
        value: Any = decoded
        for name in self._options.role_claim.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        values = value if isinstance(value, list) else [value]
        roles = [
            self._options.roles[one]
            for one in values
            if isinstance(one, str) and one in self._options.roles
        ]
        if not roles:
            raise InvalidTokenError("no role")
        return max(roles)

    async def close(self) -> None:
        """Disconnect."""
        await self._published.close()


def _header_of(token: str) -> _Header:
    header_bytes, _, _ = canonical_segments(token, _MAX_TOKEN_LENGTH)
    try:
        header = msgspec.json.decode(header_bytes, type=_Header)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        raise InvalidTokenError("header") from exc
    kind = header.typ.lower().removeprefix("application/")
    if kind not in {"jwt", "at+jwt"} or header.crit is not None:
        raise InvalidTokenError("header")
    return header


def _shown_name(claims: _Claims) -> str:
    name = claims.preferred_username
    is_usable = isinstance(name, str) and name.isprintable() and name.strip()
    shown: str = name if is_usable else claims.sub
    return shown[:_MAX_NAME_LENGTH]
