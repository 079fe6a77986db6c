"""Child processes of `aiops`: started, awaited, and ended with who started them."""

import asyncio
import sys
from collections.abc import Sequence

import structlog

log = structlog.get_logger()


async def run_child(
    name: str, arguments: Sequence[str], stopping: asyncio.Event, *, stop_timeout_s: float
) -> int:
    """Run `aiops` with these arguments and return its exit status; `name` is for the log.

    Once the event is set it is asked to end, and killed after `stop_timeout_s`. Its standard input
    ends with this process: a child that watches it never outlives us.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "aiops", *arguments, stdin=asyncio.subprocess.PIPE
    )
    log.info("child_started", child=name, pid=process.pid)
    ended = asyncio.create_task(process.wait())
    stop = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({ended, stop}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.cancel()
        if not ended.done():
            process.terminate()
    try:
        return await asyncio.wait_for(ended, stop_timeout_s)
    except TimeoutError:
        process.kill()
        return await process.wait()
