"""`aiops changelog`: a repository's changelog as Markdown, without any server."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from aiops.changelog_config import read_config
from aiops.git_history import read_commits, read_tags, remote_url
from schemas.errors import AiOpsError, ConfigError
from streams.domain.changelog.config import ChangelogConfig
from streams.domain.changelog.history import FactsCache, History
from streams.domain.changelog.releases import build_release, release_numbers

_HEADER: Final = """# Changelog

What changed for those who use it, newest first. Made from the commits by `aiops changelog`.
"""


class ReleaseNotFoundError(AiOpsError):
    """No release of the repository has the wanted tag."""


@click.command
@click.option(
    "--repo", "repository", default=Path(), show_default="this folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path), help="A git repository.",
)  # fmt: skip
@click.option("--unreleased", is_flag=True, help="Only what no tag contains yet.")
@click.option("--release", "tag", help="Only the release with this tag.")
@click.option(
    "--config", "config_path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A TOML or JSON file with the choices of docs/changelog.md.",
)  # fmt: skip
def command(repository: Path, unreleased: bool, tag: str | None, config_path: Path | None) -> None:  # noqa: FBT001 - click passes a flag by name
    """Write the changelog of a git repository to stdout, newest release first."""
    if unreleased and tag:
        raise ConfigError("--unreleased and --release exclude each other")
    history = _read_history(repository, read_config(config_path))
    wanted = _wanted(history, tag=tag, unreleased=unreleased)
    texts = [build_release(history, release).markdown for release in reversed(wanted)]
    if tag is None and not unreleased:
        texts.insert(0, _HEADER)
    click.echo("\n".join(text.rstrip("\n") + "\n" for text in texts), nl=False)


def _read_history(repository: Path, config: ChangelogConfig) -> History:
    name = repository.resolve().name
    if config.repository_url is None:
        config = msgspec.structs.replace(config, repository_url=remote_url(repository))
    commits = read_commits(repository, name)
    return History(commits, read_tags(repository, name), (), (), FactsCache(config))


def _wanted(history: History, *, tag: str | None, unreleased: bool) -> Sequence[int]:
    numbers = list(release_numbers(history))
    if unreleased:
        return [number for number in numbers if number == len(history.boundaries)]
    if tag is None:
        return numbers
    for number, boundary in enumerate(history.boundaries):
        if tag in boundary.names:
            return [number]
    raise ReleaseNotFoundError(f"no release has the tag {tag}")
