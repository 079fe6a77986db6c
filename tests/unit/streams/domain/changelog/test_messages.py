import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.domain.changelog.messages import ParsedCommit, parse_message
from tests.shared_data import shared_file


def vector_mismatch(vector: dict[str, Any]) -> str | None:
    parsed = parse_message(vector["message"])
    expected = vector["expect"]
    if expected is None:
        return f"{vector['id']}: parsed as conventional" if parsed.conventional else None
    got = {
        "type": parsed.type,
        "scope": parsed.scope,
        "description": parsed.subject,
        "breaking": parsed.breaking,
        "breaking_text": parsed.breaking_text,
        "body": parsed.body,
        "footers": [list(footer) for footer in parsed.footers],
    }
    different = {name: got[name] for name in expected if got[name] != expected[name]}
    return f"{vector['id']}: {different}" if different or not parsed.conventional else None


def test_every_vector_of_the_specification_is_parsed_as_it_says() -> None:
    path = shared_file("data/commits/conventional_commits_vectors.jsonl")
    vectors = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    assert [found for vector in vectors if (found := vector_mismatch(vector))] == []
    assert len(vectors) == 60


@pytest.mark.parametrize(
    ("header", "commit_type", "scope", "subject"),
    [
        ("feat: add a thing", "feat", None, "add a thing"),
        ("FEAT(Core): add a thing", "feat", "Core", "add a thing"),
        ("deps-dev: bump x", "deps-dev", None, "bump x"),
        ("fix(a): handle foo(): bar", "fix", "a", "handle foo(): bar"),
        ("fix(foo(bar)): x", "fix", "foo(bar)", "x"),
        ("fix(größe)!: x", "fix", "größe", "x"),
        ("fix: a: b: c", "fix", None, "a: b: c"),
    ],
)
def test_a_conventional_header_has_a_type_a_scope_and_a_subject(
    header: str, commit_type: str, scope: str | None, subject: str
) -> None:
    parsed = parse_message(header)

    assert parsed.conventional
    assert (parsed.type, parsed.scope, parsed.subject) == (commit_type, scope, subject)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "feat",
        "feat:x",
        "feat : x",
        "fix: ",
        "fix:    ",
        "fix(): x",
        "feat!(api): x",
        "feat!!: x",
        ": x",
        "feature/login: x",
        "Merge pull request #1 from a/b",
        "fix: a\rb",
    ],
)
def test_other_headers_have_no_type_and_are_kept_whole(header: str) -> None:
    parsed = parse_message(header)

    assert not parsed.conventional
    assert (parsed.type, parsed.subject) == (None, header)


def test_a_body_needs_no_blank_line_and_a_bracket_in_it_harms_nothing() -> None:
    parsed = parse_message("fix: wrapped\nonto a (second line")

    assert (parsed.conventional, parsed.body) == (True, "onto a (second line")


def test_a_footer_value_runs_on_over_blank_lines_until_the_next_token() -> None:
    parsed = parse_message(
        "fix: x\r\n\r\nbody\r\n\r\nNotes: one\r\ntwo\r\n\r\nthree\r\nRefs #7\r\n"
    )

    assert parsed.body == "body"
    assert parsed.footers == (("Notes", "one\ntwo\n\nthree"), ("Refs", "7"))


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("feat!: x", "x"),
        ("feat!: x\n\nBREAKING CHANGE: y", "y"),
        ("chore: x\n\nBREAKING-CHANGE: y\nz\n\nRefs: #1", "y\nz"),
        ("chore: x\n\nBREAKING CHANGE:\ny", "y"),
        ("chore: x\n\n* BREAKING CHANGE: y", "y"),
        ("chore: x\n\nBREAKING CHANGE: y\nBREAKING CHANGE: z", "y\nz"),
        ("no convention\n\nBREAKING CHANGE: y", "y"),
    ],
)
def test_a_breaking_change_is_declared_by_the_mark_or_a_footer(message: str, text: str) -> None:
    parsed = parse_message(message)

    assert (parsed.breaking, parsed.breaking_text) == (True, text)


@pytest.mark.parametrize(
    "below",
    ["breaking change: b", "BREAKING CHANGE b", "BREAKING CHANGE #12", "not a BREAKING CHANGE: b"],
)
def test_prose_about_breaking_changes_declares_none(below: str) -> None:
    assert not parse_message(f"feat: x\n\n{below}").breaking


def test_a_name_after_an_at_sign_is_mentioned_and_an_address_is_not() -> None:
    parsed = parse_message("docs: thank @anna-b\n\nCo-authored-by: C <c@example.org> @d")

    assert parsed.mentions == ("anna-b", "d")


def test_lines_of_a_signature_check_are_not_part_of_the_message() -> None:
    parsed = parse_message("gpg: Signature made today\nfix: x\n\ngpg: Good signature\nbody")

    assert (parsed.header, parsed.body) == ("fix: x", "body")


MESSAGES = st.text() | st.lists(
    st.sampled_from(
        ["feat", "(a)", "!", ": ", "\n", "\r\n", "BREAKING CHANGE: ", "Refs #1", "fix #", "@a", "x"]
    )
).map("".join)


@given(MESSAGES)
@example("\x00")
@example("\ud800")
@example("fix: " + "(" * 50)
def test_any_text_is_parsed_and_none_of_the_header_is_lost(message: str) -> None:
    parsed = parse_message(message)

    assert isinstance(parsed, ParsedCommit)
    assert parsed.subject in message
    assert parsed.header.endswith(parsed.subject)


def test_a_message_of_noise_has_a_bounded_number_of_parts() -> None:
    parsed = parse_message("fix: x\n\n" + "a: b #1 @c\n" * 5_000)

    assert len(parsed.footers) == len(parsed.mentions) == 1_000
