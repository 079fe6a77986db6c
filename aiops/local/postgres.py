"""Postgres as a child process: the system's binaries, else those that a package brings."""

import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from aiops.local.options import LocalOptions
from aiops.local.ports import LOOPBACK, claim_ports, is_free
from aiops.local.postgres_files import (
    choose_binaries,
    find_installs,
    hand_over,
    readable_binaries,
    server_home,
    server_user,
)
from aiops.local.processes import ServerProcess, ServerStartError, User
from schemas.errors import ConfigError

SUPERUSER: Final = "aiops"
DATABASE: Final = "aiops"
START_TIMEOUT_S: Final = 60.0
INIT_TIMEOUT_S: Final = 120.0
# The eighth line of postmaster.pid is the state that pg_ctl waits for.
STATE_LINE: Final = 7
READY_STATE: Final = "ready"

SERVER_SETTINGS: Final = {
    "listen_addresses": LOOPBACK,
    # A socket's path may have 107 bytes; a data directory may lie deeper than that.
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres:
    """A Postgres server; its address and data outlive stop, kill and restart."""

    def __init__(
        self,
        *,
        home: Path,
        port: int,
        binaries: Path,
        user: User | None,
        settings: Mapping[str, str],
    ) -> None:
        self.port = port
        self.data = home / "data"
        self._binaries = binaries
        self._settings = SERVER_SETTINGS | dict(settings)
        self._password = (home / "password").read_text(encoding="ascii")
        self.process = ServerProcess("postgres", home, stop_signal=signal.SIGINT, user=user)

    @property
    def dsn(self) -> str:
        """The address of the database `aiops`, with its password: not for a log."""
        return self.dsn_of(DATABASE)

    def dsn_of(self, database: str) -> str:
        """Return the address of another database of this server."""
        return f"postgresql://{SUPERUSER}:{self._password}@{LOOPBACK}:{self.port}/{database}"

    def start(self) -> None:
        """Start and wait until it accepts queries.

        Raises:
            ConfigError: another program has taken the port.
            ServerStartError: it did not come up; the message has its last lines.
        """
        self.process.end_leftover()
        if not is_free(self.port):
            raise ConfigError(f"port {self.port} on {LOOPBACK}, wanted for Postgres, is in use")
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        server = str(self._binaries / "postgres")
        self.process.start((server, "-D", str(self.data), "-p", str(self.port), *options))
        self.process.wait_until_ready(self._is_ready, timeout_s=START_TIMEOUT_S)

    def _is_ready(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        # A file that a killed server left behind names another pid.
        is_ours = bool(lines) and lines[0] == str(self.process.pid)
        return is_ours and len(lines) > STATE_LINE and lines[STATE_LINE].strip() == READY_STATE

    def stop(self) -> None:
        """End in order: connections are cut, the data is flushed."""
        self.process.stop()

    def stop_immediately(self) -> None:
        """End without flushing, as in a power cut; the next start recovers."""
        self.process.stop(signal.SIGQUIT)

    def kill(self) -> None:
        """Kill the server with SIGKILL and wait until its backends are gone too."""
        self.process.kill()

    def restart(self) -> None:
        """Stop if it runs, start with the same port and data, wait until it accepts queries."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


def start_postgres(
    data_dir: Path, options: LocalOptions, *, settings: Mapping[str, str] | None = None
) -> Postgres:
    """Start a server whose data lies in `data_dir`; a first start makes the database `aiops`.

    The caller makes sure that it is the only one to use `data_dir`. `settings` are Postgres'
    own and win over ours.

    Raises:
        ConfigError: no binaries, or a given port is taken.
        ServerStartError: it did not come up; the message has its last lines.
    """
    user = server_user()
    home = server_home(data_dir, user)
    hand_over(home, user)
    chosen = choose_binaries(find_installs(options.postgres_installs), home / "data")
    binaries = readable_binaries(chosen, home, user)
    if not (home / "data").exists():
        _initialise(home, binaries, user)
    ports = claim_ports(home / "ports.json", {"postgres": options.postgres_port})
    server = Postgres(
        home=home, port=ports["postgres"], binaries=binaries, user=user, settings=settings or {}
    )
    server.start()
    return server


def _initialise(home: Path, binaries: Path, user: User | None) -> None:
    """Make the data directory with its database; it gets its name only when it is whole."""
    partial = home / "data.partial"
    shutil.rmtree(partial, ignore_errors=True)
    hand_over(partial, user)
    password = home / "password"
    password.write_text(secrets.token_urlsafe(24), encoding="ascii")
    hand_over(password, user)
    access = ("-U", SUPERUSER, "-A", "scram-sha-256", f"--pwfile={password}")
    encoding = ("-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    _run((str(binaries / "initdb"), "-D", str(partial), *access, *encoding), user)
    # Single-user mode: no server and no client library is needed for one statement.
    single = (str(binaries / "postgres"), "--single", "-D", str(partial), "postgres")
    _run(single, user, stdin=f"CREATE DATABASE {DATABASE}\n")
    partial.rename(home / "data")


def _run(command: tuple[str, ...], user: User | None, *, stdin: str = "") -> None:
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=INIT_TIMEOUT_S,
        check=False,
        cwd="/",
        user=None if user is None else user.uid,
        group=None if user is None else user.gid,
        extra_groups=None if user is None else [],
    )
    if done.returncode or "ERROR" in done.stderr:
        raise ServerStartError(f"Postgres could not be initialised:\n{done.stdout}{done.stderr}")
