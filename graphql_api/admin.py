"""Users, keys and the audit log, for admins."""

from typing import Annotated
from uuid import UUID

import strawberry

from graphql_api.auth import administration
from graphql_api.auth.administration import Actor
from graphql_api.auth.audit import AuditEntry as StoredAuditEntry
from graphql_api.connections import After, Connection, First, connection_of
from graphql_api.context import Info
from graphql_api.errors import bad_input
from graphql_api.pagination import checked_page_size, decode_cursor, encode_cursor, split_page
from graphql_api.scalars import Instant, Long, instant_from_datetime
from graphql_api.session import Password, RoleName, User
from graphql_api.store import accounts, api_keys
from graphql_api.store.audit import select_audit

_BEFORE_ALL = 2**63 - 1

Username = Annotated[str, strawberry.argument(description="The user's name.")]


@strawberry.type(description="A machine's key, without the key itself.")
class ApiKey:
    """A machine's key, without the key itself."""

    id: strawberry.ID = strawberry.field(description="The key's id.")
    name: str = strawberry.field(description="What it is for.")
    role: RoleName = strawberry.field(description="What may be done with it.")
    created_by: str = strawberry.field(description="Who made it.")
    created_at: Instant = strawberry.field(description="When it was made.")
    expires_at: Instant = strawberry.field(description="When it stops working.")
    is_revoked: bool = strawberry.field(description="Whether it was revoked.")

    @classmethod
    def from_stored(cls, stored: api_keys.ApiKey) -> "ApiKey":
        """Return the key in a row."""
        return cls(
            id=strawberry.ID(stored.key_id),
            name=stored.name,
            role=RoleName(stored.role.label),
            created_by=stored.created_by,
            created_at=instant_from_datetime(stored.created_at),
            expires_at=instant_from_datetime(stored.expires_at),
            is_revoked=stored.is_revoked,
        )


@strawberry.type(description="A new key; the secret is shown here only.")
class CreatedApiKey:
    """A new key; the secret is shown here only."""

    api_key: ApiKey = strawberry.field(description="The key.")
    secret: str = strawberry.field(description="What to send as `Authorization: Bearer SECRET`.")


@strawberry.type(description="What somebody did.")
class AuditEntry:
    """What somebody did."""

    sequence: Long = strawberry.field(description="The row's number, from 1, without gaps.")
    at: Instant = strawberry.field(description="When.")
    actor: str = strawberry.field(description="Who.")
    role: str = strawberry.field(description="As what.")
    operation: str = strawberry.field(description="What was done.")
    target: str = strawberry.field(description="To what.")
    outcome: str = strawberry.field(description="How it ended.")
    request_id: str = strawberry.field(description="In which request.")
    address: str = strawberry.field(description="From which address.")

    @classmethod
    def from_stored(cls, stored: StoredAuditEntry) -> "AuditEntry":
        """Return the entry in a row."""
        return cls(
            sequence=Long(stored.sequence),
            at=Instant(stored.at),
            actor=stored.actor,
            role=stored.role,
            operation=stored.operation,
            target=stored.target,
            outcome=stored.outcome,
            request_id=stored.request_id,
            address=stored.address,
        )


def _actor(info: Info) -> Actor:
    return Actor(info.context.principal, info.context.origin)


@strawberry.type
class AdminQuery:
    """Queries for admins."""

    @strawberry.field(description="All users, by name.")
    async def users(self, info: Info) -> list[User]:
        """Return the users."""
        async with info.context.services.database.write() as connection:
            return [User.from_stored(one) for one in await accounts.select_users(connection)]

    @strawberry.field(description="The newest 500 keys.")
    async def api_keys(self, info: Info) -> list[ApiKey]:
        """Return the keys."""
        async with info.context.services.database.write() as connection:
            return [ApiKey.from_stored(one) for one in await api_keys.select_api_keys(connection)]

    @strawberry.field(description="What was done, newest first.")
    async def audit_log(
        self,
        info: Info,
        actor: Annotated[
            str | None, strawberry.argument(description="Only what this user did.")
        ] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[AuditEntry]:
        """Return a page of the audit log."""
        size = checked_page_size(first, "first")
        (before,) = (_BEFORE_ALL,) if after is None else decode_cursor(after, tuple[int])
        async with info.context.services.database.write() as connection:
            found = await select_audit(connection, before, actor, size + 1)
        rows, has_next = split_page(found, size)
        return connection_of(
            [AuditEntry.from_stored(row) for row in rows],
            [encode_cursor([row.sequence]) for row in rows],
            has_next=has_next,
            after=after,
        )


@strawberry.type
class AdminMutation:
    """Mutations for admins."""

    @strawberry.mutation(description="Make a user.")
    async def create_user(
        self,
        info: Info,
        username: Annotated[
            str, strawberry.argument(description="1 to 100 letters, digits and ._@-")
        ],
        password: Password,
        role: Annotated[RoleName, strawberry.argument(description="What the user may do.")],
    ) -> User:
        """Make a user."""
        services = info.context.services
        password_hash = await administration.hash_new_password(services.passwords, password)
        async with services.database.write() as connection:
            user = await administration.create_user(
                connection,
                _actor(info),
                username=username,
                password_hash=password_hash,
                role=role.role,
            )
        return User.from_stored(user)

    @strawberry.mutation(description="Give a user another role; the last admin keeps it.")
    async def set_user_role(
        self,
        info: Info,
        username: Username,
        role: Annotated[RoleName, strawberry.argument(description="The new role.")],
    ) -> User:
        """Give a user another role."""
        async with info.context.services.database.write() as connection:
            user = await administration.set_user_role(connection, _actor(info), username, role.role)
        return User.from_stored(user)

    @strawberry.mutation(description="Disable or enable a user; disabling ends the sessions.")
    async def set_user_disabled(
        self,
        info: Info,
        username: Username,
        is_disabled: Annotated[bool, strawberry.argument(description="Whether to disable.")],
    ) -> User:
        """Disable or enable a user."""
        change = administration.disable_user if is_disabled else administration.enable_user
        async with info.context.services.database.write() as connection:
            return User.from_stored(await change(connection, _actor(info), username))

    @strawberry.mutation(description="Set a user's password; ends the user's sessions.")
    async def reset_password(self, info: Info, username: Username, password: Password) -> User:
        """Set a user's password."""
        services = info.context.services
        password_hash = await administration.hash_new_password(services.passwords, password)
        async with services.database.write() as connection:
            user = await administration.reset_password(
                connection, _actor(info), username, password_hash
            )
        return User.from_stored(user)

    @strawberry.mutation(description="Make a key for a machine; its secret is shown once.")
    async def create_api_key(
        self,
        info: Info,
        name: Annotated[str, strawberry.argument(description="What the key is for.")],
        role: Annotated[RoleName, strawberry.argument(description="What may be done with it.")],
        days: Annotated[int, strawberry.argument(description="How long it works: 1 to 3650.")] = 90,
    ) -> CreatedApiKey:
        """Make a key."""
        async with info.context.services.database.write() as connection:
            made = await administration.create_api_key(
                connection, _actor(info), name=name, role=role.role, days=days
            )
        return CreatedApiKey(api_key=ApiKey.from_stored(made.api_key), secret=made.secret)

    @strawberry.mutation(description="Revoke a key everywhere.")
    async def revoke_api_key(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The key's id.")],
    ) -> ApiKey:
        """Revoke a key."""
        try:
            key_id = str(UUID(id))
        except ValueError as exc:
            raise bad_input("not a key's id", "id") from exc
        async with info.context.services.database.write() as connection:
            return ApiKey.from_stored(
                await administration.revoke_api_key(connection, _actor(info), key_id)
            )
