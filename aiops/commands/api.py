"""`aiops api`: serves GraphQL, health and metrics."""

import asyncio
import gc
import os
import signal

import click
from aiohttp import web

from aiops.api_processes import run_api_processes
from aiops.standard_input import end_with_standard_input
from graphql_api.app import create_app
from graphql_api.runner import ApiRunner
from schemas.errors import ConfigError
from schemas.settings import Settings, load_settings
from schemas.telemetry import configure_logging

SHUTDOWN_TIMEOUT_S = 5.0


@click.command("api")
@click.option("--processes", type=click.IntRange(1, 64), help="Processes that share the port.")
@click.option("--share-port", is_flag=True, hidden=True, help="Be one of several processes.")
def command(*, processes: int | None, share_port: bool) -> None:
    """Serve GraphQL at /graphql, with /healthz, /readyz and /metrics, until SIGTERM or Ctrl-C."""
    settings = load_settings(os.environ)
    configure_logging(settings.log_level)
    if share_port:
        end_with_standard_input()
    count = processes or settings.api_processes
    if count > 1 and not share_port:
        asyncio.run(run_api_processes(settings, count))
    else:
        asyncio.run(_serve(settings, reuse_port=share_port))


async def _serve(settings: Settings, *, reuse_port: bool) -> None:
    runner = ApiRunner(create_app(settings), access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT_S)
    # The schema and the modules are there for good: looking through them for garbage again and
    # again would delay requests, and each live event, by 50 ms at a time.
    gc.freeze()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await runner.setup()
    try:
        site = web.TCPSite(
            runner, settings.api_host, settings.api_port, reuse_port=reuse_port or None
        )
        await site.start()
        click.echo(f"serving GraphQL at http://{settings.api_host}:{settings.api_port}/graphql")
        await stopping.wait()
    except OSError as exc:
        raise ConfigError(
            f"cannot listen on {settings.api_host}:{settings.api_port}: {exc.strerror}",
            setting="AIOPS_API_PORT",
        ) from exc
    finally:
        await runner.cleanup()
