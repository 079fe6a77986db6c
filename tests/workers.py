"""Worker processes under test: started as users start them, killed at will."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TypeVar

ROOT = Path(__file__).parent.parent
# More than the worker's own hard limit for a stop.
EXIT_TIMEOUT_S = 180.0


class AiopsProcess:
    """`aiops ...` with settings of its own; what it prints can be read afterwards."""

    def __init__(
        self, *arguments: str, settings: Mapping[str, str], module: Sequence[str] = ("aiops",)
    ) -> None:
        inherited = {name: text for name, text in os.environ.items() if name[:6] != "AIOPS_"}
        self.name = " ".join(arguments)
        self._command = (sys.executable, "-m", *module, *arguments)
        self._environ = inherited | dict(settings)
        self._stderr: IO[bytes] = TemporaryFile()  # noqa: SIM115 - closed by close()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process started last."""
        assert self._process is not None
        return self._process

    def start(self) -> None:
        """Start without waiting."""
        self._process = subprocess.Popen(
            self._command,
            env=self._environ,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=self._stderr,
            stderr=self._stderr,
        )

    def kill(self) -> None:
        """Kill with SIGKILL and wait until it is gone; repeating is safe."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float = EXIT_TIMEOUT_S) -> int:
        """Return the exit status."""
        return self.process.wait(timeout_s)

    def is_running(self) -> bool:
        """Tell whether the process is alive."""
        return self.process.poll() is None

    def printed(self) -> str:
        """Return all that was printed, over all starts."""
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace")

    def close(self) -> None:
        """End the process, if there is one, and forget what it printed."""
        if self._process is not None and self.is_running():
            self.kill()
        self._stderr.close()


class WorkerProcess(AiopsProcess):
    """`aiops worker ...`."""

    def __init__(self, *arguments: str, settings: Mapping[str, str]) -> None:
        super().__init__("worker", *arguments, settings=settings)


def worker_settings(bootstrap: str, dsn: str, topic: str, **more: str) -> dict[str, str]:
    """Return settings that keep a test's group and topics apart from those of others."""
    return {
        "AIOPS_KAFKA_BOOTSTRAP": bootstrap,
        "AIOPS_POSTGRES_DSN": dsn,
        "AIOPS_LOG_TOPICS": topic,
        "AIOPS_GROUP_PREFIX": f"{topic}.group",
        "AIOPS_FETCH_MIN_BYTES": "1",
        **more,
    }


Process = TypeVar("Process", bound=AiopsProcess)


@contextmanager
def running_worker(*arguments: str, settings: Mapping[str, str]) -> Iterator[WorkerProcess]:
    """Yield a started worker; what it printed is shown when the test fails."""
    with running(WorkerProcess(*arguments, settings=settings)) as worker:
        yield worker


@contextmanager
def running(process: Process) -> Iterator[Process]:
    """Yield a process, started; what it printed is shown when the test fails."""
    try:
        process.start()
        yield process
    finally:
        if process.is_running():
            process.kill()
        sys.stderr.write(f"--- aiops {process.name}\n{process.printed()[-20_000:]}")
        process.close()
