import json
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from streams.domain.changelog.escaping import clean_line, escape_line, link
from tests.shared_data import shared_file

DIALECTS = (
    MarkdownIt("commonmark"),
    MarkdownIt("gfm-like", {"html": True, "linkify": False}),
)
PLAIN = {"bullet_list", "list_item", "paragraph"}


def shown(tokens: Sequence[Token]) -> str:
    """What a reader sees; anything but text and code shows up as its own name."""
    parts = []
    for token in tokens:
        if token.type == "inline":
            parts.append(shown(token.children or []))
        elif token.type in {"text", "text_special"}:
            parts.append(token.content)
        elif token.type == "code_inline":
            parts.append(f"{token.markup}{token.content}{token.markup}")
        elif token.type.removesuffix("_open").removesuffix("_close") not in PLAIN:
            parts.append(f"<{token.type}>")
    return "".join(parts)


def assert_reads_as_written(text: str) -> None:
    for dialect in DIALECTS:
        assert shown(dialect.parse(f"* {escape_line(text)}\n")) == clean_line(text)


@given(
    st.lists(
        st.sampled_from(
            ["`", "``", "*", "_", "__", "[", "]", "(", ")", "<b>", "&amp;", "\\", "~~", "#", "# ",
             "- ", "1. ", "+ ", "> ", "a", " ", "|", "!", "@x", "http://x.y", "---", "$", ":", "="]
        )
    ).map("".join)
)  # fmt: skip
@example("`a `b` c`")
@example("``a`b``")
@example("\\`a`")
def test_any_line_reads_as_it_was_written(text: str) -> None:
    assert_reads_as_written(text)


def test_real_subjects_survive_the_round_trip() -> None:
    subjects = [
        json.loads(line)["message"].partition("\n")[0]
        for name in ("vite", "release-please", "httpx", "pytest")
        for line in shared_file(f"data/commits/{name}.jsonl").open(encoding="utf-8")
    ][::7]

    for subject in subjects:
        assert_reads_as_written(subject)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "![x](http://tracker.example/a.png)",
        "<!-- hidden",
        "<https://example.org>",
        "Vec<T> and __proto__",
        "# heading",
        "## 9.9.9",
        "1. one",
        "- list",
        "> quote",
        "```js",
        "&lt;b&gt;",
        "[ ] task",
    ],
)
def test_markup_of_strangers_stays_text(text: str) -> None:
    assert_reads_as_written(text)


def test_a_line_break_cannot_start_a_block_of_its_own() -> None:
    escaped = escape_line("gone\n\n## 9.9.9\r\n\u2028* item")

    assert "\n" not in escaped
    assert escaped == "gone ## 9.9.9 \\* item"


def test_what_reorders_or_hides_text_becomes_visible() -> None:
    assert (
        escape_line("a\u202eb\u2066c\x00d\x1b[0m\ud800")
        == "a\ufffdb\ufffdc\ufffdd\ufffd\\[0m\ufffd"
    )


def test_everyone_is_not_summoned_and_packages_keep_their_names() -> None:
    assert escape_line("thanks @everyone and @Here!") == "thanks `@everyone` and `@Here`!"
    assert escape_line("bump @acme/ui, mail me@all.org") == "bump \\@acme/ui, mail me\\@all.org"


def test_code_spans_stay_as_they_are() -> None:
    assert escape_line("use `a_b<T>` not `x") == "use `a_b<T>` not \\`x"


def test_only_web_addresses_are_linked() -> None:
    assert link("a]b", "https://x.y/(z) 1") == "[a\\]b](https://x.y/%28z%29%201)"
    assert link("a", "javascript:alert(1)") == "a"
