"""Who asks: a user in a session, or a machine with a key."""

from enum import IntEnum
from typing import Final

import msgspec


class Role(IntEnum):
    """What one may do; each role may do all that the ones below it may."""

    ANONYMOUS = 0
    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    @property
    def label(self) -> str:
        """Return the role as it lies in Postgres."""
        return self.name.lower()


ROLE_LABELS: Final = tuple(role.label for role in Role if role is not Role.ANONYMOUS)


def role_of(label: str) -> Role:
    """Return the role with this label.

    Raises:
        ValueError: there is none.
    """
    if label not in ROLE_LABELS:
        raise ValueError(f"no role {label!r}; roles are {', '.join(ROLE_LABELS)}")
    return Role[label.upper()]


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """The verified sender of a request; `expires_at` is in seconds since 1970 UTC."""

    subject: str
    name: str
    role: Role
    expires_at: float
    session_id: str | None = None
    key_id: str | None = None

    @property
    def is_anonymous(self) -> bool:
        """Tell whether nobody has logged in."""
        return self.role is Role.ANONYMOUS


ANONYMOUS: Final = Principal(
    subject="anonymous", name="anonymous", role=Role.ANONYMOUS, expires_at=float("inf")
)


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request came from, for the audit log."""

    request_id: str
    address: str
