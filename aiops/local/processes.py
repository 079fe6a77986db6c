"""Server processes: started tied to us, stopped, killed, and found again after a crash."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from schemas.errors import AiOpsError, ConfigError

LAUNCHER: Final = Path(__file__).with_name("launcher.py")
STOP_TIMEOUT_S: Final = 30.0
KILL_TIMEOUT_S: Final = 15.0
POLL_S: Final = 0.02
LOG_TAIL_LINES: Final = 12

# The kernel sends the death signal when the *thread* that forked ends: all servers are started
# from this one, which ends with the process.
_SPAWNER: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="server-spawner")


class ServerStartError(AiOpsError):
    """An embedded server ended or stayed silent at its start; the text has its last lines."""


class User(msgspec.Struct, frozen=True):
    """An unprivileged account."""

    uid: int
    gid: int


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """What `launcher.py` is told."""

    command: tuple[str, ...]
    lock: str
    parent: int
    stop_signal: int
    user: tuple[int, int] | None
    by_pipe: bool


class ServerProcess:
    """One server with a home directory: its lock file, its log, at most one running process."""

    def __init__(
        self,
        name: str,
        home: Path,
        *,
        stop_signal: signal.Signals,
        user: User | None = None,
        by_pipe: bool = sys.platform != "linux",
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.home = home
        self.stop_signal = stop_signal
        self.user = user
        self.by_pipe = by_pipe
        self.environ = environ
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def lock_path(self) -> Path:
        """The file whose lock says that a process of this server is alive."""
        return self.home / "server.lock"

    @property
    def log_path(self) -> Path:
        """What the server printed since its last start."""
        return self.home / "server.log"

    @property
    def pid(self) -> int:
        """The process id; raises when it was never started."""
        if self._process is None:
            raise ServerStartError(f"{self.name} was not started")
        return self._process.pid

    def is_running(self) -> bool:
        """Return whether the process that we started is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self, command: tuple[str, ...]) -> None:
        """Start the command; a process left over by a crashed owner is ended first."""
        if self.is_running():
            raise ServerStartError(f"{self.name} is running already (pid {self.pid})")
        self.home.mkdir(parents=True, exist_ok=True)
        self.end_leftover()
        self._process = _SPAWNER.submit(self._spawn, command).result()

    def end_leftover(self) -> None:
        """End a process of this server that a crashed owner left over; nothing when there is none.

        Raises:
            ConfigError: it could not be ended (another user's process, say).
        """
        for number, timeout_s in (
            (self.stop_signal, STOP_TIMEOUT_S),
            (signal.SIGKILL, KILL_TIMEOUT_S),
        ):
            if self._signal_holder(number, timeout_s):
                return
        raise ConfigError(f"a server of an earlier run still uses {self.home}: end it first")

    def _signal_holder(self, number: signal.Signals, timeout_s: float) -> bool:
        """Return whether the lock is free, after a signal to its holder when need be."""
        if is_locked(self.lock_path):
            with contextlib.suppress(ProcessLookupError, PermissionError, ValueError):
                os.kill(int(self.lock_path.read_text()), number)
        return any(not is_locked(self.lock_path) for _ in ticks(timeout_s))

    def _spawn(self, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        launch = Launch(
            command=command,
            lock=str(self.lock_path.resolve()),
            parent=os.getpid(),
            stop_signal=self.stop_signal,
            user=None if self.user is None else (self.user.uid, self.user.gid),
            by_pipe=self.by_pipe,
        )
        arguments = [
            sys.executable,
            "-I",
            "-S",
            str(LAUNCHER),
            msgspec.json.encode(launch).decode(),
        ]
        with self.log_path.open("wb") as log:
            return subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE if self.by_pipe else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C goes to the whole foreground group; the servers must end after their users.
                start_new_session=True,
                cwd=self.home,
                env=self.environ,
            )

    def wait_until_ready(self, is_ready: Callable[[], bool], *, timeout_s: float) -> None:
        """Return once `is_ready()`; a start that fails or is broken off leaves no server.

        Raises:
            ServerStartError: the process ended, or the time is over.
        """
        try:
            self._poll(is_ready, timeout_s)
        except BaseException:
            self.kill()
            raise

    def _poll(self, is_ready: Callable[[], bool], timeout_s: float) -> None:
        for _ in ticks(timeout_s):
            if not self.is_running():
                raise ServerStartError(f"{self.name} ended at its start:\n{self.log_tail()}")
            if is_ready():
                return
        raise ServerStartError(f"{self.name} not ready after {timeout_s:g} s:\n{self.log_tail()}")

    def log_tail(self) -> str:
        """Return the last lines that the server printed."""
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-LOG_TAIL_LINES:])

    def stop(
        self, stop_signal: signal.Signals | None = None, *, timeout_s: float = STOP_TIMEOUT_S
    ) -> None:
        """Ask the server to end and wait for it; kill it when it does not. Repeating is safe."""
        self.send_signal(stop_signal or self.stop_signal)
        self._wait(timeout_s)
        self.kill()

    def kill(self) -> None:
        """Kill with SIGKILL and wait until no process of the server is left. Repeating is safe."""
        self.send_signal(signal.SIGKILL)
        self._wait(KILL_TIMEOUT_S)
        # Postgres' own children notice a killed parent a moment later.
        if self._process is not None:
            self._signal_holder(signal.SIGKILL, KILL_TIMEOUT_S)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal (SIGSTOP and SIGCONT freeze and thaw); nothing when it is not running."""
        if self._process is not None:
            self._process.send_signal(number)

    def _wait(self, timeout_s: float) -> None:
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
            self._dismiss_watcher()

    def _dismiss_watcher(self) -> None:
        if self._process is None or self._process.stdin is None or self._process.stdin.closed:
            return
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b"\n")
            self._process.stdin.close()


def is_locked(lock_path: Path) -> bool:
    """Return whether any process holds the lock; the file need not exist."""
    with contextlib.suppress(FileNotFoundError), lock_path.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def ticks(timeout_s: float) -> Iterator[None]:
    """Yield at once and then after each short pause, until the time is over."""
    deadline = time.monotonic() + timeout_s
    while True:
        yield
        if time.monotonic() >= deadline:
            return
        time.sleep(POLL_S)
