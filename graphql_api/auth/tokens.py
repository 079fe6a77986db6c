"""Access tokens: signed JWTs of type at+jwt, one algorithm a key, found by RFC 7638 thumbprint."""

import hashlib
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from schemas.errors import ConfigError

ISSUER: Final = "aiops-assistant"
AUDIENCE: Final = "aiops-assistant-api"
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - RFC 9068's name, no secret
LEEWAY_S: Final = 5
_MAX_TOKEN_LENGTH: Final = 4_096
_REQUIRED_CLAIMS: Final = ["exp", "iat", "iss", "aud", "sub", "sid", "jti"]
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")

PrivateKey: TypeAlias = Ed25519PrivateKey | EllipticCurvePrivateKey


class InvalidTokenError(Exception):
    """The token is forged, expired, malformed or meant for something else."""


class AccessClaims(msgspec.Struct, frozen=True, kw_only=True):
    """What an access token says; times are whole seconds since 1970 UTC."""

    sub: str
    sid: str
    jti: str
    iat: int
    exp: int


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    kid: str
    typ: str


class SigningKey(msgspec.Struct, frozen=True):
    """A private key with its only algorithm and its RFC 7638 thumbprint."""

    private: PrivateKey
    algorithm: str
    kid: str
    jwk: Mapping[str, str]


def load_signing_key(path: str, *, setting: str) -> SigningKey:
    """Return the key in a PEM file: Ed25519 or P-256.

    Raises:
        ConfigError: the file is absent or holds another kind of key; it names the setting.
    """
    try:
        private = load_pem_private_key(Path(path).read_bytes(), password=None)
    except OSError as exc:
        raise ConfigError(f"cannot read {path}: {exc.strerror}", setting=setting) from exc
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise ConfigError(f"{path} is not an unencrypted PEM private key", setting=setting) from exc
    if isinstance(private, Ed25519PrivateKey | EllipticCurvePrivateKey):
        return signing_key(private, setting=setting)
    raise ConfigError(f"{path} must be an Ed25519 or a P-256 key", setting=setting)


def signing_key(private: PrivateKey, *, setting: str) -> SigningKey:
    """Return the signing key of a private key.

    Raises:
        ConfigError: an elliptic curve other than P-256.
    """
    if isinstance(private, Ed25519PrivateKey):
        jwk = OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
        return SigningKey(private, "EdDSA", _thumbprint(jwk, ("crv", "kty", "x")), jwk)
    if not isinstance(private.curve, SECP256R1):
        raise ConfigError("an elliptic curve key must be on P-256", setting=setting)
    jwk = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return SigningKey(private, "ES256", _thumbprint(jwk, ("crv", "kty", "x", "y")), jwk)


def _thumbprint(jwk: Mapping[str, str], members: Sequence[str]) -> str:
    canonical = msgspec.json.encode({name: jwk[name] for name in sorted(members)})
    return urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode("ascii")


class AccessTokens:
    """Signs with the current key, accepts the current and the previous ones."""

    def __init__(self, current: SigningKey, previous: Sequence[SigningKey], ttl_s: int) -> None:
        self._current = current
        self._keys = {key.kid: key for key in (*previous, current)}
        self.ttl_s = ttl_s

    def issue(self, *, subject: str, session_id: str, now_s: float) -> str:
        """Return a new token of this session, valid from now for `ttl_s` seconds."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "sid": session_id,
            "jti": secrets.token_urlsafe(16),
            "iat": int(now_s),
            "exp": int(now_s) + self.ttl_s,
        }
        return jwt.encode(
            claims,
            self._current.private,
            algorithm=self._current.algorithm,
            headers={"kid": self._current.kid, "typ": TOKEN_TYPE},
        )

    def verify(self, token: str) -> AccessClaims:
        """Return what a token says.

        Raises:
            InvalidTokenError: for any reason; the reason is not for the client.
        """
        key = self._key_of(token)
        try:
            claims = jwt.decode(
                token,
                key.private.public_key(),
                algorithms=[key.algorithm],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=LEEWAY_S,
                options={"require": _REQUIRED_CLAIMS, "strict_aud": True},
            )
            # PyJWT takes text and 1e300 for an expiry; this does not.
            return msgspec.convert(claims, AccessClaims)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, TypeError) as exc:
            raise InvalidTokenError("refused") from exc

    def _key_of(self, token: str) -> SigningKey:
        header_bytes, _, _ = canonical_segments(token, _MAX_TOKEN_LENGTH)
        try:
            header = msgspec.json.decode(header_bytes, type=_Header)
        except (msgspec.MsgspecError, UnicodeError) as exc:
            raise InvalidTokenError("header") from exc
        key = self._keys.get(header.kid)
        if key is None or header.alg != key.algorithm or header.typ != TOKEN_TYPE:
            raise InvalidTokenError("header")
        return key

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the public keys, the current one last."""
        return {
            "keys": [
                {**key.jwk, "kid": key.kid, "use": "sig", "alg": key.algorithm}
                for key in self._keys.values()
            ]
        }


def canonical_segments(token: str, max_length: int) -> list[bytes]:
    """Return the bytes of the three segments of a signed token.

    Raises:
        InvalidTokenError: it is too long, has other than three, or one is spelled unusually.
    """
    segments = token.split(".")
    if len(token) > max_length or len(segments) != 3:
        raise InvalidTokenError("not three segments")
    return [_decode_canonical(segment) for segment in segments]


def _decode_canonical(segment: str) -> bytes:
    """Return the bytes of a base64url segment; only the one spelling without padding will do."""
    if not _BASE64URL.fullmatch(segment):
        raise InvalidTokenError("not base64url")
    try:
        decoded = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (Base64Error, ValueError) as exc:
        raise InvalidTokenError("not base64url") from exc
    if urlsafe_b64encode(decoded).rstrip(b"=").decode("ascii") != segment:
        raise InvalidTokenError("not canonical")
    return decoded


def token_hash(token: str) -> bytes:
    """Return what is kept of an opaque token: its SHA-256. The token has 256 bits of its own."""
    return hashlib.sha256(token.encode()).digest()
