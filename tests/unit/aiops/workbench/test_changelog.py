import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aiops.changelog_config import read_config
from aiops.workbench.changelog import command as try_changelog
from aiops.workbench.commit import command as try_commit
from schemas.errors import ConfigError

COMMITS = [
    {"sha": "a" * 40, "parents": [], "author": "Ann", "date": "2026-01-01T00:00:00Z",
     "message": "feat: start", "tags": ["v1.0.0"]},
    {"sha": "b" * 40, "parents": ["a" * 40], "author": "Bo", "date": "2026-01-02T00:00:00Z",
     "message": "fix(api): go on (#2)", "tags": []},
]  # fmt: skip


def lines(*payloads: object) -> bytes:
    return b"".join(json.dumps(payload).encode() + b"\n" for payload in payloads)


def outputs(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_each_release_is_one_line_the_unreleased_last() -> None:
    result = CliRunner().invoke(try_changelog, input=lines(*reversed(COMMITS)))
    released, draft = outputs(result.output)

    assert released["release"]["name"] == "v1.0.0"
    assert released["commits"] == ["a" * 40]
    assert draft["release"]["name"] is None
    assert draft["sections"][0]["entries"][0]["subject"] == "go on (#2)"
    assert draft["bump"]["next"] == "1.0.1"
    assert draft["contributors"] == [
        {"name": "Bo", "commits": 1, "first_time": True, "is_bot": False}
    ]


def test_one_release_may_be_picked_and_choices_come_from_a_file(tmp_path: Path) -> None:
    config = tmp_path / "changelog.toml"
    config.write_text('headings = "keep-a-changelog"\n', encoding="utf-8")
    arguments = ["--config", str(config), "--release", "v1.0.0"]
    (released,) = outputs(CliRunner().invoke(try_changelog, arguments, lines(*COMMITS)).output)

    assert "### Added" in released["markdown"]


def test_a_line_that_is_no_commit_is_answered_and_the_rest_goes_on() -> None:
    result = CliRunner().invoke(try_changelog, input=b"{\n" + lines({"sha": "x"}, COMMITS[0]))

    assert result.exit_code == 0
    assert ["error" in output for output in outputs(result.output)] == [True, True, False]


def test_a_message_is_parsed_line_by_line() -> None:
    text = lines({"message": "feat(a)!: b"}, {"message": "Fix the boiler"}, {}, 7)
    parsed, free, *errors = outputs(CliRunner().invoke(try_commit, input=text).output)

    assert (parsed["type"], parsed["scope"], parsed["breaking_text"]) == ("feat", "a", "b")
    assert (free["conventional"], free["category"], free["decided_by"]) == (False, "fixed", "MODEL")
    assert ["error" in output for output in errors] == [True, True]


@pytest.mark.parametrize(
    "text",
    [
        'headings = "fancy"',
        "surprise = 1",
        'shown = ["nothing"]',
        'repository_url = "ftp://x"',
        "=",
    ],
)
def test_choices_that_make_no_sense_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "changelog.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError):
        read_config(path)
