"""The settings of an external issuer: all of them or none."""

import msgspec
import pytest

from graphql_api.auth.oidc import issuer_options
from graphql_api.auth.principal import Role
from schemas.errors import ConfigError
from schemas.settings import Settings

COMPLETE = Settings(
    oidc_issuer="https://id.example",
    oidc_audience="aiops",
    oidc_jwks_url="https://id.example/jwks",
    oidc_roles="ops=operator",
)


def test_without_settings_there_is_no_issuer() -> None:
    assert issuer_options(Settings()) is None


def test_roles_are_read_up_to_the_last_equals_sign() -> None:
    settings = msgspec.structs.replace(COMPLETE, oidc_roles="ops=operator, cn=admins=admin")

    options = issuer_options(settings)

    assert options is not None
    assert options.roles == {"ops": Role.OPERATOR, "cn=admins": Role.ADMIN}


@pytest.mark.parametrize("name", ["oidc_issuer", "oidc_audience", "oidc_jwks_url", "oidc_roles"])
def test_each_of_the_four_is_needed(name: str) -> None:
    incomplete = msgspec.structs.replace(COMPLETE, **{name: ""})

    with pytest.raises(ConfigError, match=f"AIOPS_{name.upper()}"):
        issuer_options(incomplete)


@pytest.mark.parametrize(
    "roles", ["ops", "ops=", "=viewer", "ops=root", "ops=anonymous", "a=viewer,"]
)
def test_roles_that_do_not_fit_are_refused(roles: str) -> None:
    with pytest.raises(ConfigError, match="AIOPS_OIDC_ROLES"):
        issuer_options(msgspec.structs.replace(COMPLETE, oidc_roles=roles))


@pytest.mark.parametrize(
    "url", ["http://id.example/jwks", "file:///etc/passwd", "id.example/jwks", "ftp://127.0.0.1/x"]
)
def test_keys_come_over_tls_or_from_this_machine(url: str) -> None:
    with pytest.raises(ConfigError, match="AIOPS_OIDC_JWKS_URL"):
        issuer_options(msgspec.structs.replace(COMPLETE, oidc_jwks_url=url))
