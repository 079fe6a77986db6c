"""Real shippers as processes of a test: in the foreground, with a config of their own."""

import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aiops.local.processes import ServerProcess, ticks
from tests.conftest import skip_or_fail

UNPACKED: Final = Path(__file__).resolve().parents[3] / ".venv/shippers"
HOW: Final = "run tests/install-shippers"
SYSTEM_PATHS: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
START_TIMEOUT_S: Final = 30.0
KCAT_TIMEOUT_S: Final = 60


def program(name: str) -> str:
    """Return the path of an installed program; skip the test, or fail it in CI, without one."""
    path = shutil.which(name, path=SYSTEM_PATHS)
    return path or skip_or_fail(f"{name} is not installed: {HOW}")


def require_module(pattern: str, what: str) -> None:
    """Skip the test, or fail it in CI, where no file matches the absolute pattern."""
    if not any(Path("/").glob(pattern.removeprefix("/"))):
        skip_or_fail(f"{what} is not installed: {HOW}")


@contextmanager
def daemon(
    home: Path, command: tuple[str, ...], ready: Path, environ: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run a daemon in the foreground until the block ends; it is up once `ready` exists."""
    name = Path(command[0]).name
    process = ServerProcess(name, home / name, stop_signal=signal.SIGTERM, environ=environ)
    process.start(command)
    try:
        process.wait_until_ready(ready.exists, timeout_s=START_TIMEOUT_S)
        yield
    finally:
        process.stop()


@contextmanager
def rsyslog(home: Path, config: str) -> Iterator[int]:
    """Run rsyslog with this config behind a TCP input; yield the input's port."""
    require_module("/usr/lib/*/rsyslog/omkafka.so", "rsyslog-kafka")
    port_file, config_file = home / "port", home / "rsyslog.conf"
    config_file.write_text(
        'module(load="imtcp")\nmodule(load="omkafka")\n'
        f'global(workDirectory="{home}")\n'
        f'input(type="imtcp" address="127.0.0.1" port="0" listenPortFileName="{port_file}")\n'
        + config
    )
    command = (program("rsyslogd"), "-n", "-f", str(config_file), "-i", str(home / "rsyslog.pid"))
    with daemon(home, command, port_file):
        yield int(_content(port_file))


@contextmanager
def syslog_ng(home: Path, config: str) -> Iterator[Path]:
    """Run syslog-ng with this config; yield its control socket, which exists once it runs."""
    if not (UNPACKED / ".unpacked").exists():
        skip_or_fail(f"syslog-ng is not unpacked: {HOW}")
    config_file, control = home / "syslog-ng.conf", home / "syslog-ng.ctl"
    config_file.write_text("@version: 3.38\n" + config)
    modules = next(UNPACKED.glob("usr/lib/syslog-ng/3.*"))
    libraries = [modules.parent, *UNPACKED.glob("usr/lib/*-linux-*"), *UNPACKED.glob("lib/*")]
    command = (
        *(str(UNPACKED / "usr/sbin/syslog-ng"), "--foreground", "--no-caps"),
        *("--cfgfile", str(config_file), "--control", str(control)),
        *("--persist-file", str(home / "syslog-ng.persist")),
        *("--pidfile", str(home / "syslog-ng.pid"), "--module-path", str(modules)),
    )
    environ = {"LD_LIBRARY_PATH": ":".join(map(str, libraries)), "PATH": SYSTEM_PATHS}
    with daemon(home, command, control, environ):
        yield control


def kcat(bootstrap: str, topic: str, *options: str, stdin: bytes = b"") -> None:
    """Produce with kcat and return when the broker has everything."""
    command = (program("kcat"), "-P", "-b", bootstrap, "-t", topic, *options)
    subprocess.run(command, input=stdin, check=True, timeout=KCAT_TIMEOUT_S)


def _content(path: Path) -> str:
    """Return what a file holds as soon as it holds something."""
    for _ in ticks(START_TIMEOUT_S):
        if text := path.read_text():
            return text
    raise TimeoutError(f"{path} stayed empty")
