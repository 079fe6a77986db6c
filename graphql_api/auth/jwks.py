"""Key sets of other issuers: which of their keys may verify, and with which algorithm."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MAX_KEYS: Final = 100
_MIN_RSA_BITS: Final = 2_048
_RSA_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVE_ALGORITHMS: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}


class VerifyingKey(msgspec.Struct, frozen=True):
    """A public key with the only algorithm it verifies."""

    public: RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
    algorithm: str


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


def parse_key_set(document: bytes) -> dict[str, VerifyingKey]:
    """Return the usable keys by id.

    A key is left out that is not for signatures, is too weak, holds its private part, names an
    algorithm of another kind, or shares its id with another.

    Raises:
        ValueError: the document is no key set, or one of more than a hundred keys.
    """
    try:
        key_set = msgspec.json.decode(document, type=_KeySet)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        raise ValueError("not a key set") from exc
    if len(key_set.keys) > MAX_KEYS:
        raise ValueError("too many keys")
    ids = Counter(kid for one in key_set.keys if isinstance(kid := one.get("kid"), str))
    found = {
        one["kid"]: _verifying_key(one)
        for one in key_set.keys
        if isinstance(one.get("kid"), str) and ids[one["kid"]] == 1
    }
    return {kid: key for kid, key in found.items() if key is not None}


def _verifying_key(jwk: Mapping[str, Any]) -> VerifyingKey | None:
    operations = jwk.get("key_ops", ["verify"])
    is_to_verify = isinstance(operations, list) and "verify" in operations
    if jwk.get("use", "sig") != "sig" or not is_to_verify:
        return None
    if "d" in jwk or "k" in jwk:
        return None
    fitting = _fitting_algorithms(jwk)
    algorithm = jwk.get("alg", fitting[0] if fitting else None)
    if algorithm not in fitting:
        return None
    try:
        public = jwt.PyJWK(dict(jwk), algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return None
    if isinstance(public, RSAPublicKey) and public.key_size < _MIN_RSA_BITS:
        return None
    return VerifyingKey(public, algorithm)


def _fitting_algorithms(jwk: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the algorithms of a key's kind and curve, the usual one first."""
    match jwk.get("kty"), jwk.get("crv"):
        case "RSA", _:
            return _RSA_ALGORITHMS
        case "EC", str(curve) if curve in _CURVE_ALGORITHMS:
            return (_CURVE_ALGORITHMS[curve],)
        case "OKP", "Ed25519":
            return ("EdDSA",)
    return ()
