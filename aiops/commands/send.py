"""`aiops send`: records onto the topics."""

import asyncio
import os
import sys

import click

from aiops.send import LineReader, produce_lines
from schemas.errors import AiOpsError
from schemas.settings import load_settings
from schemas.topics import LOGS_RAW


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
        sent = asyncio.run(produce_lines(settings.kafka_bootstrap, topic, reader))
    except OSError as exc:
        raise AiOpsError(f"can't read {exc.filename}: {exc.strerror}") from exc
    click.echo(f"sent {sent} lines to {topic}")
