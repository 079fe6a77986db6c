"""Server processes and their owners, with a small program in the server's place where it may be
any program: the real ones are started in test_stack.py."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from aiops.local.processes import ServerProcess, ServerStartError, is_locked, ticks

pytestmark = pytest.mark.integration

# Prints a line once it can be signalled, then waits to be.
PATIENT = "import signal, sys; print('ready', flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + PATIENT
# A child inherits the lock and ends a while after its parent, as Postgres' backends do.
WITH_CHILD = """
import os, signal, time
server = os.getpid()
if os.fork():
    print("ready", flush=True)
    signal.pause()
while os.getppid() == server:
    time.sleep(0.01)
time.sleep(0.3)
"""
BROKEN = "raise SystemExit('no such disk')"
# The owner of a server; dies by kill -9 once the server answers.
OWNER = """
import os, signal, sys
from pathlib import Path
from aiops.local.processes import ServerProcess
home, guard, program = sys.argv[1:]
server = ServerProcess("s", Path(home), stop_signal=signal.SIGTERM, by_pipe=guard == "pipe")
server.start((sys.executable, "-c", program))
server.wait_until_ready(lambda: "ready" in server.log_path.read_text(), timeout_s=20)
print(server.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

StartServer = Callable[[str], ServerProcess]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start a program as the server of `tmp_path`; whatever is left is killed afterwards."""
    started: list[ServerProcess] = []

    def start(program: str) -> ServerProcess:
        server = ServerProcess("s", tmp_path, stop_signal=signal.SIGTERM)
        started.append(server)
        server.start((sys.executable, "-c", program))
        server.wait_until_ready(lambda: "ready" in server.log_path.read_text(), timeout_s=20)
        return server

    yield start
    for server in started:
        server.kill()


def run_owner_to_its_death(home: Path, *, guard: str, program: str) -> int:
    """Return the pid of the server whose owner was killed."""
    owner = subprocess.run(
        [sys.executable, "-c", OWNER, str(home), guard, program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert owner.returncode == -signal.SIGKILL, owner.stderr
    return int(owner.stdout)


def wait_until_unlocked(server: ServerProcess) -> bool:
    return any(not is_locked(server.lock_path) for _ in ticks(20))


@pytest.mark.parametrize("guard", ["prctl", "pipe"])
@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's own")
def test_a_server_ends_when_its_owner_is_killed(guard: str, tmp_path: Path) -> None:
    run_owner_to_its_death(tmp_path, guard=guard, program=PATIENT)
    server = ServerProcess("s", tmp_path, stop_signal=signal.SIGTERM)

    assert wait_until_unlocked(server)


def test_a_server_that_outlived_its_owner_is_ended_by_the_next_start(
    tmp_path: Path, start_server: StartServer
) -> None:
    # It ignores the signal of its owner's death, so only the next start can end it.
    survivor = run_owner_to_its_death(tmp_path, guard="prctl", program=STUBBORN)
    server = ServerProcess("s", tmp_path, stop_signal=signal.SIGKILL)
    was_locked = is_locked(server.lock_path)
    server.end_leftover()
    successor = start_server(PATIENT)

    assert was_locked
    assert successor.is_running()
    assert successor.pid != survivor
    assert successor.lock_path.read_text() == str(successor.pid)


def test_stop_waits_until_the_process_is_gone(start_server: StartServer) -> None:
    server = start_server(PATIENT)
    server.stop()

    assert not server.is_running()
    assert not is_locked(server.lock_path)


def test_kill_waits_for_the_servers_children_too(start_server: StartServer) -> None:
    server = start_server(WITH_CHILD)
    server.kill()

    assert not is_locked(server.lock_path)


def test_a_watched_server_leaves_no_watcher_behind(tmp_path: Path) -> None:
    server = ServerProcess("s", tmp_path, stop_signal=signal.SIGTERM, by_pipe=True)
    server.start((sys.executable, "-c", PATIENT))
    server.wait_until_ready(lambda: "ready" in server.log_path.read_text(), timeout_s=20)
    watchers = [process for process in psutil.process_iter() if names_home(process, tmp_path)]
    server.stop()
    _gone, alive = psutil.wait_procs(watchers, timeout=20)

    assert len(watchers) == 1
    assert not alive


def names_home(process: psutil.Process, home: Path) -> bool:
    try:
        return any(str(home) in argument for argument in process.cmdline())
    except psutil.Error:
        return False


def test_a_server_that_ends_at_its_start_is_reported_with_its_last_words(
    start_server: StartServer,
) -> None:
    with pytest.raises(ServerStartError, match="no such disk"):
        start_server(BROKEN)


def test_a_silent_server_is_given_up_and_killed(tmp_path: Path) -> None:
    server = ServerProcess("s", tmp_path, stop_signal=signal.SIGTERM)
    server.start((sys.executable, "-c", PATIENT))
    with pytest.raises(ServerStartError, match="not ready after"):
        server.wait_until_ready(lambda: False, timeout_s=0.1)

    assert not server.is_running()


def test_a_start_that_is_broken_off_leaves_no_server(tmp_path: Path) -> None:
    def interrupt() -> bool:
        raise KeyboardInterrupt

    server = ServerProcess("s", tmp_path, stop_signal=signal.SIGTERM)
    server.start((sys.executable, "-c", PATIENT))
    with pytest.raises(KeyboardInterrupt):
        server.wait_until_ready(interrupt, timeout_s=20)

    assert not server.is_running()


def test_a_running_server_is_not_started_twice(start_server: StartServer) -> None:
    server = start_server(PATIENT)
    with pytest.raises(ServerStartError, match="running already"):
        server.start((sys.executable, "-c", PATIENT))

    assert server.is_running()
