"""Documents that would cost too much are refused; those of tools are not."""

import pytest
from graphql import get_introspection_query

from graphql_api.errors import ApiError
from graphql_api.limits import DocumentLimits, parse_limited

LIMITS = DocumentLimits()


def doubling(levels: int, body: str) -> str:
    """Return fragments of which each spreads the next one twice."""
    chain = "".join(
        f"fragment f{level} on Query {{ {body.format(level + 1)} }}" for level in range(levels)
    )
    return f"query {{ ...f0 }} {chain} fragment f{levels} on Query {{ a }}"


TOO_MUCH = {
    "characters": "{ a " + "b " * 40_000 + "}",
    "lines": "{ a }" + "\n" * 2_501,
    "tokens": "{ " + "a(x: 1) " * 800 + "}",
    "depth": "{a" * 25 + "}" * 25,
    "fields": doubling(16, "a {{ ...f{0} }} b {{ ...f{0} }}"),
    "aliases": "{ " + " ".join(f"a{number}: x" for number in range(31)) + " }",
    "directives": "{ a " + "@skip(if: true) " * 31 + "}",
    "fragments": "{ a } " + "".join(f"fragment f{number} on Q {{ a }}" for number in range(41)),
    "spreads": "{ " + "...f " * 81 + "} fragment f on Query { a }",
    "repeats": "{ " + "a { b } " * 17 + "}",
    "comparisons": "{ " + f"a {{ {' '.join(f'b{number}' for number in range(22))} }} " * 10 + "}",
    "escapes": '{ a(b: "' + "\\n" * 5_001 + '") }',
    "operations": "".join(f"query q{number} {{ a }}" for number in range(6)),
    "mutations": "mutation { a b c d e }",
    "logins and their like beside other fields": "mutation { login(u: 1) logout }",
}


def refusal(document: str) -> object:
    with pytest.raises(ApiError) as refused:
        parse_limited(document, LIMITS)
    return refused.value.details.get("limit", refused.value.code)


@pytest.mark.parametrize("limit", TOO_MUCH)
def test_a_document_beyond_a_limit_is_refused_by_name(limit: str) -> None:
    assert refusal(TOO_MUCH[limit]) == limit


def test_a_limit_itself_is_allowed() -> None:
    document = "{ " + " ".join(f"a{number}: x" for number in range(LIMITS.aliases)) + " }"

    assert len(parse_limited(document, LIMITS).definitions) == 1


def test_a_long_document_may_have_fewer_tokens() -> None:
    names = " ".join(f"a{number}" for number in range(400))

    assert refusal(f'{{ {names} b(c: "{"x" * 16_384}") }}') == "tokens"
    assert parse_limited(f'{{ {names} b(c: "{"x" * 10_000}") }}', LIMITS).definitions


def test_a_long_text_is_within_the_limits() -> None:
    lines = "a line of a log, of which a client sends many at once\\n" * 1_100

    assert parse_limited(f'mutation {{ a(log: "{lines}") {{ b }} }}', LIMITS).definitions


@pytest.mark.parametrize(
    "selections",
    [
        "{inner}",
        "... on Q {{ {inner} }}",
        "...f{number}",
    ],
)
def test_equal_fields_are_compared_however_they_are_selected(selections: str) -> None:
    inner = f"a {{ {' '.join(f'b{number}' for number in range(22))} }}"
    parts = [selections.format(inner=inner, number=number) for number in range(10)]
    fragments = [f"fragment f{number} on Q {{ {inner} }}" for number in range(10)]

    assert refusal(f"{{ {' '.join(parts)} }} {' '.join(fragments)}") == "comparisons"


def test_a_page_of_many_parts_with_the_same_fields_is_within_the_limits() -> None:
    parts = " ".join(f"...part{number}" for number in range(5))
    fragments = " ".join(
        f"fragment part{number} on Q {{ id name state {{ label color }} own{number} }}"
        for number in range(5)
    )

    assert parse_limited(f"{{ items {{ {parts} }} }} {fragments}", LIMITS).definitions


def test_doubling_fragments_are_measured_once_each() -> None:
    assert refusal(doubling(38, "...f{0} ...f{0}")) in {"repeats", "spreads"}


def test_a_cycle_of_fragments_ends() -> None:
    document = "{ ...a } fragment a on Q { ...b } fragment b on Q { ...a x }"

    assert len(parse_limited(document, LIMITS).definitions) == 3


def test_deep_nesting_is_refused_without_a_stack_overflow() -> None:
    assert refusal("{a" * 700 + "}" * 700) in {"depth", "GRAPHQL_PARSE_FAILED"}
    assert refusal("{a(x:" + "[" * 700 + "]" * 700 + ")}") == "GRAPHQL_PARSE_FAILED"


def test_logins_hidden_in_fragments_are_found() -> None:
    document = "mutation { ...f login(u: 1) } fragment f on Mutation { logout }"

    assert refusal(document) == "logins and their like beside other fields"


def test_the_introspection_query_of_tools_is_within_the_limits() -> None:
    for text in (
        get_introspection_query(),
        get_introspection_query(
            specified_by_url=True,
            directive_is_repeatable=True,
            schema_description=True,
            input_value_deprecation=True,
        ),
    ):
        assert parse_limited(text, LIMITS).definitions


def test_a_syntax_error_is_told() -> None:
    assert refusal("{") == "GRAPHQL_PARSE_FAILED"
