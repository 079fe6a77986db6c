"""What is believed of a token while somebody's access changes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import cast

import pytest

from graphql_api.auth.access import MAX_READS, Access
from graphql_api.auth.principal import Role
from graphql_api.auth.tokens import AccessTokens
from graphql_api.store import api_keys
from graphql_api.store.api_keys import ApiKey
from graphql_api.store.database import Database
from schemas.db.pool import Connection

TOKEN = "aiops_a-key"
DAY = datetime(2100, 1, 1, tzinfo=UTC)
# So many reads of one token would never end.
MANY = 50


class FakeDatabase:
    @asynccontextmanager
    async def write(self) -> AsyncIterator[None]:
        yield None


def key_of(role: Role) -> ApiKey:
    return ApiKey(
        key_id="k", name="shipper", role=role, created_by="admin",
        created_at=DAY, expires_at=DAY, is_revoked=False,
    )  # fmt: skip


class Keys:
    """A key that is read from the database: `meanwhile` comes about while it is read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[int], None]) -> None:
        self.role = Role.VIEWER
        self.reads = 0

        async def select_live_api_key(_: Connection, __: bytes) -> ApiKey:
            assert self.reads < MANY
            self.reads += 1
            found = key_of(self.role)
            meanwhile(self.reads)
            return found

        monkeypatch.setattr(api_keys, "select_live_api_key", select_live_api_key)


def access_of() -> Access:
    database, tokens = cast("Database", FakeDatabase()), cast("AccessTokens", object())
    return Access(database, tokens, is_told=lambda: True)


async def test_a_token_is_read_again_when_access_has_changed_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    access = access_of()

    def promote_at_first(reads: int) -> None:
        if reads == 1:
            keys.role = Role.OPERATOR
            access.forget()

    keys = Keys(monkeypatch, promote_at_first)
    roles = [(await access.principal_of(TOKEN)).role for _ in range(2)]

    assert roles == [Role.OPERATOR, Role.OPERATOR]
    assert keys.reads == 2


async def test_access_that_changes_all_the_time_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    access = access_of()
    keys = Keys(monkeypatch, lambda _: access.forget())

    assert (await access.principal_of(TOKEN)).role is Role.VIEWER
    assert keys.reads == MAX_READS


async def test_what_was_read_while_access_changed_is_not_believed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    access = access_of()

    def promote_at_last(reads: int) -> None:
        if reads <= MAX_READS:
            access.forget()
        if reads == MAX_READS:
            keys.role = Role.OPERATOR

    keys = Keys(monkeypatch, promote_at_last)
    roles = [(await access.principal_of(TOKEN)).role for _ in range(2)]

    assert roles == [Role.VIEWER, Role.OPERATOR]
