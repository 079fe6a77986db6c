"""`aiops worker`: the stream workers."""

import asyncio
import gc
import os
import sys

import click
import msgspec
import structlog

from aiops.choices import read_choices
from aiops.standard_input import end_with_standard_input
from schemas.errors import AiOpsError, ConfigError
from schemas.settings import Settings, load_settings
from schemas.telemetry import configure_logging
from streams.processes import EXIT_CRASHED, ROLES, Choices
from streams.supervisor import ChildFailedError, plan_children, run_supervisor

log = structlog.get_logger()


@click.command("worker")
@click.argument("role", type=click.Choice([*ROLES, "all"]))
@click.option("--processes", type=click.IntRange(1, 64), help="Bulk log processes (with `all`).")
@click.option("--slot", default=None, help="Names this worker among those of its role.")
@click.option("--metrics-port", type=click.IntRange(1, 65_535), hidden=True)
@click.option("--until-stdin-ends", is_flag=True, hidden=True)
def command(
    *,
    role: str,
    processes: int | None,
    slot: str | None,
    metrics_port: int | None,
    until_stdin_ends: bool,
) -> None:
    """Read the topics and write to Postgres until SIGTERM or Ctrl-C.

    Exit status 1: too many records were rejected; 2: wrong configuration; 3: crashed, start again.
    """
    settings = load_settings(os.environ)
    if metrics_port is not None:
        settings = msgspec.structs.replace(settings, metrics_port=metrics_port)
    configure_logging(settings.log_level)
    choices = read_choices(settings)
    if until_stdin_ends:
        end_with_standard_input()
    if role == "all":
        _supervise(processes or settings.worker_processes, settings.metrics_port)
    else:
        _work(settings, role, slot or settings.worker_slot, choices)


def _supervise(processes: int, metrics_port: int) -> None:
    try:
        asyncio.run(run_supervisor(plan_children(processes, metrics_port)))
    except ChildFailedError as exc:
        click.echo(f"aiops: {exc}", err=True)
        sys.exit(exc.status)


def spare_collector() -> None:
    """Let the garbage collector look less often, and not at what is there for good.

    Lines are trees without cycles; to look for some costs a quarter of the CPU of a batch.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _work(settings: Settings, role: str, slot: str, choices: Choices) -> None:
    # A supervisor does without what takes two seconds to import.
    from streams.dead_letters import DeadLetterLimitError
    from streams.worker import run_worker

    spare_collector()
    try:
        asyncio.run(run_worker(settings, role, slot, choices))
    except (ConfigError, DeadLetterLimitError):
        raise
    except AiOpsError as exc:
        click.echo(f"aiops: {exc}", err=True)
        sys.exit(EXIT_CRASHED)
    except Exception:
        # A bug of ours; Python's own status 1 would tell the supervisor not to start again.
        log.exception("worker_crashed")
        sys.exit(EXIT_CRASHED)
