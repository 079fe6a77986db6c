"""Starts the worker processes and keeps them running, each with a back-off of its own."""

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from time import monotonic
from typing import Final

import structlog

from schemas.errors import AiOpsError
from streams.children import run_child
from streams.processes import (
    EXIT_CONFIG,
    EXIT_REJECTED,
    FINALIZER,
    INTERACTIVE_ROLE,
    LOGS,
    STOP_TIMEOUT_S,
)

log = structlog.get_logger()

FIRST_DELAY_S: Final = 0.5
MAX_DELAY_S: Final = 15.0
# A child that ran this long starts again after the first delay.
STABLE_S: Final = 30.0
# Ends that a restart cannot mend.
FATAL_STATUSES: Final = (EXIT_REJECTED, EXIT_CONFIG)


class ChildFailedError(AiOpsError):
    """A child ended with a status that a restart cannot mend."""

    def __init__(self, name: str, status: int) -> None:
        self.status = status
        super().__init__(f"worker {name} ended with status {status}")


class ChildSpec:
    """One child: its name in logs, and the arguments of `aiops worker`.

    A child ends when its standard input does, so that it never outlives a killed supervisor.
    """

    def __init__(self, role: str, slot: int, metrics_port: int = 0) -> None:
        self.name = f"{role}-{slot}"
        port = ("--metrics-port", str(metrics_port)) if metrics_port else ()
        self.arguments = (role, "--slot", str(slot), "--until-stdin-ends", *port)


def plan_children(processes: int, metrics_port: int = 0) -> list[ChildSpec]:
    """Return the children of `aiops worker all`: bulk logs on `processes`, the rest once.

    Each serves its metrics on a port of its own, from `metrics_port` on; 0 means nowhere.
    """
    slots = [*((LOGS, slot) for slot in range(processes)), (INTERACTIVE_ROLE, 0), (FINALIZER, 0)]
    return [
        ChildSpec(role, slot, metrics_port + number if metrics_port else 0)
        for number, (role, slot) in enumerate(slots)
    ]


async def run_supervisor(children: Sequence[ChildSpec]) -> None:
    """Run the children until SIGTERM or SIGINT, restarting what crashes.

    Raises:
        ChildFailedError: a child ended with a status that a restart cannot mend; all are stopped.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    runs = [asyncio.create_task(_keep_running(child, stopping)) for child in children]
    try:
        await asyncio.wait(runs, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        stopping.set()
        results = await asyncio.gather(*runs, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


class BackOff:
    """How long a child waits before it starts again: longer each time, until a run was stable."""

    def __init__(self) -> None:
        self._next_s = FIRST_DELAY_S

    def after(self, ran_s: float) -> float:
        """Return the seconds to wait after a run that lasted `ran_s`."""
        delay_s = FIRST_DELAY_S if ran_s > STABLE_S else self._next_s
        self._next_s = min(delay_s * 2, MAX_DELAY_S)
        return delay_s


async def _keep_running(child: ChildSpec, stopping: asyncio.Event) -> None:
    back_off = BackOff()
    while not stopping.is_set():
        started = monotonic()
        status = await _run_once(child, stopping)
        if stopping.is_set():
            return
        if status in FATAL_STATUSES:
            raise ChildFailedError(child.name, status)
        delay_s = back_off.after(monotonic() - started)
        log.warning("worker_ended", worker=child.name, status=status, delay_s=delay_s)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), delay_s)


async def _run_once(child: ChildSpec, stopping: asyncio.Event) -> int:
    return await run_child(
        child.name,
        ("worker", *child.arguments),
        stopping,
        stop_timeout_s=STOP_TIMEOUT_S + 5,
    )
