"""Loopback ports: given, found again from the last start, or free."""

import random
import socket
from pathlib import Path
from typing import Final

import msgspec

from schemas.errors import ConfigError

LOOPBACK: Final = "127.0.0.1"
# Below the ranges that Linux and macOS hand out to outgoing connections: a port kept here for
# weeks is not taken by somebody's HTTP request in between.
FIRST_PORT: Final = 20_000
LAST_PORT: Final = 32_000
TRIES: Final = 200


def is_free(port: int) -> bool:
    """Return whether a server could listen on this loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def is_open(port: int) -> bool:
    """Return whether something accepts connections on this loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0):
            return True
    except OSError:
        return False


# Ports that were chosen here, with what shows it to others.
_RESERVED: Final[dict[int, socket.socket]] = {}


def free_port() -> int:
    """Return a port nobody listens on, and no other call here or elsewhere returns any more.

    A server that is not up yet, or down for a moment, has no other sign that the port is its own.
    """
    chooser = random.SystemRandom()
    for _ in range(TRIES):
        port = chooser.randint(FIRST_PORT, LAST_PORT)
        if port not in _RESERVED and is_free(port) and _reserve(port):
            return port
    raise ConfigError(f"no free port between {FIRST_PORT} and {LAST_PORT} on {LOOPBACK}")


def _reserve(port: int) -> bool:
    """Reserve a port for as long as this process lives; False when another has it reserved.

    The sign is the datagram port of the same number: servers do not use it, it leaves no file, and
    it goes with the process however that ends.
    """
    if port in _RESERVED:
        return True
    sign = socket.socket(type=socket.SOCK_DGRAM)
    try:
        sign.bind((LOOPBACK, port))
    except OSError:
        sign.close()
        return False
    _RESERVED[port] = sign
    return True


def claim_ports(store: Path, given: dict[str, int]) -> dict[str, int]:
    """Return a free port for each name and remember them in `store` for the next start.

    A given port (not 0) is used or refused; else the last start's if it is free; else a new one.

    Raises:
        ConfigError: a given port is taken.
    """
    kept = msgspec.json.decode(store.read_bytes(), type=dict[str, int]) if store.exists() else {}
    ports = {name: _claim(name, port, kept.get(name, 0)) for name, port in given.items()}
    store.write_bytes(msgspec.json.encode(ports))
    return ports


def _claim(name: str, given: int, kept: int) -> int:
    if given:
        if not is_free(given):
            raise ConfigError(f"port {given} on {LOOPBACK}, wanted for {name}, is in use")
        return given
    return kept if kept and is_free(kept) and _reserve(kept) else free_port()
