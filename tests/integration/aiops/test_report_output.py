"""Standard output of a command belongs to its report, and failures are told in one line."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

# Nothing listens there: the command ends soon, once it has set itself up.
NOWHERE = {
    "AIOPS_KAFKA_BOOTSTRAP": "127.0.0.1:9",
    "AIOPS_POSTGRES_DSN": "postgresql://nobody@127.0.0.1:9/none",
}
THEN_LOG = """
import structlog
from aiops.cli import main
try:
    main()
except SystemExit:
    structlog.get_logger().warning("attempt_failed")
"""
COMMANDS = [("redrive", "logs.raw"), ("replay", "logs.raw"), ("verify", "logs.raw")]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    inherited = {name: text for name, text in os.environ.items() if name[:6] != "AIOPS_"}
    return subprocess.run(
        [sys.executable, *arguments],
        env=inherited | NOWHERE,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", [*COMMANDS, ("topics", "forget", "logs.raw", "--yes")])
def test_a_database_that_is_away_is_told_in_one_line(command: tuple[str, ...]) -> None:
    done = run("-m", "aiops", *command)

    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("aiops: Postgres does not answer (AIOPS_POSTGRES_DSN): ")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_with_a_report_logs_onto_stderr(command: tuple[str, ...]) -> None:
    done = run("-c", THEN_LOG, *command)

    assert done.stdout == ""
    assert json.loads(done.stderr.splitlines()[-1])["event"] == "attempt_failed"
