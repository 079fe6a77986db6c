"""The choices of a changelog, from a TOML or JSON file."""

import tomllib
from pathlib import Path

import msgspec

from schemas.errors import ConfigError
from schemas.settings import Settings
from streams.domain.changelog.config import ChangelogConfig


def read_configured(settings: Settings) -> ChangelogConfig:
    """Return the choices in the file that AIOPS_CHANGELOG_CONFIG names, the usual ones else.

    Raises:
        ConfigError: the file is not what docs/changelog.md describes.
    """
    path = settings.changelog_config
    try:
        return read_config(Path(path) if path else None)
    except ConfigError as exc:
        raise ConfigError(str(exc), setting="AIOPS_CHANGELOG_CONFIG") from exc


def read_config(path: Path | None) -> ChangelogConfig:
    """Return the choices in a file, the usual ones when there is none.

    Raises:
        ConfigError: the file is not what docs/changelog.md describes.
    """
    if path is None:
        return ChangelogConfig()
    try:
        content = path.read_bytes()
        if path.suffix == ".json":
            return msgspec.json.decode(content, type=ChangelogConfig)
        return msgspec.convert(tomllib.loads(content.decode()), ChangelogConfig)
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{path}: {exc}") from exc
