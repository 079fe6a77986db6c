import asyncio
import gc
import sys
from pathlib import Path

import pytest

from aiops.value_filter import ValueFilter
from schemas.errors import ConfigError
from schemas.topics import MAX_RECORD_BYTES

BYTES = bytes(range(256))


def python(program: str) -> str:
    """Return a command that runs a Python program."""
    return f"{sys.executable} -c '{program}'"


async def test_the_value_goes_through_byte_for_byte() -> None:
    assert await ValueFilter("cat")(BYTES) == BYTES


async def test_a_large_value_fills_no_pipe_for_ever() -> None:
    value = BYTES * 4_096

    assert await ValueFilter("cat")(value) == value


async def test_what_the_command_prints_is_the_new_value() -> None:
    assert await ValueFilter("tr a b")(b"banana") == b"bbnbnb"


async def test_an_exit_status_other_than_0_leaves_the_value_alone() -> None:
    assert await ValueFilter(python("print(1); exit(3)"))(b"v") is None


async def test_a_command_may_leave_its_input_unread() -> None:
    assert await ValueFilter("echo fixed")(BYTES * 4_096) == b"fixed\n"


async def test_a_command_that_does_not_end_is_ended() -> None:
    assert await ValueFilter("sleep 600", timeout_s=0.2)(b"v") is None


async def test_a_command_that_prints_without_end_is_ended() -> None:
    assert await ValueFilter("yes")(b"v" * MAX_RECORD_BYTES) is None


@pytest.mark.parametrize("command", ["sleep 600", "yes", "sh -c 'sleep 600 & exit 3'"])
def test_no_pipe_is_left_to_a_command_that_is_ended(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: left.append(report.exc_value))

    assert asyncio.run(ValueFilter(command, timeout_s=0.2)(BYTES * 4_096)) is None
    gc.collect()

    assert left == []


def test_what_a_command_started_ends_with_it(tmp_path: Path) -> None:
    left = tmp_path / "left"
    program = f"sh -c 'sleep 600 & echo $! > {left}; exit 3'"

    assert asyncio.run(ValueFilter(program, timeout_s=5.0)(b"v")) is None

    assert not Path(f"/proc/{left.read_text().strip()}/exe").exists()


async def test_no_shell_reads_the_command() -> None:
    assert await ValueFilter("echo $HOME '; ls'")(b"v") == b"$HOME ; ls\n"


@pytest.mark.parametrize("command", ["", "no-such-program-anywhere", "cat 'unclosed"])
def test_a_command_that_cannot_run_is_a_configuration_error(command: str) -> None:
    with pytest.raises(ConfigError, match="--filter"):
        ValueFilter(command)
