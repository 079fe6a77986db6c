import json

import pytest
from click.testing import CliRunner

from aiops.workbench.templates import command


def answers(text: str, *options: str) -> list[dict[str, str]]:
    result = CliRunner().invoke(command, options, input=text)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def test_each_line_gets_the_template_as_of_the_last_line() -> None:
    lines = [f"session opened for service {name}" for name in ("auth", "cart", "search")]
    found = answers("\n".join(lines))

    assert [answer["template"] for answer in found] == ["session opened for service <*>"] * 3
    assert len({answer["id"] for answer in found}) == 1


def test_the_first_id_is_the_one_given_when_the_line_was_read() -> None:
    lines = [f"session opened for service {name}" for name in ("auth", "cart", "search", "auth")]
    found = answers("\n".join(lines))

    assert found[0]["first_id"] != found[1]["first_id"]
    assert [answer["first_id"] == answer["id"] for answer in found[2:]] == [True, True]


@pytest.mark.parametrize("text", ["", "\n", "\x00\x07<*>\xff\n", "a\r\nb\r\n", "no newline"])
def test_there_is_one_answer_for_each_line(text: str) -> None:
    assert len(answers(text)) == len(text.split("\n")) - text.endswith("\n") - (text == "")


def test_bytes_that_are_no_text_are_answered() -> None:
    result = CliRunner().invoke(command, input=b"\xff\xfe 5 \x80\n")

    assert result.exit_code == 0
    assert len(result.output.splitlines()) == 1


def test_raw_lines_lose_their_header() -> None:
    found = answers("Jun 14 15:16:01 combo sshd[19]: check pass; user unknown\n", "--field", "raw")

    assert found[0]["template"] == "check pass; user unknown"
