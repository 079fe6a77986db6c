import pytest

from streams.domain.changelog.references import deduplicate, parse_references


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("add a thing (#12)", [(None, None, None, "12")]),
        ("closes #1, #2 and fixes o/r#3", [("closes", None, None, "1"), ("closes", None, None, "2"),
                                           ("fixes", "o", "r", "3")]),
        ("r#4", [(None, None, "r", "4")]),
        ("prefix #1", [(None, None, None, "1")]),
        ("#1 Fixes #2", [(None, None, None, "1"), ("Fixes", None, None, "2")]),
        ("#general is a channel", []),
        ("see https://example.org/a#1", []),
        ("no hash at all", []),
        ("#1x/y", []),
    ],
)  # fmt: skip
def test_references_are_found_with_their_closing_word(
    line: str, expected: list[tuple[str | None, str | None, str | None, str]]
) -> None:
    found = parse_references(line)

    assert [(ref.action, ref.owner, ref.repository, ref.issue) for ref in found] == expected


def test_a_closing_word_may_be_a_footer_token() -> None:
    assert [ref.action for ref in parse_references("Closes: #1", in_footer=True)] == ["Closes"]
    assert [ref.action for ref in parse_references("Closes: #1")] == [None]


def test_the_same_words_refer_once() -> None:
    twice = parse_references("fixes #1") + parse_references("FIXES #1")

    assert [ref.action for ref in deduplicate(twice)] == ["fixes"]


def test_nothing_is_looked_for_past_a_stray_line_break() -> None:
    assert [ref.issue for ref in parse_references("a #1 b\u2028c #2")] == ["1"]
