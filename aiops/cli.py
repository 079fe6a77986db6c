"""The command line `aiops`."""

import sys
from typing import Final

import click

from aiops.lazy import Lazy, LazyGroup
from schemas.errors import AiOpsError, ConfigError

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2

COMMANDS: Final = {
    "admin": Lazy("aiops.commands.admin:group", "Manage users, keys and the audit log."),
    "changelog": Lazy("aiops.commands.changelog:command", "A repository's changelog as Markdown."),
    "api": Lazy("aiops.commands.api:command", "Serve GraphQL, health and metrics."),
    "query": Lazy("aiops.commands.query:command", "Run a GraphQL document and print the data."),
    "replay": Lazy("aiops.commands.replay:command", "Read history again, block by block."),
    "redrive": Lazy("aiops.commands.redrive:command", "Dead letters back to their topic."),
    "up": Lazy("aiops.commands.up:command", "Run everything on this machine."),
    "demo": Lazy("aiops.commands.demo:command", "The sample stream through everything, checked."),
    "status": Lazy("aiops.commands.status:command", "Lag, watermark, dead letters, windows."),
    "send": Lazy("aiops.commands.send:group", "Send logs, tickets or commits onto the topics."),
    "topics": Lazy("aiops.commands.topics:group", "Create and list topics, show the lag."),
    "migrate": Lazy("aiops.commands.migrate:command", "Bring the database up to date."),
    "verify": Lazy("aiops.commands.verify:command", "Compare what is stored with the topics."),
    "worker": Lazy("aiops.commands.worker:command", "Read the topics, write to Postgres."),
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
