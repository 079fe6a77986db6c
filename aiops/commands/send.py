"""`aiops send`: records onto the topics."""

import asyncio
import os
import sys
from pathlib import Path

import click

from aiops.send import LineReader, RepositoryReader, produce_records
from schemas.errors import AiOpsError
from schemas.settings import load_settings
from schemas.topics import COMMITS_RAW, LOGS_RAW


@click.group("send")
def group() -> None:
    """Send records onto the topics."""


@group.command("logs")
@click.argument("files", nargs=-1, required=True)
@click.option("--topic", default=LOGS_RAW.name, show_default=True)
def logs(files: tuple[str, ...], topic: str) -> None:
    """Send each line of FILES ('-' is standard input) as a record, as it is."""
    settings = load_settings(os.environ)
    reader = LineReader(files, sys.stdin.buffer)
    try:
        sent = asyncio.run(
            produce_records(
                settings.kafka_bootstrap,
                topic,
                reader.records(),
                total=reader.total_bytes,
                progress=lambda: reader.read_bytes,
            )
        )
    except OSError as exc:
        raise AiOpsError(f"can't read {exc.filename}: {exc.strerror}") from exc
    click.echo(f"sent {sent} lines to {topic}")


@group.command("commits")
@click.option(
    "--repo",
    "path",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="A git repository; default: the current folder.",
)
@click.option("--name", help="What it is called; default: the folder's name.")
@click.option("--since", metavar="TAG", help="Leave out what this tag contains.")
def commits(path: Path, name: str | None, since: str | None) -> None:
    """Send the commits and tags of a git repository; sending them again changes nothing."""
    settings = load_settings(os.environ)
    called = name or path.resolve().name
    reader = RepositoryReader(path, called, since)
    sent = asyncio.run(
        produce_records(
            settings.kafka_bootstrap,
            COMMITS_RAW.name,
            reader.records(),
            total=reader.total_count,
            progress=lambda: reader.read_count,
        )
    )
    click.echo(f"sent {sent} commits and tags of {called} to {COMMITS_RAW.name}")
