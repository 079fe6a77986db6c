"""The smallest question a Kafka broker can be asked: which brokers are up.

By hand, since a client library retries, logs and takes longer to import than the broker to answer.
"""

import socket
import struct
from typing import Final

from aiops.local.ports import LOOPBACK

METADATA: Final = 3
METADATA_VERSION: Final = 1
CLIENT_ID: Final = b"aiops"
TIMEOUT_S: Final = 2.0
# Header: API, version, correlation id, client id; body: an array of no topics.
REQUEST: Final = struct.pack(
    f">hhih{len(CLIENT_ID)}si", METADATA, METADATA_VERSION, 1, len(CLIENT_ID), CLIENT_ID, 0
)


def broker_count(port: int) -> int:
    """Return how many brokers the one at this loopback port knows to be up; 0 when it is silent."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=TIMEOUT_S) as connection:
            connection.sendall(struct.pack(">i", len(REQUEST)) + REQUEST)
            (size,) = struct.unpack(">i", _receive(connection, 4))
            _correlation_id, count = struct.unpack_from(">ii", _receive(connection, size))
    except (OSError, struct.error):
        return 0
    return int(count)


def _receive(connection: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        piece = connection.recv(size - len(received))
        if not piece:
            raise ConnectionResetError("the broker hung up")
        received += piece
    return bytes(received)
