"""Passwords: argon2id in a small thread pool with a bounded queue, so that logins are no DoS."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from graphql_api.errors import ApiError, ErrorCode, bad_input

_T = TypeVar("_T")

MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 256
_THREADS: Final = 2
_MAX_QUEUE: Final = 16
# OWASP's second choice: 19 MiB, two passes; about 26 ms of one core.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def checked_password(password: str) -> str:
    """Return a new password that is long enough.

    Raises:
        ApiError: it is shorter than 12 or longer than 256 characters, or has control characters.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise bad_input(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters", "password")
    if any(ord(character) < ord(" ") for character in password):
        raise bad_input("a password has no control characters", "password")
    return password


class Passwords:
    """Hashes and checks passwords off the event loop; at most 16 wait."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
        self._queued = 0
        self._dummy: str | None = None

    async def hash(self, password: str) -> str:
        """Return the argon2id hash of a password.

        Raises:
            ApiError: too many are waiting.
        """
        return await self._run(_HASHER.hash, password)

    async def is_right(self, stored: str | None, password: str) -> bool:
        """Tell whether the password fits; an unknown user (None) takes the same time.

        Raises:
            ApiError: too many are waiting.
        """
        if stored is None and self._dummy is None:
            self._dummy = await self.hash("no user has this password")
        fits = await self._run(_fits, stored or self._dummy or "", password)
        return fits and stored is not None

    async def close(self) -> None:
        """Stop the threads."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    async def _run(self, function: Callable[..., _T], *arguments: str) -> _T:
        if self._queued >= _MAX_QUEUE:
            raise ApiError(ErrorCode.RATE_LIMITED, "too many logins at once", retryAfterSeconds=1)
        self._queued += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, function, *arguments)
        finally:
            self._queued -= 1


def needs_rehash(stored: str) -> bool:
    """Tell whether a hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


def _fits(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
