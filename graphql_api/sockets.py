"""GraphQL over WebSockets, by the protocol graphql-transport-ws."""

import asyncio
from typing import Final
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from graphql_api import socket_messages as messages
from graphql_api.context import Services
from graphql_api.gate import Gate
from graphql_api.socket_connections import SharedBySockets, SocketConnection
from graphql_api.subscriptions import SubscriptionHub
from schemas.telemetry import SOCKETS

MAX_MESSAGE_BYTES: Final = 256 * 1024
MAX_SOCKETS: Final = 10_000
HEARTBEAT_S: Final = 30.0
_CLOSE_TIMEOUT_S: Final = 2.0
_RETRY_S: Final = 0.5

log = structlog.get_logger(__name__)


class SocketHandler:
    """Serves the sockets of one process."""

    def __init__(self, services: Services, gate: Gate, hub: SubscriptionHub) -> None:
        self._shared = SharedBySockets(services, gate, hub, self._recheck_soon)
        self._sockets: set[SocketConnection] = set()
        self._access = services.access
        self._must_recheck = False
        self._rechecking: asyncio.Task[None] | None = None
        services.listener.on_access.append(self._recheck_soon)
        services.listener.on_reconnect.append(self._recheck_soon)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection until it closes."""
        ws = web.WebSocketResponse(
            protocols=(messages.PROTOCOL,),
            max_msg_size=MAX_MESSAGE_BYTES,
            heartbeat=HEARTBEAT_S,
            compress=False,
            timeout=_CLOSE_TIMEOUT_S,
        )
        await ws.prepare(request)
        if ws.ws_protocol is None:
            await ws.close(
                code=messages.SUBPROTOCOL_NOT_ACCEPTABLE, message=b"Subprotocol not acceptable"
            )
            return ws
        if len(self._sockets) >= MAX_SOCKETS:
            await ws.close(code=messages.TRY_AGAIN_LATER, message=b"Too many sockets")
            return ws
        socket = SocketConnection(self._shared, request, ws)
        self._sockets.add(socket)
        SOCKETS.inc()
        try:
            await socket.serve()
        finally:
            SOCKETS.dec()
            self._sockets.discard(socket)
            self._shared.release(socket.sender)
        return ws

    def _recheck_soon(self) -> None:
        """Have all sockets checked, once more if that is being done."""
        self._must_recheck = True
        if self._rechecking is None or self._rechecking.done():
            self._rechecking = asyncio.create_task(self._recheck(), name="recheck")

    async def _recheck(self) -> None:
        while self._must_recheck:
            self._must_recheck = False
            try:
                await self._recheck_all()
            except Exception as exc:  # noqa: BLE001 - the top of a task, which must go on
                # Until the database answers nobody knows.
                log.warning("recheck_failed", error=type(exc).__name__)
                self._must_recheck = True
                await asyncio.sleep(_RETRY_S)

    async def _recheck_all(self) -> None:
        checked = {socket: one for socket in self._sockets if (one := socket.verified)}
        roles = await self._access.current_roles(dict(checked.values()))
        for socket, (header, _) in checked.items():
            socket.recheck(roles.get(header))

    async def close(self) -> None:
        """Close all sockets: the server goes away."""
        if self._rechecking is not None:
            self._rechecking.cancel()
        closing = [socket.close(1001, "Server is stopping") for socket in self._sockets]
        await asyncio.gather(*closing, return_exceptions=True)
        await self._shared.hub.close()


def is_foreign(request: web.Request, allowed_origins: frozenset[str]) -> bool:
    """Tell whether a page of another site asks for a socket; other clients send no Origin."""
    origin = request.headers.get("Origin")
    if origin is None or origin in allowed_origins:
        return False
    return urlsplit(origin).netloc != request.headers.get("Host")
