"""Key sets: what may verify is taken, all else is left out."""

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256K1,
    SECP256R1,
    SECP384R1,
    SECP521R1,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import (
    generate_private_key as generate_rsa_key,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from graphql_api.auth.jwks import MAX_KEYS, parse_key_set

RSA = generate_rsa_key(public_exponent=65_537, key_size=2_048)
WEAK_RSA = generate_rsa_key(public_exponent=65_537, key_size=1_024)  # noqa: S505 - the refusal is tested
ED = Ed25519PrivateKey.generate()
CURVES = {
    "ES256": generate_private_key(SECP256R1()),
    "ES384": generate_private_key(SECP384R1()),
    "ES512": generate_private_key(SECP521R1()),
}


def rsa_jwk(private: RSAPrivateKey = RSA) -> dict[str, Any]:
    return RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)


def ed_jwk() -> dict[str, Any]:
    return OKPAlgorithm.to_jwk(ED.public_key(), as_dict=True)


def ec_jwk(algorithm: str) -> dict[str, Any]:
    return ECAlgorithm.to_jwk(CURVES[algorithm].public_key(), as_dict=True)


def key_set(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


GOOD: dict[str, tuple[dict[str, Any], str]] = {
    "RSA": (rsa_jwk(), "RS256"),
    "RSA for PS512": ({**rsa_jwk(), "alg": "PS512"}, "PS512"),
    "Ed25519": (ed_jwk(), "EdDSA"),
    **{f"curve of {name}": (ec_jwk(name), name) for name in CURVES},
    "use sig": ({**ed_jwk(), "use": "sig"}, "EdDSA"),
    "key_ops verify": ({**ed_jwk(), "key_ops": ["verify"]}, "EdDSA"),
    "other members": ({**ed_jwk(), "x5t": "AAAA"}, "EdDSA"),
}
BAD: dict[str, dict[str, Any]] = {
    "weak RSA": rsa_jwk(WEAK_RSA),
    "RSA without a modulus": {**rsa_jwk(), "n": ""},
    "RSA with an exponent of text": {**rsa_jwk(), "e": "?"},
    "RSA for ES256": {**rsa_jwk(), "alg": "ES256"},
    "RSA for HS256": {**rsa_jwk(), "alg": "HS256"},
    "RSA for none": {**rsa_jwk(), "alg": "none"},
    "RSA for a list": {**rsa_jwk(), "alg": ["RS256"]},
    "RSA for RSA-OAEP": {**rsa_jwk(), "alg": "RSA-OAEP"},
    "RSA private": RSAAlgorithm.to_jwk(RSA, as_dict=True),
    "Ed25519 private": OKPAlgorithm.to_jwk(ED, as_dict=True),
    "Ed25519 for HS256": {**ed_jwk(), "alg": "HS256"},
    "Ed25519 cut short": {**ed_jwk(), "x": ed_jwk()["x"][:20]},
    "Ed25519 no text": {**ed_jwk(), "x": 1},
    "Ed448": OKPAlgorithm.to_jwk(Ed448PrivateKey.generate().public_key(), as_dict=True),
    "P-256 for ES384": {**ec_jwk("ES256"), "alg": "ES384"},
    "P-256 not on the curve": {**ec_jwk("ES256"), "y": ec_jwk("ES256")["x"]},
    "P-256 called P-384": {**ec_jwk("ES256"), "crv": "P-384"},
    "P-256 without y": {name: value for name, value in ec_jwk("ES256").items() if name != "y"},
    "secp256k1": ECAlgorithm.to_jwk(generate_private_key(SECP256K1()).public_key(), as_dict=True),
    "a secret": {"kty": "oct", "k": "c2VjcmV0"},
    "a secret for HS256": {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
    "unknown kind": {"kty": "XYZ"},
    "no kind": {"x": ed_jwk()["x"]},
    "kind of number": {**ed_jwk(), "kty": 1},
    "curve of list": {**ed_jwk(), "crv": ["Ed25519"]},
    "use enc": {**ed_jwk(), "use": "enc"},
    "use of list": {**ed_jwk(), "use": ["sig"]},
    "key_ops encrypt": {**ed_jwk(), "key_ops": ["encrypt"]},
    "key_ops empty": {**ed_jwk(), "key_ops": []},
    "key_ops number": {**ed_jwk(), "key_ops": 1},
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_usable_key_has_its_one_algorithm(name: str) -> None:
    jwk, algorithm = GOOD[name]

    found = parse_key_set(key_set({**jwk, "kid": "a"}))

    assert {kid: key.algorithm for kid, key in found.items()} == {"a": algorithm}


@pytest.mark.parametrize("name", BAD)
def test_another_key_is_left_out_and_spoils_none(name: str) -> None:
    found = parse_key_set(key_set({**BAD[name], "kid": "bad"}, {**ed_jwk(), "kid": "good"}))

    assert set(found) == {"good"}


@pytest.mark.parametrize("kid", [None, 1, ["a"], {"a": 1}])
def test_a_key_without_an_id_of_text_is_left_out(kid: object) -> None:
    assert parse_key_set(key_set({**ed_jwk(), "kid": kid})) == {}


def test_keys_that_share_an_id_are_all_left_out() -> None:
    twins = [{**ed_jwk(), "kid": "twin"}, {**rsa_jwk(), "kid": "twin"}]

    assert set(parse_key_set(key_set(*twins, {**ed_jwk(), "kid": "good"}))) == {"good"}


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": [1]}', b"\xff", b"[" * 100_000,
     key_set(*({"kid": str(one)} for one in range(MAX_KEYS + 1)))],
)  # fmt: skip
def test_what_is_no_key_set_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"key"):
        parse_key_set(document)


def test_a_found_key_verifies() -> None:
    token = jwt.encode({"sub": "a"}, CURVES["ES256"], algorithm="ES256")
    key = parse_key_set(key_set({**ec_jwk("ES256"), "kid": "a"}))["a"]

    assert jwt.decode(token, key.public, algorithms=[key.algorithm]) == {"sub": "a"}
