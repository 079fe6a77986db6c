"""A filter for record values: an external command, the value on stdin, the new one on stdout."""

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
from asyncio.subprocess import PIPE, Process
from typing import Final

from schemas.errors import ConfigError
from schemas.topics import MAX_RECORD_BYTES

OPTION: Final = "--filter"
TIMEOUT_S: Final = 30.0
_CHUNK_BYTES: Final = 64 * 1024


class ValueFilter:
    """Runs the command once for each value, without a shell; its stderr goes to ours."""

    def __init__(self, command: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Split the command as a shell would.

        Raises:
            ConfigError: it cannot be split, or there is no such program.
        """
        try:
            self._arguments = shlex.split(command)
        except ValueError as exc:
            raise ConfigError(f"{command!r}: {exc}", setting=OPTION) from exc
        if not self._arguments or shutil.which(self._arguments[0]) is None:
            raise ConfigError(f"no such program: {command!r}", setting=OPTION)
        self._timeout_s = timeout_s

    async def __call__(self, value: bytes) -> bytes | None:
        """Return the new value; None when the command fails, takes too long or prints too much."""
        process = await asyncio.create_subprocess_exec(
            *self._arguments, stdin=PIPE, stdout=PIPE, start_new_session=True
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                _, output = await asyncio.gather(_feed(process, value), _read_output(process))
                return output if output is not None and await process.wait() == 0 else None
        except TimeoutError:
            return None
        finally:
            await _end(process)


async def _feed(process: Process, value: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - a pipe was asked for
    # A command need not read what it does not need.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(value)
        await process.stdin.drain()
    process.stdin.close()


async def _read_output(process: Process) -> bytes | None:
    """Return all that the command prints, None once it is more than a record may hold."""
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    output = bytearray()
    while chunk := await process.stdout.read(_CHUNK_BYTES):
        output += chunk
        if len(output) > MAX_RECORD_BYTES:
            # Else it would wait for us to read, and its input for it.
            _kill(process)
            return None
    return bytes(output)


async def _end(process: Process) -> None:
    """End the command with all that it started, unless all ended by itself; close its pipes."""
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    if process.returncode is None or not process.stdout.at_eof():
        _kill(process)
        await process.communicate()


def _kill(process: Process) -> None:
    # The command leads a group of its own, of which what it started may be all that is left.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
