"""The command line `aiops`."""

import sys
from typing import Final

import click

from aiops.lazy import Lazy, LazyGroup
from schemas.errors import AiOpsError, ConfigError

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2

COMMANDS: Final = {
    "try": Lazy("aiops.workbench.commands:group", "See what a line, ticket or commit becomes."),
}

cli = click.version_option(package_name="aiops-assistant")(
    LazyGroup(
        "aiops",
        COMMANDS,
        help_text="Read logs, tickets and commits from Kafka and answer over GraphQL.",
    )
)


def main() -> None:
    """Run the command; exit status 0 done, 1 failed, 2 wrong usage or configuration."""
    try:
        cli()
    except ConfigError as exc:
        click.echo(f"aiops: {exc}", err=True)
        sys.exit(EXIT_USAGE)
    except AiOpsError as exc:
        click.echo(f"aiops: {exc}", err=True)
        sys.exit(EXIT_FAILED)
