"""Logins and refreshes: who gets a session, and how it goes on."""

import hashlib
import secrets
import time
from datetime import timedelta
from typing import Final

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from graphql_api.auth.audit import insert_audit
from graphql_api.auth.passwords import Passwords, needs_rehash
from graphql_api.auth.principal import ANONYMOUS, Origin, Principal
from graphql_api.auth.tokens import AccessTokens, token_hash
from graphql_api.errors import ApiError, ErrorCode
from graphql_api.store import accounts
from graphql_api.store.accounts import Credentials, Session, User
from graphql_api.store.database import Database
from schemas.db.pool import Connection

REFRESH_GRACE_S: Final = 10.0
_FAILURE_WINDOW: Final = timedelta(minutes=5)
MAX_FAILURES_PER_ACCOUNT: Final = 10
MAX_FAILURES_PER_ADDRESS: Final = 50
# A sealed successor is encrypted once under a key of its own: the nonce may be fixed.
_NONCE: Final = bytes(12)


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a login or a refresh gives; the tokens are shown to their holder alone."""

    access_token: str
    expires_in_s: int
    refresh_token: str
    user: User


def invalid_credentials() -> ApiError:
    """Return the error for a wrong name or password; it is not told which."""
    return ApiError(ErrorCode.INVALID_CREDENTIALS, "the user name or the password is wrong")


def _invalid_refresh() -> ApiError:
    return ApiError(ErrorCode.INVALID_CREDENTIALS, "the refresh token is not valid; log in again")


class Sessions:
    """Opens, refreshes and ends sessions."""

    def __init__(
        self,
        database: Database,
        tokens: AccessTokens,
        passwords: Passwords,
        *,
        lifetime: timedelta,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._passwords = passwords
        self._lifetime = lifetime

    async def login(self, username: str, password: str, origin: Origin) -> Grant:
        """Open a session.

        Raises:
            ApiError: wrong name or password (not told which), or too many failures lately.
        """
        confirmed = await self.confirm(username, password, origin, operation="login")
        async with self._database.write() as connection:
            # Else a session would outlive the change of password that has ended all others.
            if not await accounts.hold_credentials(connection, confirmed):
                raise invalid_credentials()
            return await self._open(connection, confirmed.user, origin)

    async def confirm(
        self, username: str, password: str, origin: Origin, *, operation: str
    ) -> Credentials:
        """Return whose password this is, and its hash; a wrong one is counted and audited.

        The user may have another password by the time of the return.

        Raises:
            ApiError: wrong name or password (not told which), or too many failures lately.
        """
        # Hashed: people type passwords into the field for the name.
        account = hashlib.sha256(username.encode()).hexdigest()
        subjects = [f"account:{account}", f"address:{origin.address}"]
        async with self._database.write() as connection:
            await _check_throttle(connection, subjects)
            found = await accounts.select_credentials(connection, username)
        stored = found.password_hash if found else None
        is_right = await self._passwords.is_right(stored, password)
        if found is None or not is_right or found.user.is_disabled:
            await self._count_failure(subjects, origin, operation)
            raise invalid_credentials()
        async with self._database.write() as connection:
            await _judge_in_turn(connection, subjects)
            await accounts.delete_login_failures(connection, subjects[0])
        return await self._rehashed(found, password) if needs_rehash(stored or "") else found

    async def _rehashed(self, credentials: Credentials, password: str) -> Credentials:
        """Hash a password by today's parameters, unless it is another by now."""
        rehash = await self._passwords.hash(password)
        async with self._database.write() as connection:
            is_replaced = await accounts.replace_password(connection, credentials, rehash)
        return Credentials(credentials.user, rehash) if is_replaced else credentials

    async def _count_failure(self, subjects: list[str], origin: Origin, operation: str) -> None:
        async with self._database.write() as connection:
            await _judge_in_turn(connection, subjects)
            await accounts.insert_login_failure(connection, subjects, _FAILURE_WINDOW)
            await insert_audit(
                connection, actor=ANONYMOUS, origin=origin, operation=operation, outcome="refused"
            )

    async def _open(self, connection: Connection, user: User, origin: Origin) -> Grant:
        session_id = await accounts.insert_session(connection, user.user_id, self._lifetime)
        refresh_token = secrets.token_urlsafe(32)
        await accounts.insert_refresh_token(connection, token_hash(refresh_token), session_id)
        await insert_audit(connection, actor=_as_principal(user), origin=origin, operation="login")
        return self._grant(user, session_id, refresh_token)

    def _grant(self, user: User, session_id: str, refresh_token: str) -> Grant:
        access_token = self._tokens.issue(
            subject=user.user_id, session_id=session_id, now_s=time.time()
        )
        return Grant(
            access_token=access_token,
            expires_in_s=self._tokens.ttl_s,
            refresh_token=refresh_token,
            user=user,
        )

    async def refresh(self, refresh_token: str, origin: Origin) -> Grant:
        """Use a refresh token and return its one successor.

        A second use within 10 s (two tabs) gets the same successor; a later one is theft, and ends
        the session.

        Raises:
            ApiError: the token is unknown, was used before, or its session has ended.
        """
        successor = secrets.token_urlsafe(32)
        async with self._database.write() as connection:
            session = await self._use(connection, refresh_token, successor)
            if session is not None:
                return self._grant(session.user, session.session_id, successor)
        async with self._database.write() as connection:
            grant = await self._reuse(connection, refresh_token, origin)
        if grant is None:
            raise _invalid_refresh()
        return grant

    async def _use(
        self, connection: Connection, refresh_token: str, successor: str
    ) -> Session | None:
        sealed = seal(refresh_token, successor)
        session_id = await accounts.use_refresh_token(connection, token_hash(refresh_token), sealed)
        if session_id is None:
            return None
        session = await accounts.select_session(connection, session_id)
        if session is None or not is_live(session):
            return None
        await accounts.insert_refresh_token(connection, token_hash(successor), session_id)
        return session

    async def _reuse(
        self, connection: Connection, refresh_token: str, origin: Origin
    ) -> Grant | None:
        used = await accounts.select_used_token(connection, token_hash(refresh_token))
        if used is None:
            return None
        session = await accounts.select_session(connection, used.session_id)
        if session is None or not is_live(session):
            return None
        if used.age_s <= REFRESH_GRACE_S:
            successor = unseal(refresh_token, used.successor)
            return self._grant(session.user, session.session_id, successor)
        await accounts.revoke_session(connection, session.session_id, "refresh token reused")
        await insert_audit(
            connection,
            actor=_as_principal(session.user),
            origin=origin,
            operation="refresh_reused",
            target=session.session_id,
            outcome="session revoked",
        )
        return None


def is_live(session: Session) -> bool:
    """Tell whether a session may still be used."""
    return not (session.is_revoked or session.has_expired or session.user.is_disabled)


def _as_principal(user: User) -> Principal:
    return Principal(subject=user.user_id, name=user.username, role=user.role, expires_at=0.0)


async def _check_throttle(connection: Connection, subjects: list[str]) -> None:
    limits = (MAX_FAILURES_PER_ACCOUNT, MAX_FAILURES_PER_ADDRESS)
    for subject, limit in zip(subjects, limits, strict=True):
        if await accounts.count_login_failures(connection, subject, _FAILURE_WINDOW) >= limit:
            wait_s = int(_FAILURE_WINDOW.total_seconds())
            raise ApiError(
                ErrorCode.RATE_LIMITED, "too many failed logins", retryAfterSeconds=wait_s
            )


async def _judge_in_turn(connection: Connection, subjects: list[str]) -> None:
    """Check the throttle once more: attempts made at the same time are told in turn.

    What came of a password is told only below the limit, so no number of parallel guesses learns
    more than the limit allows, and a right one among them does not either.
    """
    await accounts.lock_login_subjects(connection, subjects)
    await _check_throttle(connection, subjects)


def _sealing_key(refresh_token: str) -> AESGCM:
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"refresh successor")
    return AESGCM(derivation.derive(refresh_token.encode()))


def seal(refresh_token: str, successor: str) -> bytes:
    """Return the successor, readable only by who holds the token it follows."""
    return _sealing_key(refresh_token).encrypt(_NONCE, successor.encode(), None)


def unseal(refresh_token: str, sealed: bytes) -> str:
    """Return the successor that was sealed with this token."""
    return _sealing_key(refresh_token).decrypt(_NONCE, sealed, None).decode()
