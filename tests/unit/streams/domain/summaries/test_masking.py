import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.summaries.masking import mask_secrets

LONG_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("login password=hunter2 ok", "login password=*** ok"),
        ('{"password": "hunter 2", "user": "ann"}', '{"password": ***, "user": "ann"}'),
        ("db_passwd: 'x y', next", "db_passwd: ***, next"),
        ("GET /?token=abc123&page=2", "GET /?token=***&page=2"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer ***"),
        ("sent bearer abcdef123456.x", "sent bearer ***"),
        ("X-Api-Key: 12345", "X-Api-Key: ***"),
        ("postgres://app:s3cret@db/x", "postgres://app:***@db/x"),
        ("key AKIAIOSFODNN7EXAMPLE used", "key *** used"),
        (f"jwt {LONG_TOKEN} expired", "jwt *** expired"),
        ("push with ghp_abcdefghijklmnopqrstuvwxyz0123456789", "push with ***"),
        ("Cookie: sid=1", "Cookie: ***"),
    ],
)
def test_a_credential_is_masked_and_its_name_is_kept(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


def test_a_private_key_is_masked_from_begin_to_end() -> None:
    text = "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb"

    assert mask_secrets(text) == "a\n***\nb"


def test_a_private_key_that_was_cut_short_is_masked_to_the_end() -> None:
    assert mask_secrets("a -----BEGIN PRIVATE KEY-----\nMIIE") == "a ***"


@pytest.mark.parametrize(
    "text",
    [
        "Failed password for root from 10.0.0.1 port 22 ssh2",
        "http://example.org:8080/a@b",
        "the token bucket is full",
        "password=<*> rejected",
        "retry 3 of 5 at 12:30:15",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert mask_secrets(text) == text


@given(st.text(alphabet="ab=: -_/@.'\"tokenpwdBEARER\n", max_size=200))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    masked = mask_secrets(text)

    assert mask_secrets(masked) == masked
