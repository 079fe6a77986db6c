"""`aiops send`: records onto the topics."""

import asyncio
import os
import sys
from pathlib import Path

import click
import msgspec

from aiops.send import LineReader, Outgoing, RepositoryReader, produce_records
from aiops.ticket_files import read_tickets
from schemas.errors import AiOpsError
from schemas.settings import load_settings
from schemas.topics import COMMITS_RAW, LOGS_RAW, TICKETS_RAW


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


@group.command("tickets")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--project", help="The project of tickets that name none.")
def tickets(path: Path, project: str | None) -> None:
    """Send the tickets in PATH (JSON Lines, a JSON array, CSV); each is keyed by its project."""
    settings = load_settings(os.environ)
    found = [{"project": project, **one} if project else one for one in read_tickets(path)]
    done = iter(range(1, len(found) + 1))
    sent = asyncio.run(
        produce_records(
            settings.kafka_bootstrap,
            TICKETS_RAW.name,
            (Outgoing(msgspec.json.encode(one), _project_key(one)) for one in found),
            total=len(found),
            progress=lambda: next(done),
        )
    )
    click.echo(f"sent {sent} tickets to {TICKETS_RAW.name}")


def _project_key(ticket: dict[str, object]) -> bytes | None:
    project = ticket.get("project")
    return project.encode() if isinstance(project, str) and project else None
