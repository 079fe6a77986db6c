"""Which ports the embedded servers get, beside other processes that look for some."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aiops.local import ports
from aiops.local.ports import claim_ports, free_port, is_free

pytestmark = pytest.mark.integration

RESERVE = """
from aiops.local.ports import free_port
print(free_port(), flush=True)
input()
"""


@pytest.fixture
def two_ports(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """The only ports that there are to choose from, in this process and in those it starts."""
    first = next(port for port in range(32_001, 32_600, 2) if is_free(port) and is_free(port + 1))
    reserved: dict[int, socket.socket] = {}
    monkeypatch.setattr(ports, "_RESERVED", reserved)
    monkeypatch.setattr(ports, "FIRST_PORT", first)
    monkeypatch.setattr(ports, "LAST_PORT", first + 1)
    yield first, first + 1
    for sign in reserved.values():
        sign.close()


@contextmanager
def other_process(two_ports: tuple[int, int]) -> Iterator[int]:
    """The port that another process chose, of the same two; it ends with the block."""
    choose = f"from aiops.local import ports\nports.FIRST_PORT, ports.LAST_PORT = {two_ports}\n"
    with subprocess.Popen(
        [sys.executable, "-c", choose + RESERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.communicate("\n")


def test_no_two_processes_choose_the_same_port(two_ports: tuple[int, int]) -> None:
    with other_process(two_ports) as theirs:
        ours = free_port()

    assert {ours, theirs} == set(two_ports)


def test_a_port_is_chosen_once(two_ports: tuple[int, int]) -> None:
    assert {free_port(), free_port()} == set(two_ports)


def test_the_port_of_the_last_start_is_found_again(tmp_path: Path) -> None:
    store = tmp_path / "ports.json"
    first = claim_ports(store, {"kafka": 0})

    assert claim_ports(store, {"kafka": 0}) == first


def test_a_port_that_another_process_reserved_meanwhile_is_not_claimed_again(
    two_ports: tuple[int, int], tmp_path: Path
) -> None:
    store = tmp_path / "ports.json"
    with other_process(two_ports) as theirs:
        store.write_text(f'{{"kafka": {theirs}}}')
        claimed = claim_ports(store, {"kafka": 0})["kafka"]

    assert {claimed, theirs} == set(two_ports)


def test_a_process_that_ended_reserves_nothing(two_ports: tuple[int, int]) -> None:
    with other_process(two_ports):
        pass

    assert {free_port(), free_port()} == set(two_ports)
