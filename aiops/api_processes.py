"""Several API processes on one port; the kernel spreads the connections."""

import asyncio
import signal
from typing import Final

import click

from schemas.errors import AiOpsError, ConfigError
from schemas.settings import Settings
from streams.children import run_child

_RESTART_DELAY_S: Final = 1.0
_STOP_TIMEOUT_S: Final = 10.0
# Wrong configuration: a restart does not mend it.
_FATAL_STATUS: Final = 2


class ApiProcessFailedError(AiOpsError):
    """A process ended with a status that a restart cannot mend."""


async def run_api_processes(settings: Settings, count: int) -> None:
    """Run the processes until SIGTERM or SIGINT, and start again what crashes.

    Raises:
        ConfigError: they have no signing key in common.
        ApiProcessFailedError: a process found its configuration wrong; all are stopped.
    """
    if not settings.api_signing_key:
        raise ConfigError("several processes need one key", setting="AIOPS_API_SIGNING_KEY")
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    runs = [asyncio.create_task(_keep_running(stopping)) for _ in range(count)]
    try:
        await asyncio.wait(runs, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        stopping.set()
        results = await asyncio.gather(*runs, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _keep_running(stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        status = await run_child(
            "api", ("api", "--share-port"), stopping, stop_timeout_s=_STOP_TIMEOUT_S
        )
        if status == _FATAL_STATUS and not stopping.is_set():
            raise ApiProcessFailedError("an API process found its configuration wrong")
        if not stopping.is_set():
            click.echo(f"an API process ended with status {status}; starting another", err=True)
            await asyncio.sleep(_RESTART_DELAY_S)
