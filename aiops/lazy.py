"""Click groups that import a command only when it is called, so that each starts fast."""

from importlib import import_module
from typing import NamedTuple

import click


class Lazy(NamedTuple):
    """Where a command lives (`module:attribute`) and its line in the help."""

    target: str
    short_help: str


class LazyGroup(click.Group):
    """A group over a table of lazy commands."""

    def __init__(self, name: str, table: dict[str, Lazy], *, help_text: str) -> None:
        super().__init__(name, help=help_text)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names, sorted."""
        return sorted(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command, None when there is no such name."""
        lazy = self.table.get(cmd_name)
        if lazy is None:
            return None
        module_name, attribute = lazy.target.split(":")
        command: click.Command = getattr(import_module(module_name), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help lines from the table, importing nothing."""
        rows = [(name, self.table[name].short_help) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
