"""The whole product as a process: `aiops up`, and what a user does beside it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final
from urllib.request import Request, urlopen

import psutil

from aiops.cli import EXIT_USAGE
from aiops.local.processes import ticks
from tests.conftest import skip_or_fail
from tests.workers import ROOT

UP_TIMEOUT_S: Final = 180.0
STOP_TIMEOUT_S: Final = 60.0
COMMAND_TIMEOUT_S: Final = 120.0
LAST_LINE: Final = "logEntries"
LOGIN: Final = (
    "mutation Login($username: String!, $password: String!) "
    "{ login(username: $username, password: $password) { accessToken } }"
)


def without_settings() -> dict[str, str]:
    """Return the environment without the settings of whoever runs the tests."""
    return {name: text for name, text in os.environ.items() if name[:6] != "AIOPS_"}


class Product:
    """`aiops up` over a data directory; `stop` and `start` again find its data."""

    def __init__(self, home: Path) -> None:
        self._data_dir = home / "data"
        self._printed = home / "printed"
        self._process: psutil.Popen | None = None
        self.password = ""

    def start(self) -> None:
        """Return when the last line of the instructions is printed.

        A machine without what the embedded servers need skips the test, with the reason printed.
        """
        with self._printed.open("wb") as output:
            self._process = self._spawn(output)
        for _ in ticks(UP_TIMEOUT_S):
            if self._process.poll() == EXIT_USAGE:
                skip_or_fail(self.printed())
            assert self._process.poll() is None, self.printed()
            if LAST_LINE in self.printed():
                break
        else:
            raise TimeoutError(self.printed())
        shown = re.search(r"^admin \w+, password (\S+)", self.printed(), re.MULTILINE)
        self.password = shown[1] if shown else self.password

    def _spawn(self, output: IO[bytes]) -> psutil.Popen:
        return psutil.Popen(
            (sys.executable, "-m", "aiops", "up", "--data-dir", str(self._data_dir)),
            env=without_settings(),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )

    @property
    def process(self) -> psutil.Popen:
        """The process of `aiops up`."""
        assert self._process is not None
        return self._process

    def stop(self) -> int:
        """Press Ctrl-C and return the exit status; repeating is safe."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return int(self.process.wait(STOP_TIMEOUT_S))
        finally:
            # Its children end with it.
            if self.process.poll() is None:
                self.process.kill()

    def printed(self) -> str:
        """Return all that was printed since the start."""
        return self._printed.read_text()

    def curl_lines(self) -> list[str]:
        """Return the printed commands that ask over GraphQL."""
        return re.findall(r"^  (curl .*)$", self.printed(), re.MULTILINE)

    @property
    def url(self) -> str:
        """Where GraphQL answers."""
        shown = re.search(r"^API +(\S+)$", self.printed(), re.MULTILINE)
        assert shown is not None
        return shown[1]

    def child(self, *arguments: str) -> psutil.Process:
        """Return the running process `aiops ARGUMENTS ...`."""
        for process in self.process.children(recursive=True):
            command = process.cmdline()
            if command[1 : 3 + len(arguments)] == ["-m", "aiops", *arguments]:
                return process
        raise LookupError(f"no process aiops {' '.join(arguments)}")

    def settings(self) -> dict[str, str]:
        """Return the settings that the API was given."""
        environ = self.child("api").environ()
        return {name: text for name, text in environ.items() if name[:6] == "AIOPS_"}

    def aiops(self, *arguments: str, stdin: str = "") -> str:
        """Run `aiops ARGUMENTS` against the product and return what it prints."""
        return subprocess.run(
            (sys.executable, "-m", "aiops", *arguments),
            input=stdin,
            env={**without_settings(), **self.settings()},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=True,
        ).stdout

    def log_in(self) -> str:
        """Return an access token of a new session."""
        variables = {"username": "admin", "password": self.password}
        data = self.query(LOGIN, token="", variables=variables)
        return str(data["login"]["accessToken"])

    def query(
        self, document: str, *, token: str | None = None, variables: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the data that the document gives; without a token, in a session of its own."""
        given = self.log_in() if token is None else token
        request = Request(  # noqa: S310 - http
            self.url,
            data=json.dumps({"query": document, "variables": variables or {}}).encode(),
            headers={"Content-Type": "application/json"}
            | ({"Authorization": f"Bearer {given}"} if given else {}),
        )
        with urlopen(request, timeout=COMMAND_TIMEOUT_S) as response:  # noqa: S310 - http
            answer = json.load(response)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def proportional_bytes(self) -> dict[str, int]:
        """Return the proportional set size of each process of the product."""
        processes = [self.process, *self.process.children(recursive=True)]
        return {
            f"{process.pid} {' '.join(process.cmdline())[-60:]}": process.memory_full_info().pss
            for process in processes
        }


def waited_for_a_core_s(process: psutil.Process) -> float:
    """Return how long the process was ready to run and others ran; 0 where nobody counts it."""
    counters = Path(f"/proc/{process.pid}/schedstat")
    return int(counters.read_text().split()[1]) / 1e9 if counters.exists() else 0.0
