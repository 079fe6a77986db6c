"""`aiops try changelog`: commits in, release documents out."""

import sys
from collections.abc import Iterable
from pathlib import Path

import click
import msgspec

from aiops.changelog_config import read_config
from schemas.errors import MalformedEventError
from schemas.events import CommitEvent
from streams.domain.changelog.history import FactsCache, History
from streams.domain.changelog.merging import merge_commits
from streams.domain.changelog.releases import build_release, release_numbers
from streams.domain.commits.lenient_json import decode_json
from streams.domain.commits.own_json import decode_commit


@click.command
@click.option(
    "--config", "config_path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A TOML or JSON file with the choices of docs/changelog.md.",
)  # fmt: skip
@click.option("--release", "wanted", help="Print only the release with this tag.")
def command(config_path: Path | None, wanted: str | None) -> None:
    """Read commits from stdin, write one document a release, what is not released last.

    A line that is no commit is answered at once with {"error": "..."}.
    """
    config = read_config(config_path)
    commits = merge_commits(_read_commits(sys.stdin.buffer)).values()
    history = History(commits, (), (), (), FactsCache(config))
    for release in release_numbers(history):
        is_tagged = release < len(history.boundaries)
        names = history.boundaries[release].names if is_tagged else ()
        if wanted is None or wanted in names:
            sys.stdout.buffer.write(msgspec.json.encode(build_release(history, release)) + b"\n")


def _read_commits(lines: Iterable[bytes]) -> Iterable[CommitEvent]:
    for line in lines:
        try:
            payload = decode_json(line)
            if not isinstance(payload, dict):
                raise MalformedEventError("bad_commit", "the line is not an object")  # noqa: TRY301
            yield decode_commit(payload, "")
        except (ValueError, MalformedEventError) as exc:
            sys.stdout.buffer.write(msgspec.json.encode({"error": str(exc)}) + b"\n")
