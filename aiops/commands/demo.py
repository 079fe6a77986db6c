"""`aiops demo`: the sample stream through the local product, checked, and away again."""

import asyncio
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click

from aiops.demo import await_result, first_summary, send_sample, show_summary
from aiops.local_service import start_local_service

TIMEOUT_S: Final = 75.0


@click.command("demo")
def command() -> None:
    """Start everything in a directory of its own, send the sample, show what came out, stop.

    Exit status 0 only if summaries came out and their counts add up to the lines sent.
    """
    started = time.monotonic()
    with (
        TemporaryDirectory(prefix="aiops-demo-") as directory,
        start_local_service(Path(directory), dict(os.environ)) as service,
    ):
        settings = service.settings
        click.echo(f"servers, workers and API up after {time.monotonic() - started:.1f} s")
        lines = asyncio.run(send_sample(settings))
        asyncio.run(first_summary(settings, timeout_s=TIMEOUT_S))
        click.echo(f"first summary after {time.monotonic() - started:.1f} s")
        result = asyncio.run(await_result(settings, lines=lines, timeout_s=TIMEOUT_S))
        show_summary(asyncio.run(first_summary(settings, timeout_s=TIMEOUT_S)))
        click.echo(f"\n{lines} lines sent, {result.lines} in {result.windows} window summaries")
    click.echo(f"done after {time.monotonic() - started:.1f} s")
