"""Access tokens: what is signed is accepted, everything forged is not."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    generate_private_key as generate_rsa_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from graphql_api.auth.tokens import (
    AUDIENCE,
    ISSUER,
    LEEWAY_S,
    AccessTokens,
    InvalidTokenError,
    PrivateKey,
    SigningKey,
    load_signing_key,
    signing_key,
)
from schemas.errors import ConfigError

SETTING = "AIOPS_API_SIGNING_KEY"
ED = Ed25519PrivateKey.generate()
EC = generate_private_key(SECP256R1())


def key_of(private: PrivateKey) -> SigningKey:
    return signing_key(private, setting=SETTING)


CURRENT = key_of(ED)
TOKENS = AccessTokens(CURRENT, [key_of(EC)], 300)
# When the forged tokens are made; they stay in date for as long as any run of the tests takes.
NOW = time.time()
DAY_S = 86_400
YEAR_2001_S, YEAR_2100_S = 978_307_200, 4_102_444_800


def claims(**changes: object) -> dict[str, object]:
    good: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "user",
        "sid": "session",
        "jti": "1",
        "iat": int(NOW),
        "exp": int(NOW) + DAY_S,
    }
    return {name: value for name, value in {**good, **changes}.items() if value != "absent"}


def header(**changes: object) -> dict[str, object]:
    good: dict[str, object] = {"alg": "EdDSA", "typ": "at+jwt", "kid": CURRENT.kid}
    return {name: value for name, value in {**good, **changes}.items() if value != "absent"}


def segment(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def signed(head: object, body: object, private: Ed25519PrivateKey = ED) -> str:
    content = f"{segment(head)}.{segment(body)}"
    return f"{content}.{segment(private.sign(content.encode()))}"


def test_an_issued_token_is_accepted() -> None:
    token = TOKENS.issue(subject="user", session_id="session", now_s=time.time())

    found = TOKENS.verify(token)

    assert (found.sub, found.sid, found.exp - found.iat) == ("user", "session", 300)


def test_a_token_built_by_hand_is_accepted() -> None:
    assert TOKENS.verify(signed(header(), claims())).sub == "user"


def test_a_previous_key_is_accepted_and_an_unknown_one_is_not() -> None:
    previous = AccessTokens(key_of(EC), [], 300)
    stranger = AccessTokens(key_of(generate_private_key(SECP256R1())), [], 300)

    assert TOKENS.verify(previous.issue(subject="u", session_id="s", now_s=time.time())).sub == "u"
    with pytest.raises(InvalidTokenError):
        TOKENS.verify(stranger.issue(subject="u", session_id="s", now_s=time.time()))


def test_a_token_past_its_leeway_is_refused() -> None:
    expired = signed(header(), claims(exp=int(time.time()) - LEEWAY_S - 1))

    with pytest.raises(InvalidTokenError):
        TOKENS.verify(expired)


def confused_with_public_key() -> str:
    """Sign with HMAC, the public key as its secret."""
    pem = ED.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    content = f"{segment(header(alg='HS256'))}.{segment(claims())}"
    return f"{content}.{segment(hmac.new(pem, content.encode(), hashlib.sha256).digest())}"


def embedded_key() -> str:
    """Bring a key of one's own in the header."""
    own = Ed25519PrivateKey.generate()
    return signed(header(jwk=dict(key_of(own).jwk)), claims(), own)


def with_changed(position: int, change: Callable[[str], str]) -> str:
    segments = signed(header(), claims()).split(".")
    segments[position] = change(segments[position])
    return ".".join(segments)


def non_canonical(text: str) -> str:
    """Spell the same bytes differently: the unused low bits of the last character."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]


FORGED: dict[str, str] = {
    **{
        f"alg {alg}": signed(header(alg=alg), claims())
        for alg in (
            "none",
            "None",
            "NONE",
            "HS256",
            "ES256",
            "RS256",
            "PS256",
            "",
            "eddsa",
            "Ed448",
        )
    },
    **{
        f"typ {typ}": signed(header(typ=typ), claims())
        for typ in ("JWT", "at+JWT", "rt+jwt", "", "application/at+jwt", "absent", 1, None)
    },
    **{
        f"kid {kid}": signed(header(kid=kid), claims())
        for kid in ("absent", "", "other", "../../etc/passwd", "' OR 1=1 --", 0, None, ["a"])
    },
    **{
        f"header {name}": signed(header(**{name: value}), claims())
        for name, value in (
            ("crit", ["exp"]),
            ("b64", False),
            ("jku", "https://evil.example/jwks"),
            ("x5u", "https://evil.example/x5u"),
            ("x5c", ["AAAA"]),
            ("zip", "DEF"),
            ("cty", "JWT"),
        )
    },
    **{
        f"{name} {value}": signed(header(), claims(**{name: value}))
        for name, value in (
            ("exp", "absent"),
            ("exp", YEAR_2001_S),
            ("exp", 0),
            ("exp", -1),
            ("exp", "9999999999"),
            ("exp", 1e300),
            ("exp", None),
            ("exp", True),
            ("iat", "absent"),
            ("iat", YEAR_2100_S),
            ("iat", "now"),
            ("nbf", YEAR_2100_S),
            ("iss", "absent"),
            ("iss", "somebody else"),
            ("iss", [ISSUER]),
            ("aud", "absent"),
            ("aud", "another-api"),
            ("aud", [AUDIENCE]),
            ("aud", [AUDIENCE, "another-api"]),
            ("sub", "absent"),
            ("sub", 1),
            ("sub", None),
            ("sid", "absent"),
            ("sid", 7),
            ("jti", "absent"),
            ("jti", 1),
        )
    },
    "public key as secret": confused_with_public_key(),
    "embedded key": embedded_key(),
    "other signature": signed(header(), claims(), Ed25519PrivateKey.generate()),
    "no signature": with_changed(2, lambda _: ""),
    "short signature": with_changed(2, lambda text: text[:40]),
    "zero signature": with_changed(2, lambda _: segment(bytes(64))),
    "non-canonical signature": with_changed(2, non_canonical),
    "padded": with_changed(2, lambda text: text + "=="),
    "changed claims": with_changed(1, lambda _: segment(claims(sub="admin"))),
    "claims no object": signed(header(), ["a"]),
    "claims no json": signed(header(), b"\xff\xfe"),
    "header no json": signed(b"{", claims()),
    "header a list": signed([], claims()),
    "header deep": signed(b"[" * 3_000, claims()),
    "two segments": signed(header(), claims()).rpartition(".")[0],
    "four segments": signed(header(), claims()) + ".x",
    "empty": "",
    "dots": "..",
    "spaces": " " + signed(header(), claims()),
    "standard base64": with_changed(1, lambda text: "+/" + text),
    "newline": with_changed(2, lambda text: text + "\n"),
    "huge": signed(header(), claims(sub="x" * 5_000)),
    "not ascii": with_changed(1, lambda text: text + "é"),
}


def test_there_are_sixty_forgeries() -> None:
    assert len(FORGED) >= 60


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused(name: str) -> None:
    with pytest.raises(InvalidTokenError):
        TOKENS.verify(FORGED[name])


def bad_pems() -> Iterator[bytes]:
    yield b""
    yield b"no key"
    for private in (
        generate_rsa_key(public_exponent=65_537, key_size=2_048),
        generate_private_key(SECP384R1()),
    ):
        yield private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    yield ED.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_only_the_two_kinds_of_keys_are_loaded(tmp_path: Path) -> None:
    for number, pem in enumerate(bad_pems()):
        path = tmp_path / f"{number}.pem"
        path.write_bytes(pem)

        with pytest.raises(ConfigError, match=SETTING):
            load_signing_key(str(path), setting=SETTING)
    with pytest.raises(ConfigError, match="cannot read"):
        load_signing_key(str(tmp_path / "absent.pem"), setting=SETTING)


def test_a_key_is_loaded_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(EC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    assert load_signing_key(str(path), setting=SETTING).algorithm == "ES256"


def test_the_key_id_is_the_rfc_7638_thumbprint() -> None:
    # The example of RFC 8037, appendix A.3.
    private = Ed25519PrivateKey.from_private_bytes(
        base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    )

    assert key_of(private).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_published_keys_hold_nothing_private() -> None:
    published = TOKENS.jwks()["keys"]

    assert [key["alg"] for key in published] == ["ES256", "EdDSA"]
    assert all("d" not in key and key["use"] == "sig" for key in published)


def test_pyjwt_alone_would_take_what_this_refuses() -> None:
    taken = jwt.decode(
        FORGED["typ JWT"], ED.public_key(), algorithms=["EdDSA"], audience=AUDIENCE, issuer=ISSUER
    )

    assert taken["sub"] == "user"
