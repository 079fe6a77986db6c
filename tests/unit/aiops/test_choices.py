from pathlib import Path

import pytest

from aiops.choices import read_choices, read_triage_config
from schemas.errors import ConfigError
from schemas.settings import Settings
from streams.domain.triage.config import FieldConfig, LabelConfig, TriageConfig

IN_JSON = '{"projects": {"shop": {"fields": {"team": {"labels": {"web": {"owner": "ann"}}}}}}}'
IN_TOML = '[projects.shop.fields.team.labels.web]\nowner = "ann"\n'
TEAM = FieldConfig(labels={"web": LabelConfig(owner="ann")})


def test_without_a_file_the_usual_choices_hold() -> None:
    assert read_triage_config(Settings()) == TriageConfig()
    assert read_choices(Settings()).triage == TriageConfig()


@pytest.mark.parametrize(("name", "text"), [("triage.json", IN_JSON), ("triage.toml", IN_TOML)])
def test_json_and_toml_say_the_same(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    config = read_triage_config(Settings(triage_config=str(path)))

    assert config.fields_of("shop") == ("team",)
    assert config.field_of("shop", "team") == TEAM
    assert config.fields_of("another") == ("category", "priority", "team")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", None, "a.json"),
        ("a.json", b"", "truncated"),
        ("a.json", b"[" * 100_000, "a.json"),
        ("a.json", b'{"project": {}}', "project"),
        ("a.json", b'{"default": {"fields": {"team": {"wanted_precision": 2}}}}', "<= 0.999"),
        ("a.json", b'{"default": {"fields": {"": {}}}}', "length >= 1"),
        ("a.json", b'{"default": "\xff"}', "a.json"),
        ("a.toml", None, "a.toml"),
        ("a.toml", b"default = ", "a.toml"),
        ("a.toml", b"\xff", "a.toml"),
        ("a.toml", b"[default.fields.team]\nlabel = 1\n", "label"),
        ("a.toml", b"when = 2026-01-01", "when"),
    ],
)
def test_a_bad_file_is_told_with_its_setting(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError, match=said) as refused:
        read_triage_config(Settings(triage_config=str(path)))
    assert refused.value.setting == "AIOPS_TRIAGE_CONFIG"
