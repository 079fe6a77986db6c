"""`aiops replay`: history again, block by block, while the live workers run."""

import asyncio
import os
from collections.abc import Sequence

import click
import msgspec

from aiops.replaying import ReplayReport, ReplayRequest, parse_range, replay_topic
from schemas.settings import load_settings
from streams.replay import BlockPlan, BlockResult


class Progress:
    """A bar on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self._is_terminal = os.isatty(2)
        self._planned = 0
        self._done = 0

    def planned(self, plans: Sequence[BlockPlan]) -> None:
        """Tell how many blocks there are."""
        self._planned = len(plans)
        click.echo(f"{self._planned} blocks", err=True)

    def block_done(self, result: BlockResult) -> None:
        """Tell that a block is done."""
        self._done += 1
        verdict = "changed" if result.changed else "unchanged"
        text = (
            f"{self._done}/{self._planned} {result.plan.topic}[{result.plan.partition}] "
            f"block {result.plan.block}: {result.records} records, {verdict}"
        )
        click.echo(f"\r{text}" if self._is_terminal else text, err=True, nl=not self._is_terminal)


@click.command("replay")
@click.argument("topic")
@click.option("--from", "begin", help="Offset or time (RFC 3339); default: all that is stored.")
@click.option("--to", "end", help="Offset or time, exclusive; default: all that is stored.")
@click.option("--partition", type=click.IntRange(0), help="Only this partition.")
@click.option("--retriage", is_flag=True, help="Triage tickets again with today's model.")
@click.option("--dry-run", is_flag=True, help="Only tell what would change.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(  # noqa: PLR0913 - one parameter an option
    *,
    topic: str,
    begin: str | None,
    end: str | None,
    partition: int | None,
    retriage: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Read TOPIC again and store what today's rules make of it; the range grows to whole blocks."""
    settings = load_settings(os.environ)
    request = ReplayRequest(
        topic=topic,
        range=parse_range(begin, end),
        partition=partition,
        is_dry_run=dry_run,
        is_retriage=retriage,
    )
    report = asyncio.run(replay_topic(settings, request, Progress()))
    click.echo(msgspec.json.encode(report) if as_json else _sentence(report, is_dry_run=dry_run))


def _sentence(report: ReplayReport, *, is_dry_run: bool) -> str:
    verb = "would change" if is_dry_run else "changed"
    return (
        f"replayed {report.records} records in {report.blocks} blocks of {report.topic}: "
        f"{report.changed_blocks} {verb}"
        + ("" if report.retriaged is None else f", {report.retriaged} triages {verb}")
    )
