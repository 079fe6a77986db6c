"""A filter for record values: an external command, the value on stdin, the new one on stdout."""

import asyncio
import contextlib
import shlex
import shutil
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
        process = await asyncio.create_subprocess_exec(*self._arguments, stdin=PIPE, stdout=PIPE)
        try:
            async with asyncio.timeout(self._timeout_s):
                _, output = await asyncio.gather(_feed(process, value), _read_output(process))
                if output is None:
                    return None
                return output if await process.wait() == 0 else None
        except TimeoutError:
            return None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


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
            process.kill()
            return None
    return bytes(output)
