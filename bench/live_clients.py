"""Many subscribed sockets in one process, read so cheaply that they keep up with the server.

It prints `open` when all are subscribed, then a line an event: when it arrived at each socket, as
a JSON list of seconds of the monotonic clock, which all processes of a machine share. An event loop
with a stream a socket would take longer to read an event than the server takes to send it, and
show its own delay.
"""

import json
import select
import socket
import time
from typing import Final

from graphql_api.socket_messages import text_frame

HANDSHAKE: Final = (
    "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
_NEXT: Final = b'"type":"next"'
_PING: Final = 0x89
_PONG_FRAME: Final = b"\x8a\x80" + bytes(4)
_LENGTH_BYTES: Final = {126: 2, 127: 8}
_READ_BYTES: Final = 4_096
_TIMEOUT_S: Final = 60.0
_OPENED_AT_ONCE: Final = 50


def masked(message: object) -> bytes:
    """Return a client's frame: with the mask 0, the bytes stay as they are."""
    frame = bytearray(text_frame(json.dumps(message).encode()))
    frame[1] |= 0x80
    at = 2 + _LENGTH_BYTES.get(frame[1] & 0x7F, 0)
    frame[at:at] = bytes(4)
    return bytes(frame)


def frame_end(received: bytes, start: int) -> int:
    """Return where the server's frame that starts here ends, -1 if its size is not there yet."""
    if len(received) < start + 2:
        return -1
    size = received[start + 1]
    length_bytes = _LENGTH_BYTES.get(size, 0)
    body = start + 2 + length_bytes
    if len(received) < body:
        return -1
    return body + (int.from_bytes(received[start + 2 : body], "big") if length_bytes else size)


class Client:
    """A socket with a running subscription, once it has been started and confirmed."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S)
        self._rest = b""
        self.socket.sendall(HANDSHAKE.encode())

    def start(self, key: str, query: str) -> None:
        """Ask for the subscription."""
        self._expect(b"\r\n\r\n")
        payload = {"Authorization": f"Bearer {key}"}
        asked = [
            {"type": "connection_init", "payload": payload},
            {"type": "subscribe", "id": "1", "payload": {"query": query}},
            {"type": "ping"},
        ]
        self.socket.sendall(b"".join(map(masked, asked)))

    def confirm(self) -> None:
        """Wait until all has been read that was asked."""
        self._expect(b'"pong"')
        # With a time limit, each read would ask first whether it can.
        self.socket.settimeout(0)

    def _expect(self, ending: bytes) -> None:
        """Read until the server has said this; it says nothing after it before it is asked."""
        received = b""
        while ending not in received:
            received += self._receive()

    def _receive(self) -> bytes:
        received = self.socket.recv(_READ_BYTES)
        if not received:
            raise ConnectionError("the server closed a socket")
        return received

    def read_events(self) -> int:
        """Return how many events have arrived; pings are answered."""
        received = self._rest + self._receive()
        events, start, end = 0, 0, frame_end(received, 0)
        while 0 < end <= len(received):
            events += received.find(_NEXT, start, end) > 0
            if received[start] == _PING:
                self.socket.sendall(_PONG_FRAME)
            start, end = end, frame_end(received, end)
        self._rest = received[start:]
        return events


class Clients:
    """All sockets, and which of them may be read."""

    def __init__(self) -> None:
        self._by_number: dict[int, Client] = {}
        self._ready = select.epoll()

    def open(self, port: int, key: str, query: str, count: int) -> None:
        """Add so many sockets."""
        added = [Client(port) for _ in range(count)]
        for client in added:
            client.start(key, query)
        for client in added:
            client.confirm()
            self._by_number[client.socket.fileno()] = client
            self._ready.register(client.socket, select.EPOLLIN)

    def read_events(self, timeout_s: float | None = None) -> list[float]:
        """Wait for what can be read; return when each event in it had arrived."""
        arrived: list[float] = []
        for number, _ in self._ready.poll(timeout_s):
            events = self._by_number[number].read_events()
            arrived += [time.monotonic()] * events
        return arrived


def report_arrivals(port: int, key: str, query: str, sockets: int) -> None:
    """Tell of all arrivals on stdout, without end."""
    clients = Clients()
    for opened in range(0, sockets, _OPENED_AT_ONCE):
        clients.open(port, key, query, min(_OPENED_AT_ONCE, sockets - opened))
        # The first are pinged before the last are open.
        clients.read_events(timeout_s=0)
    print("open", flush=True)

    while True:
        arrived: list[float] = []
        while len(arrived) < sockets:
            arrived += clients.read_events()
        print(json.dumps(arrived), flush=True)
