"""Logging in and out: `login`, `refreshSession`, `logout`, `me`."""

from enum import Enum
from typing import Annotated, TypeAlias

import strawberry

from graphql_api.auth.access import require_session
from graphql_api.auth.audit import insert_audit
from graphql_api.auth.passwords import checked_password
from graphql_api.auth.principal import Role
from graphql_api.auth.sessions import Grant, invalid_credentials
from graphql_api.context import Info
from graphql_api.scalars import Instant, instant_from_datetime
from graphql_api.store import accounts


@strawberry.enum(name="Role", description="What a user may do; each may do what those before may.")
class RoleName(Enum):
    """What a user may do."""

    VIEWER = strawberry.enum_value("viewer", description="Reads everything about the streams.")
    OPERATOR = strawberry.enum_value("operator", description="Also submits and reprocesses.")
    ADMIN = strawberry.enum_value("admin", description="Also manages users and keys.")

    @property
    def role(self) -> Role:
        """Return the role."""
        return Role[self.name]


@strawberry.type(description="Somebody who can log in.")
class User:
    """Somebody who can log in."""

    id: strawberry.ID = strawberry.field(description="The user's id.")
    username: str = strawberry.field(description="The name to log in with.")
    role: RoleName = strawberry.field(description="What the user may do.")
    is_disabled: bool = strawberry.field(description="Whether logging in is refused.")
    created_at: Instant = strawberry.field(description="Since when there is this user.")

    @classmethod
    def from_stored(cls, stored: accounts.User) -> "User":
        """Return the user in a row."""
        return cls(
            id=strawberry.ID(stored.user_id),
            username=stored.username,
            role=RoleName(stored.role.label),
            is_disabled=stored.is_disabled,
            created_at=instant_from_datetime(stored.created_at),
        )


@strawberry.type(description="Whose token a request carries.")
class Viewer:
    """Whose token a request carries."""

    id: strawberry.ID = strawberry.field(description="The user's or key's id.")
    name: str = strawberry.field(description="The user's name, or the key's.")
    role: RoleName = strawberry.field(description="What may be done with the token.")
    is_machine: bool = strawberry.field(description="Whether it is an API key.")


@strawberry.type(description="A session: a login that is kept going by refresh tokens.")
class Session:
    """A session: a login that is kept going by refresh tokens."""

    id: strawberry.ID = strawberry.field(description="The session's id.")
    is_current: bool = strawberry.field(description="Whether this request belongs to it.")
    created_at: Instant = strawberry.field(description="When it was opened.")
    expires_at: Instant = strawberry.field(description="When it ends by itself.")


@strawberry.type(description="Tokens; send the access token as `Authorization: Bearer TOKEN`.")
class LoginResult:
    """Tokens; send the access token as `Authorization: Bearer TOKEN`."""

    access_token: str = strawberry.field(description="Good for `expiresIn` seconds.")
    token_type: str = strawberry.field(description="Always Bearer.")
    expires_in: int = strawberry.field(description="Seconds until the access token expires.")
    refresh_token: str = strawberry.field(
        description="For one call of `refreshSession`, which returns the next one."
    )
    user: User = strawberry.field(description="Who has logged in.")

    @classmethod
    def from_grant(cls, grant: Grant) -> "LoginResult":
        """Return the tokens of a grant."""
        return cls(
            access_token=grant.access_token,
            token_type="Bearer",  # noqa: S106 - RFC 6750's name, no secret
            expires_in=grant.expires_in_s,
            refresh_token=grant.refresh_token,
            user=User.from_stored(grant.user),
        )


Password: TypeAlias = Annotated[
    str, strawberry.argument(description="The password: 12 to 256 characters.")
]


@strawberry.type
class SessionQuery:
    """Queries about the sender."""

    @strawberry.field(description="Whose token this request carries.")
    async def me(self, info: Info) -> Viewer:
        """Return the sender."""
        principal = info.context.principal
        return Viewer(
            id=strawberry.ID(principal.subject),
            name=principal.name,
            role=RoleName(principal.role.label),
            is_machine=principal.key_id is not None,
        )

    @strawberry.field(description="The sender's live sessions, newest first.")
    async def sessions(self, info: Info) -> list[Session]:
        """Return the sender's sessions."""
        principal = info.context.principal
        current = require_session(principal)
        async with info.context.services.database.write() as connection:
            found = await accounts.select_live_sessions(connection, principal.subject)
        return [
            Session(
                id=strawberry.ID(one.session_id),
                is_current=one.session_id == current,
                created_at=instant_from_datetime(one.created_at),
                expires_at=instant_from_datetime(one.expires_at),
            )
            for one in found
        ]


@strawberry.type
class SessionMutation:
    """Logging in and out."""

    @strawberry.mutation(description="Log in; open to everybody, once a document.")
    async def login(
        self,
        info: Info,
        username: Annotated[str, strawberry.argument(description="The user's name.")],
        password: Annotated[str, strawberry.argument(description="The user's password.")],
    ) -> LoginResult:
        """Open a session."""
        context = info.context
        grant = await context.services.sessions.login(username, password, context.origin)
        return LoginResult.from_grant(grant)

    @strawberry.mutation(description="Trade a refresh token for new tokens; open to everybody.")
    async def refresh_session(
        self,
        info: Info,
        refresh_token: Annotated[
            str, strawberry.argument(description="The last refresh token of the session.")
        ],
    ) -> LoginResult:
        """Go on with a session."""
        context = info.context
        grant = await context.services.sessions.refresh(refresh_token, context.origin)
        return LoginResult.from_grant(grant)

    @strawberry.mutation(description="End this session; its tokens stop working everywhere.")
    async def logout(self, info: Info) -> bool:
        """End the sender's session."""
        context = info.context
        session_id = require_session(context.principal)
        async with context.services.database.write() as connection:
            await accounts.revoke_session(connection, session_id, "logout")
            await insert_audit(
                connection, actor=context.principal, origin=context.origin, operation="logout"
            )
        return True

    @strawberry.mutation(description="End all sessions of the sender, this one too.")
    async def logout_everywhere(self, info: Info) -> bool:
        """End the sender's sessions."""
        context = info.context
        require_session(context.principal)
        async with context.services.database.write() as connection:
            await accounts.revoke_user_sessions(
                connection, context.principal.subject, "logout everywhere"
            )
            await insert_audit(
                connection,
                actor=context.principal,
                origin=context.origin,
                operation="logout_everywhere",
            )
        return True

    @strawberry.mutation(description="Change the sender's password; ends all sessions.")
    async def change_password(
        self,
        info: Info,
        current_password: Annotated[
            str, strawberry.argument(description="The password until now.")
        ],
        new_password: Password,
    ) -> bool:
        """Change the sender's password."""
        context = info.context
        require_session(context.principal)
        services = context.services
        confirmed = await services.sessions.confirm(
            context.principal.name, current_password, context.origin, operation="change_password"
        )
        new_hash = await services.passwords.hash(checked_password(new_password))
        async with services.database.write() as connection:
            if not await accounts.replace_password(connection, confirmed, new_hash):
                raise invalid_credentials()
            await accounts.revoke_user_sessions(
                connection, context.principal.subject, "password changed"
            )
            await insert_audit(
                connection,
                actor=context.principal,
                origin=context.origin,
                operation="change_password",
            )
        return True
