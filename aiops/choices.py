"""What operators choose in files: how changelogs are written, which fields tickets have."""

import tomllib
from pathlib import Path

import msgspec

from aiops.changelog_config import read_configured
from schemas.errors import ConfigError
from schemas.settings import Settings
from streams.domain.triage.config import TriageConfig
from streams.processes import Choices


def read_choices(settings: Settings) -> Choices:
    """Return the choices in the files that the settings name, the usual ones else.

    Raises:
        ConfigError: a file is missing or is not what docs/changelog.md or docs/triage.md describe.
    """
    return Choices(read_configured(settings), read_triage_config(settings))


def read_triage_config(settings: Settings) -> TriageConfig:
    """Return the fields and labels in the file that AIOPS_TRIAGE_CONFIG names, JSON or TOML.

    Raises:
        ConfigError: the file is missing or is not what docs/triage.md describes.
    """
    if not settings.triage_config:
        return TriageConfig()
    path = Path(settings.triage_config)
    try:
        content = path.read_bytes()
        if path.suffix == ".toml":
            return msgspec.convert(tomllib.loads(content.decode()), TriageConfig)
        return msgspec.json.decode(content, type=TriageConfig)
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{path}: {exc}", setting="AIOPS_TRIAGE_CONFIG") from exc
