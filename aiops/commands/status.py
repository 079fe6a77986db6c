"""`aiops status`: the state of the pipeline, once or again and again."""

import asyncio
import os
import time

import click
import msgspec

from aiops.status import PartitionLag, Replay, Status, read_status
from schemas.settings import load_settings


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--watch", "interval_s", type=click.FloatRange(0.2), help="Again every so many s.")
def command(*, as_json: bool, interval_s: float | None) -> None:
    """Show lag, watermark, dead letters, gaps, windows and replays, by topic and partition."""
    settings = load_settings(os.environ)
    before: tuple[float, Status] | None = None
    while True:
        now, status = time.monotonic(), asyncio.run(read_status(settings))
        if as_json:
            click.echo(msgspec.json.encode(status))
        else:
            _show(status, _rate(before, (now, status)))
        if interval_s is None:
            return
        before = now, status
        time.sleep(interval_s)


def _rate(before: tuple[float, Status] | None, after: tuple[float, Status]) -> float | None:
    """Return the records stored a second between two looks, None at the first."""
    if before is None:
        return None
    stored = [sum(one.next_offset for one in status.partitions) for _, status in (before, after)]
    return (stored[1] - stored[0]) / (after[0] - before[0])


def _show(status: Status, rate: float | None) -> None:
    click.echo(f"{'topic':20} {'part':>4} {'stored to':>12} {'end':>12} {'lag':>9}  newest event")
    for partition in status.partitions:
        _show_partition(partition)
    pace = "" if rate is None else f", {rate:.0f} records/s"
    click.echo(f"lag {status.lag} records{pace}")
    windows = status.windows
    click.echo(
        f"windows: {windows.closed} closed, {windows.open} open, {windows.dirty} to recompute"
    )
    if status.lines_since is not None:
        click.echo(f"lines: those stored since {status.lines_since.isoformat(timespec='seconds')}")
    for letters in status.dead_letters:
        click.echo(f"dead letters: {letters.topic} {letters.reason} {letters.records}")
    for gap in status.gaps:
        lost = gap.to_offset - gap.from_offset
        click.echo(f"gap: {gap.topic}[{gap.partition}] from {gap.from_offset}, {lost} offsets lost")
    for replay in status.replays:
        click.echo(replay_line(replay))


def replay_line(replay: Replay) -> str:
    """Return one line about a replay, with the command to go on where one is needed."""
    place = replay.topic if replay.partition is None else f"{replay.topic}[{replay.partition}]"
    blocks = "?" if replay.blocks is None else replay.blocks
    verb = "would change" if replay.is_dry_run else "changed"
    line = (
        f"replay {replay.run_id}: {place} {replay.state}, {replay.done_blocks}/{blocks} blocks, "
        f"{replay.records} records, {replay.changed_blocks} {verb}"
    )
    if replay.error is not None:
        line += f": {replay.error}"
    if replay.state == "failed" or (replay.is_interrupted and replay.is_attended):
        line += f"; go on with `aiops replay --resume {replay.run_id}`"
    return line


def _show_partition(partition: PartitionLag) -> None:
    newest = partition.newest_event
    shown = newest.isoformat(timespec="seconds") if newest else "-"
    standing = f"  standing {partition.lag_s:.0f} s" if partition.lag_s else ""
    click.echo(
        f"{partition.topic:20} {partition.partition:4} {partition.next_offset:12} "
        f"{partition.end:12} {partition.lag:9}  {shown}{standing}"
    )
