from pathlib import Path

import pytest

from aiops.changelog_config import read_configured
from schemas.errors import ConfigError
from schemas.settings import Settings, load_settings
from streams.domain.changelog.config import ChangelogConfig


def configured(path: Path) -> ChangelogConfig:
    return read_configured(load_settings({"AIOPS_CHANGELOG_CONFIG": str(path)}))


def test_without_a_file_the_choices_are_the_usual_ones() -> None:
    assert read_configured(Settings()) == ChangelogConfig()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", 'headings = "keep-a-changelog"\nshown = ["added"]'),
        ("a.json", '{"headings": "keep-a-changelog", "shown": ["added"]}'),
    ],
)
def test_a_file_gives_the_choices(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)

    assert configured(path) == ChangelogConfig(headings="keep-a-changelog", shown=("added",))


@pytest.mark.parametrize(
    "text", ['headings = "loud"', 'headngs = "conventional"', 'shown = ["shiny"]', "not toml", None]
)
def test_a_wrong_file_is_refused_by_the_name_of_its_setting(
    tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "a.toml"
    if text is not None:
        path.write_text(text)

    with pytest.raises(ConfigError) as failure:
        configured(path)

    assert str(failure.value).startswith(f"AIOPS_CHANGELOG_CONFIG: {path}: ")
    assert "\n" not in str(failure.value)
