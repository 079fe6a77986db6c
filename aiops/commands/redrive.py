"""`aiops redrive`: dead letters back to the topic they came from."""

import asyncio
import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

import click
import msgspec

from aiops.redriving import RedriveReport, redrive_topic
from aiops.value_filter import ValueFilter
from schemas.settings import load_settings
from schemas.telemetry import configure_logging
from streams.redrive import Outcome, RedriveRequest

WORDS: Final = {
    Outcome.ALREADY_REDRIVEN: "redriven before",
    Outcome.SETTLED: "settled since",
    Outcome.OTHER_REASON: "of another reason",
    Outcome.OTHER_TOPIC: "of another topic",
    Outcome.TRUNCATED: "truncated, refused",
    Outcome.UNREPAIRED: "left alone by the filter",
    Outcome.REFUSED: "too large for the broker",
    Outcome.FOREIGN: "no dead letters of ours",
}


class Progress:
    """A bar on a terminal, nothing elsewhere."""

    def __init__(self, shown: ExitStack, label: str) -> None:
        self._shown = shown
        self._label = label
        self._advance: Callable[[int], None] = lambda _: None

    def planned(self, records: int) -> None:
        """Show the bar."""
        error_stream = click.get_text_stream("stderr")
        bar = click.progressbar(
            length=records, label=self._label, hidden=not os.isatty(2), file=error_stream
        )
        self._advance = self._shown.enter_context(bar).update

    def record_done(self, outcome: Outcome) -> None:
        """Move the bar on by one."""
        del outcome
        self._advance(1)


@click.command("redrive")
@click.argument("topic")
@click.option("--reason", help="Only letters of this reason, as `aiops status` shows them.")
@click.option(
    "--filter",
    "filter_command",
    help="A command that gets each value on stdin and prints the new one; "
    "exit status not 0: the letter stays. Run without a shell, also on a dry run.",
)
@click.option("--limit", type=click.IntRange(1), help="Send at most so many.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be sent.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    *,
    topic: str,
    reason: str | None,
    filter_command: str | None,
    limit: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send the dead letters of TOPIC back to it, each once, as new records.

    For records that were at fault, mended by a filter. Where our rules were at fault, run
    `aiops replay` with the new ones instead: it reads the records where they lie.
    """
    settings = load_settings(os.environ)
    # Standard output is the report's.
    configure_logging("WARNING")
    request = RedriveRequest(topic=topic, reason=reason, limit=limit, is_dry_run=dry_run)
    value_filter = ValueFilter(filter_command) if filter_command is not None else None
    with ExitStack() as shown:
        progress = Progress(shown, f"redriving {topic}")
        report = asyncio.run(redrive_topic(settings, request, progress, value_filter))
    click.echo(msgspec.json.encode(report) if as_json else _sentence(report))


def _sentence(report: RedriveReport) -> str:
    verb = "would be sent" if report.is_dry_run else "sent"
    sentence = (
        f"{report.outcomes[Outcome.SENT]} of {report.read} dead letters {verb} to {report.topic}"
    )
    others = [
        f"{report.outcomes[outcome]} {words}"
        for outcome, words in WORDS.items()
        if report.outcomes[outcome]
    ]
    return f"{sentence}; {', '.join(others)}" if others else sentence
