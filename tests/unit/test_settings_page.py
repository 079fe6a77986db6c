"""docs/settings.md has a row for each setting, with its default."""

import re
from pathlib import Path

import msgspec

from schemas.settings import PREFIX, Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
ROW = re.compile(r"^\| `([A-Z_]+)` \| (?:`([^`]*)`|empty) \| \S", re.MULTILINE)


def test_every_setting_has_a_row_with_its_default() -> None:
    documented = dict(ROW.findall(PAGE.read_text("utf-8")))

    assert documented == {
        PREFIX + field.name.upper(): str(field.default)
        for field in msgspec.structs.fields(Settings)
    }
