"""`aiops replay`: history again, block by block, while the live workers run."""

import asyncio
import os
import sys

import click
import msgspec

from aiops.replaying import (
    ReplayReport,
    ReplayRequest,
    replay_topic,
    resume_in_background,
    resume_replay,
)
from aiops.standard_input import end_with_standard_input
from schemas.settings import Settings, load_settings
from schemas.telemetry import configure_logging
from streams.replay import BlockResult
from streams.store.replay_runs import DONE

EXIT_CANCELLED = 1


class Progress:
    """A bar on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self._is_terminal = os.isatty(2)
        self._planned = 0
        self._done = 0

    def named(self, run_id: str) -> None:
        """Tell how to go on when this process ends too early; said first, for SIGKILL is silent."""
        click.echo(f"replay {run_id}; interrupted: `aiops replay --resume {run_id}`", err=True)

    def planned(self, blocks: int, done: int) -> None:
        """Tell how many blocks there are."""
        self._planned, self._done = blocks, done
        click.echo(f"{blocks} blocks" + (f", {done} done before" if done else ""), err=True)

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
@click.argument("topic", required=False)
@click.option("--from", "begin", help="Offset or time (RFC 3339); default: all that is stored.")
@click.option("--to", "end", help="Offset or time, exclusive; default: all that is stored.")
@click.option("--partition", type=click.IntRange(0, 2**31 - 1), help="Only this partition.")
@click.option("--retriage", is_flag=True, help="Triage tickets again with today's model.")
@click.option("--dry-run", is_flag=True, help="Only tell what would change.")
@click.option("--resume", "run_id", help="Go on with an interrupted replay, given by its id.")
@click.option("--in-background", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(  # noqa: PLR0913 - one parameter an option
    *,
    topic: str | None,
    begin: str | None,
    end: str | None,
    partition: int | None,
    retriage: bool,
    dry_run: bool,
    run_id: str | None,
    in_background: bool,
    as_json: bool,
) -> None:
    """Read TOPIC again and store what today's rules make of it; the range grows to whole blocks.

    Interrupted, it goes on with --resume where it was; `aiops status` lists the replays.
    """
    settings = load_settings(os.environ)
    # Standard output is the report's.
    configure_logging(settings.log_level if in_background else "WARNING")
    if (topic is None) == (run_id is None):
        raise click.UsageError("give either TOPIC or --resume ID")
    if run_id is not None:
        if any((begin, end, partition is not None, retriage, dry_run)):
            raise click.UsageError("--resume goes on with what was asked for")
        report = _resume(settings, run_id, in_background=in_background)
    else:
        request = ReplayRequest(
            topic=topic or "",
            begin=begin,
            end=end,
            partition=partition,
            is_dry_run=dry_run,
            is_retriage=retriage,
        )
        progress = Progress()
        report = asyncio.run(replay_topic(settings, request, progress, progress.named))
    click.echo(msgspec.json.encode(report) if as_json else _sentence(report))
    if report.state != DONE:
        sys.exit(EXIT_CANCELLED)


def _resume(settings: Settings, run_id: str, *, in_background: bool) -> ReplayReport:
    if not in_background:
        return asyncio.run(resume_replay(settings, run_id, Progress()))
    end_with_standard_input()
    return asyncio.run(resume_in_background(settings, run_id, Progress()))


def _sentence(report: ReplayReport) -> str:
    verb = "would change" if report.is_dry_run else "changed"
    ending = "" if report.state == DONE else f"; {report.state}"
    return (
        f"replayed {report.records} records in {report.blocks} blocks of {report.topic}: "
        f"{report.changed_blocks} {verb}"
        + ("" if report.retriaged is None else f", {report.retriaged} triages {verb}")
        + ending
    )
