"""The opaque ids of tickets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.errors import ApiError
from graphql_api.tickets import decode_ticket_id, encode_ticket_id

NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=200
)


@given(NAMES, NAMES)
def test_an_id_leads_back_to_its_ticket(project: str, ticket_id: str) -> None:
    assert decode_ticket_id(encode_ticket_id(project, ticket_id)) == (project, ticket_id)


@given(st.text(max_size=80))
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match="not a ticket's id"):
        decode_ticket_id(text)


@given(NAMES, NAMES, st.integers(0, 5), st.sampled_from("=Aa_-"))
def test_only_the_canonical_spelling_is_an_id(
    project: str, ticket_id: str, place: int, letter: str
) -> None:
    text = encode_ticket_id(project, ticket_id)
    other = text[:place] + letter + text[place:]

    try:
        key = decode_ticket_id(other)
    except ApiError:
        return
    assert encode_ticket_id(*key) == other


@pytest.mark.parametrize("name", ["a\0b", "\0"])
def test_an_id_of_a_name_with_a_nul_is_refused(name: str) -> None:
    with pytest.raises(ApiError, match="not a ticket's id"):
        decode_ticket_id(encode_ticket_id(name, "T-1"))
