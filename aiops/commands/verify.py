"""`aiops verify`: what is stored is what the topics say."""

import asyncio
import os
import sys
from typing import Final

import click
import msgspec

from aiops.replaying import parse_range
from aiops.verifying import verify
from schemas.settings import load_settings
from schemas.telemetry import configure_logging
from schemas.topics import REPLAYABLE_TOPICS

EXIT_DIFFERENT: Final = 1


@click.command("verify")
@click.argument("topics", nargs=-1)
@click.option("--from", "begin", help="Offset or time (RFC 3339); default: all that is stored.")
@click.option("--to", "end", help="Offset or time, exclusive; default: all that is stored.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(*, topics: tuple[str, ...], begin: str | None, end: str | None, as_json: bool) -> None:
    """Read TOPICS (default: all of ours) again and compare with what is stored.

    Exit status 1 and a list of differences if there are any.
    """
    settings = load_settings(os.environ)
    # Standard output is the report's.
    configure_logging("WARNING")
    wanted = topics or tuple(spec.name for spec in REPLAYABLE_TOPICS)
    result = asyncio.run(verify(settings, wanted, parse_range(begin, end)))
    if as_json:
        click.echo(msgspec.json.encode(result))
    else:
        for difference in result.differences:
            click.echo(f"{difference.place}: {difference.problem}")
        click.echo(
            f"compared {result.records} records in {result.blocks} blocks: "
            f"{len(result.differences)} differences"
        )
        if result.expired_blocks:
            click.echo(f"{result.expired_blocks} blocks have lines past retention: not compared")
    if result.differences:
        sys.exit(EXIT_DIFFERENT)
