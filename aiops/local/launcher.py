"""Become a server process that cannot outlive its parent; run as a script, by path.

The argument is JSON with the members of `aiops.local.processes.Launch`. A script of its own,
because the steps must run between fork and exec, where a threaded parent may run no Python.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import sys
from pathlib import Path

LOCK_HELD = 75
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Take the lock, drop root, tie this process to its parent, become the command."""
    launch = json.loads(sys.argv[1])
    hold_lock(Path(launch["lock"]))
    if launch["user"] is not None:
        drop_root(*launch["user"])
    os.umask(0o077)
    tie_to_parent(launch["parent"], launch["stop_signal"], by_pipe=launch["by_pipe"])
    os.execv(launch["command"][0], launch["command"])  # noqa: S606  # no shell is the point


def hold_lock(path: Path) -> None:
    """Lock `path` for as long as this process or a child of it lives; its text is our pid.

    The descriptor passes on through exec and fork, so the kernel itself answers whether anything
    of this server still runs, however it died and whatever its pid is used for by now.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(LOCK_HELD)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    os.set_inheritable(descriptor, True)  # noqa: FBT003  # positional-only


def drop_root(uid: int, gid: int) -> None:
    """Become an unprivileged user: Postgres refuses to run as root."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def tie_to_parent(parent: int, stop_signal: int, *, by_pipe: bool) -> None:
    """Have `stop_signal` sent to this process when the parent is gone, even by kill -9.

    Comes after dropping root: the kernel forgets the death signal when credentials change.
    """
    if by_pipe:
        watch_stdin(os.getpid(), stop_signal)
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(f"the parent {parent} is gone")


def watch_stdin(server: int, stop_signal: int) -> None:
    """Leave a watcher that signals `server` once stdin is closed (systems without prctl).

    It is a grandchild, so that the server never has to reap a process that it does not know.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        return
    if os.fork():
        os._exit(0)
    # Else the watcher would hold the server's lock after the server's end.
    os.closerange(3, 256)
    # A byte says that the server ended in order, the end of the pipe that the parent is gone.
    if not os.read(0, 1):
        with contextlib.suppress(ProcessLookupError):
            os.kill(server, stop_signal)
    os._exit(0)


if __name__ == "__main__":
    main()
