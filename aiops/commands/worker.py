"""`aiops worker`: the stream workers."""

import asyncio
import os
import sys
from typing import Final

import click

from schemas.settings import load_settings
from schemas.telemetry import configure_logging
from streams.supervisor import plan_children, run_supervisor
from streams.worker import ROLES, WorkerFailedError, run_worker

# Unlike 1 (a limit was passed) and 2 (wrong configuration), worth another start.
EXIT_CRASHED: Final = 3


@click.command("worker")
@click.argument("role", type=click.Choice([*ROLES, "all"]))
@click.option("--processes", type=click.IntRange(1, 64), help="Bulk log processes (with `all`).")
@click.option("--slot", default=None, help="Names this worker among those of its role.")
def command(role: str, processes: int | None, slot: str | None) -> None:
    """Read the topics and write to Postgres until SIGTERM or Ctrl-C.

    Exit status 1: too many records were rejected; 2: wrong configuration; 3: crashed, start again.
    """
    settings = load_settings(os.environ)
    configure_logging(settings.log_level)
    if role == "all":
        asyncio.run(run_supervisor(plan_children(processes or settings.worker_processes)))
        return
    try:
        asyncio.run(run_worker(settings, role, slot or settings.worker_slot))
    except WorkerFailedError as exc:
        click.echo(f"aiops: {exc}", err=True)
        sys.exit(EXIT_CRASHED)
