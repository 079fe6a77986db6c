"""A TCP proxy on loopback that can stop passing on, as a broken network does."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
READ_BYTES = 65_536
REQUEST, ANSWER = "request", "answer"


class TcpProxy:
    """Passes bytes on between its port and a server's until it is told to stop."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._flowing = {REQUEST: asyncio.Event(), ANSWER: asyncio.Event()}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._cuts = _Cuts()
        self._passes_ends = True
        self._ended = threading.Event()
        self.port = 0

    def start(self) -> None:
        """Listen on a free port."""
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self.thaw()

    def stop(self) -> None:
        """Close all connections and stop listening."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def freeze(self) -> None:
        """Keep all connections open and pass nothing on; both ends just hear nothing more."""
        self.freeze_requests()
        self.freeze_answers()

    def freeze_requests(self) -> None:
        """Keep from the server what clients send, and all new clients."""
        self._loop.call_soon_threadsafe(self._flowing[REQUEST].clear)

    def freeze_answers(self) -> None:
        """Keep from the clients what the server sends."""
        self._loop.call_soon_threadsafe(self._flowing[ANSWER].clear)

    def thaw(self) -> None:
        """Pass on again, what was held back first."""
        for flowing in self._flowing.values():
            self._loop.call_soon_threadsafe(flowing.set)

    def cut_at_next_request(self) -> None:
        """Close the connection that a client next sends on, and pass that on to nobody."""
        self._loop.call_soon_threadsafe(self._cuts.arm, REQUEST)

    def cut_at_next_answer(self) -> None:
        """Close the connection that the server next answers on, and pass that on to nobody."""
        self._loop.call_soon_threadsafe(self._cuts.arm, ANSWER)

    def keep_ends(self) -> None:
        """Pass on what is sent, but not that a connection has ended."""
        self._passes_ends = False

    def wait_for_end(self) -> None:
        """Wait until a connection has ended, and all of it is passed on.

        Raises:
            TimeoutError: none has, in 10 s.
        """
        if not self._ended.wait(10):
            raise TimeoutError("no connection has ended")

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._connect, LOOPBACK, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        # Their transports close in the next round of the loop.
        await asyncio.sleep(0)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flowing[REQUEST].wait()
        try:
            to_reader, to_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        self._writers += [writer, to_writer]
        for kind, source, sink in ((REQUEST, reader, to_writer), (ANSWER, to_reader, writer)):
            task = asyncio.create_task(self._pass_on(kind, source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(
        self, kind: str, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(READ_BYTES):
                await self._flowing[kind].wait()
                if self._cuts.strikes(kind):
                    break
                sink.write(data)
                await sink.drain()
        if self._passes_ends:
            sink.close()
        self._ended.set()


class _Cuts:
    """Which connection is to be closed: that of the next request, or of the next answer."""

    def __init__(self) -> None:
        self._armed: str | None = None

    def arm(self, kind: str) -> None:
        self._armed = kind

    def strikes(self, kind: str) -> bool:
        if kind != self._armed:
            return False
        self._armed = None
        return True


@contextmanager
def proxied_dsn(dsn: str) -> Iterator[tuple[TcpProxy, str]]:
    """Yield a proxy before a database server, and the database's address through it."""
    address = urlsplit(dsn)
    proxy = TcpProxy(address.hostname or LOOPBACK, address.port or 5432)
    proxy.start()
    try:
        credentials, _, _ = address.netloc.rpartition("@")
        netloc = f"{credentials}@{LOOPBACK}:{proxy.port}"
        yield proxy, address._replace(netloc=netloc).geturl()
    finally:
        proxy.stop()
