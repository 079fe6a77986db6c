"""From an Authorization header to a principal, with what was verified kept until it is revoked."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

from graphql_api.auth.oidc import ExternalIssuer
from graphql_api.auth.principal import ANONYMOUS, Principal, Role
from graphql_api.auth.sessions import is_live
from graphql_api.auth.tokens import AccessTokens, InvalidTokenError, token_hash
from graphql_api.errors import ApiError, ErrorCode, unauthenticated
from graphql_api.store import accounts, api_keys
from graphql_api.store.database import Database

API_KEY_PREFIX: Final = "aiops_"
_MAX_VERIFIED: Final = 10_000
# How long a verified token may be believed while nobody would tell us of its revocation.
_UNTOLD_S: Final = 0.5
# While somebody's access changes all the time: a token is read so often, then the answer stands.
MAX_READS: Final = 3
_INVALID: Final = "the token is not valid"


def bearer_token(header: str) -> str:
    """Return the token of an Authorization header.

    Raises:
        ApiError: it is not of the form `Bearer TOKEN`.
    """
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token or not token.isascii() or " " in token.strip():
        raise unauthenticated(_INVALID)
    return token.strip()


class Access:
    """Verifies tokens and keys; a revocation reaches it by NOTIFY, within a second."""

    def __init__(
        self,
        database: Database,
        tokens: AccessTokens,
        is_told: Callable[[], bool],
        external: ExternalIssuer | None = None,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._is_told = is_told
        self._external = external
        self._verified: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()
        self._changes = 0

    @property
    def changes(self) -> int:
        """Return how often somebody's access has changed so far, or may have."""
        return self._changes

    def forget(self) -> None:
        """Verify everything anew: somebody's access has changed, or we may have missed it."""
        self._verified.clear()
        self._changes += 1

    async def authenticate(self, header: str | None) -> Principal:
        """Return who sends this Authorization header; nobody when there is none.

        Raises:
            ApiError: the token is forged, expired, revoked or malformed.
        """
        if header is None:
            return ANONYMOUS
        return await self.principal_of(bearer_token(header))

    async def principal_of(self, token: str) -> Principal:
        """Return whose token this is.

        Raises:
            ApiError: it is forged, expired, revoked or malformed.
        """
        digest = token_hash(token)
        known = self._verified.get(digest)
        if known is not None and self._is_fresh(*known):
            return known[0]
        return await self._verify_as_of_now(token, digest)

    async def _verify_as_of_now(self, token: str, digest: bytes) -> Principal:
        """Verify a token, anew if somebody's access has changed meanwhile: it may be its own.

        An answer that stands nevertheless was read since the call, and is good for this call only.
        """
        reads = 0
        while True:
            changes, began_s = self._changes, time.monotonic()
            principal = await self._verify(token, digest)
            reads += 1
            if changes == self._changes:
                self._remember(digest, principal, began_s)
                return principal
            if reads == MAX_READS:
                return principal

    async def current_roles(self, verified: Mapping[str, Principal]) -> dict[str, Role]:
        """Return the roles by now behind Authorization headers that stood for these principals.

        A header that is good for nothing any more is missing. Our database is asked once, however
        many there are: each asking for itself would take seconds.

        Raises:
            ApiError: the database is away.
        """
        sessions = {one.session_id for one in verified.values() if one.session_id}
        keys = {one.key_id for one in verified.values() if one.key_id}
        async with self._database.write() as connection:
            of_sessions = await accounts.select_session_roles(connection, sessions)
            of_keys = await api_keys.select_key_roles(connection, keys)
        found: dict[str, Role | None] = {}
        for header, principal in verified.items():
            if principal.session_id is not None:
                found[header] = of_sessions.get(principal.session_id)
            elif principal.key_id is not None:
                found[header] = of_keys.get(principal.key_id)
            else:
                found[header] = await self._role_elsewhere(header)
        return {header: role for header, role in found.items() if role is not None}

    async def _role_elsewhere(self, header: str) -> Role | None:
        try:
            return (await self.authenticate(header)).role
        except ApiError:
            return None

    def _is_fresh(self, principal: Principal, verified_at: float) -> bool:
        if principal.expires_at <= time.time():
            return False
        return self._is_told() or time.monotonic() - verified_at < _UNTOLD_S

    def _remember(self, digest: bytes, principal: Principal, read_s: float) -> None:
        # What an issuer's keys verify is checked each time: nobody tells us when a key is gone.
        if principal.session_id is None and principal.key_id is None:
            return
        self._verified[digest] = (principal, read_s)
        if len(self._verified) > _MAX_VERIFIED:
            self._verified.popitem(last=False)

    async def _verify(self, token: str, digest: bytes) -> Principal:
        if token.startswith(API_KEY_PREFIX):
            return await self._principal_of_key(digest)
        try:
            claims = self._tokens.verify(token)
            session_id = str(UUID(claims.sid))
        except (InvalidTokenError, ValueError):
            return await self._principal_elsewhere(token)
        async with self._database.write() as connection:
            session = await accounts.select_session(connection, session_id)
        if session is None or not is_live(session) or session.user.user_id != claims.sub:
            raise unauthenticated(_INVALID)
        return Principal(
            subject=session.user.user_id,
            name=session.user.username,
            role=session.user.role,
            expires_at=float(claims.exp),
            session_id=session_id,
        )

    async def _principal_elsewhere(self, token: str) -> Principal:
        """Return whose token of the external issuer this is."""
        if self._external is None:
            raise unauthenticated(_INVALID)
        try:
            return await self._external.principal_of(token)
        except InvalidTokenError:
            raise unauthenticated(_INVALID) from None

    async def close(self) -> None:
        """Disconnect from the external issuer."""
        if self._external is not None:
            await self._external.close()

    async def _principal_of_key(self, digest: bytes) -> Principal:
        async with self._database.write() as connection:
            key = await api_keys.select_live_api_key(connection, digest)
        if key is None:
            raise unauthenticated(_INVALID)
        return Principal(
            subject=f"key:{key.key_id}",
            name=f"key {key.name}",
            role=key.role,
            expires_at=key.expires_at.timestamp(),
            key_id=key.key_id,
        )


def require_session(principal: Principal) -> str:
    """Return the id of the sender's session.

    Raises:
        ApiError: the sender is a machine with a key, or comes from another issuer.
    """
    if principal.session_id is None:
        raise ApiError(ErrorCode.BAD_USER_INPUT, "this token belongs to no session of ours")
    return principal.session_id
