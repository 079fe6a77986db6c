"""One WebSocket that speaks graphql-transport-ws, and the operations on it."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

import structlog
from aiohttp import ClientConnectionResetError, WSMessage, WSMsgType, web

from graphql_api import socket_messages as messages
from graphql_api.auth.principal import Origin, Principal, Role
from graphql_api.context import RequestContext, Services
from graphql_api.engine import Answer, GraphQLRequest, is_subscription
from graphql_api.errors import ApiError, ErrorCode, internal_error
from graphql_api.gate import Admitted, Gate, RefusedError
from graphql_api.subscriptions import SubscriptionErrors, SubscriptionHub
from graphql_api.wire import encoded
from schemas.telemetry import SOCKET_DROPS

INIT_TIMEOUT_S: Final = 10.0
MAX_OPERATIONS: Final = 100
# Events for a client that does not read are dropped from here on; its own buffer is the queue.
MAX_BUFFERED_BYTES: Final = 256 * 1024

log = structlog.get_logger(__name__)


class CloseError(Exception):
    """The connection must be closed with a code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


class Operation:
    """A running operation; of a subscription, the member of its group."""

    def __init__(self, socket: "SocketConnection", operation_id: str) -> None:
        self.operation_id = operation_id
        self.task: asyncio.Task[None] | None = None
        self.leave: Callable[[], None] | None = None
        self._socket = socket
        self._dropped = 0

    def offer(self, frame: bytes, payload: bytes) -> None:
        """Send an event, with the number of those dropped before it, or drop it."""
        if not self._socket.has_room():
            self._dropped += 1
            SOCKET_DROPS.inc()
            return
        if self._dropped:
            noted = payload[:-1] + b',"extensions":{"dropped":%d}}' % self._dropped
            frame = messages.text_frame(messages.next_message(self.operation_id, noted))
            self._dropped = 0
        self._socket.write(frame)

    def end(self) -> None:
        """Tell the client that no more events come."""
        self._socket.operations.pop(self.operation_id, None)
        complete = encoded({"id": self.operation_id, "type": "complete"})
        self._socket.write(messages.text_frame(complete))

    def stop(self) -> None:
        """End the operation without a word."""
        if self.leave is not None:
            self.leave()
        if self.task is not None:
            self.task.cancel()


@dataclass(frozen=True, slots=True)
class SharedBySockets:
    """What the sockets of one process have in common; `per_sender` counts the open ones.

    `recheck_soon` has all of them checked whether their headers are still good.
    """

    services: Services
    gate: Gate
    hub: SubscriptionHub
    recheck_soon: Callable[[], None]
    per_sender: Counter[str] = field(default_factory=Counter)

    def admit(self, sender: str) -> bool:
        """Count one more socket of a sender, unless there are too many."""
        if self.per_sender[sender] >= self.services.settings.api_max_sockets_per_sender:
            return False
        self.per_sender[sender] += 1
        return True

    def release(self, sender: str) -> None:
        """Count one less; a sender without sockets is forgotten."""
        if self.per_sender[sender] > 1:
            self.per_sender[sender] -= 1
        else:
            del self.per_sender[sender]


class SocketConnection:
    """One connection."""

    def __init__(
        self, shared: SharedBySockets, request: web.Request, ws: web.WebSocketResponse
    ) -> None:
        self._shared = shared
        self._ws = ws
        self._transport = request.transport
        self._address = request.remote or ""
        self._header = request.headers.get("Authorization")
        self._has_init = False
        self._principal: Principal | None = None
        self._token_header: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None
        self.sender = ""
        self.operations: dict[str, Operation] = {}

    async def serve(self) -> None:
        """Answer messages until the connection closes."""
        self._close_later(
            INIT_TIMEOUT_S, messages.INIT_TIMEOUT, "Connection initialisation timeout"
        )
        try:
            async for message in self._ws:
                await self._handle(_decoded(message))
        except CloseError as closed:
            await self.close(closed.code, closed.reason)
        finally:
            self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for operation in tuple(self.operations.values()):
            operation.stop()
        self.operations.clear()

    async def _handle(self, message: messages.ClientMessage) -> None:
        if isinstance(message, messages.ConnectionInit):
            await self._initialise(message)
        elif isinstance(message, messages.Ping):
            payload = {"payload": message.payload} if message.payload else {}
            await self.send({"type": "pong", **payload})
        elif isinstance(message, messages.Subscribe):
            self._subscribe(message)
        elif isinstance(message, messages.Complete):
            operation = self.operations.pop(message.id, None)
            if operation is not None:
                operation.stop()

    async def _initialise(self, message: messages.ConnectionInit) -> None:
        if self._has_init:
            raise CloseError(messages.TOO_MANY_INITS, "Too many initialisation requests")
        self._has_init = True
        self._token_header = _authorization(message.payload) or self._header
        changes = self._shared.services.access.changes
        principal = await self._authenticated()
        sender = f"{principal.subject} {self._address if principal.is_anonymous else ''}"
        if not self._shared.admit(sender):
            raise CloseError(messages.TRY_AGAIN_LATER, "Too many sockets")
        self.sender = sender
        self._accept(principal)
        if self._shared.services.access.changes != changes:
            # The check that came with the change has left this socket out.
            self._shared.recheck_soon()
        await self.send({"type": "connection_ack"})

    def _accept(self, principal: Principal) -> None:
        self._principal = principal
        if self._timer is not None:
            self._timer.cancel()
        if not principal.is_anonymous:
            left_s = max(0.0, principal.expires_at - time.time())
            self._close_later(left_s, messages.UNAUTHORIZED, "Token expired")

    async def _authenticated(self) -> Principal:
        try:
            return await self._shared.services.access.authenticate(self._token_header)
        except ApiError as refused:
            if refused.code is ErrorCode.DATABASE_UNAVAILABLE:
                raise CloseError(messages.TRY_AGAIN_LATER, "Database away") from refused
            raise CloseError(messages.FORBIDDEN, "Forbidden") from refused

    @property
    def verified(self) -> tuple[str, Principal] | None:
        """Return the header that was verified and for whom it stands, None if there was none."""
        if self._principal is None or self._token_header is None:
            return None
        return self._token_header, self._principal

    def recheck(self, role: Role | None) -> None:
        """Close the connection unless its header still stands for the same role."""
        if self._principal is not None and role is not self._principal.role:
            reason = "Forbidden" if role is None else "Role changed"
            self._closing = asyncio.create_task(self.close(messages.FORBIDDEN, reason))

    def _close_later(self, delay_s: float, code: int, reason: str) -> None:
        def close() -> None:
            self._closing = asyncio.create_task(self.close(code, reason))

        self._timer = asyncio.get_running_loop().call_later(delay_s, close)

    async def close(self, code: int, reason: str) -> None:
        """Close the connection; a client that does not answer is cut off."""
        await self._ws.close(code=code, message=reason.encode())

    def _subscribe(self, message: messages.Subscribe) -> None:
        if self._principal is None:
            raise CloseError(messages.UNAUTHORIZED, "Unauthorized")
        if message.id in self.operations:
            reason = f"Subscriber for {message.id[:80]} already exists"
            raise CloseError(messages.SUBSCRIBER_EXISTS, reason)
        if len(self.operations) >= MAX_OPERATIONS:
            raise CloseError(messages.TRY_AGAIN_LATER, "Too many operations")
        operation = self.operations[message.id] = Operation(self, message.id)
        operation.task = asyncio.create_task(self._run(operation, message, self._principal))

    async def _run(
        self, operation: Operation, message: messages.Subscribe, principal: Principal
    ) -> None:
        asked = GraphQLRequest(
            query=message.payload.query,
            variables=message.payload.variables,
            operation_name=message.payload.operation_name or None,
        )
        context = RequestContext(
            services=self._shared.services,
            principal=principal,
            origin=Origin(request_id=uuid4().hex, address=self._address),
        )
        try:
            admitted = self._shared.gate.admit(asked, context)
            if is_subscription(admitted.plan):
                await self._follow(operation, admitted, asked, context)
                return
            answer = await self._shared.gate.answer(admitted, asked, context)
        except RefusedError as refused:
            answer = refused.answer
        except Exception as exc:  # noqa: BLE001 - the top of an operation
            answer = _failure(exc, context.origin.request_id)
        await self._answer(operation, answer)

    async def _follow(
        self,
        operation: Operation,
        admitted: Admitted,
        asked: GraphQLRequest,
        context: RequestContext,
    ) -> None:
        try:
            leave = await self._shared.hub.join(operation, admitted.prepared, asked, context)
        except SubscriptionErrors as refused:
            await self._answer(operation, _request_error(refused.errors))
        except ApiError as refused:
            await self._answer(operation, _request_error([refused.formatted()]))
        else:
            operation.leave = leave
            if self.operations.get(operation.operation_id) is not operation:
                leave()

    async def _answer(self, operation: Operation, answer: Answer) -> None:
        operation_id = operation.operation_id
        if self.operations.get(operation_id) is not operation:
            return
        if answer.is_request_error:
            del self.operations[operation_id]
            errors = answer.body["errors"]
            await self.send({"id": operation_id, "type": "error", "payload": errors})
            return
        await self.send({"id": operation_id, "type": "next", "payload": answer.body})
        if self.operations.pop(operation_id, None) is operation:
            await self.send({"id": operation_id, "type": "complete"})

    async def send(self, message: dict[str, object]) -> None:
        """Send a message, waiting while the client does not read."""
        try:
            await self._ws.send_str(encoded(message).decode())
        except (ClientConnectionResetError, ConnectionError, RuntimeError):
            log.debug("socket_gone")

    def has_room(self) -> bool:
        """Tell whether the client keeps up."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        size: int = transport.get_write_buffer_size()
        return size < MAX_BUFFERED_BYTES

    def write(self, frame: bytes) -> None:
        """Write a frame without waiting; a frame is one write, so it mixes with no other."""
        if self._transport is not None and not self._ws.closed:
            self._transport.write(frame)


def _decoded(message: WSMessage) -> messages.ClientMessage:
    if message.type is not WSMsgType.TEXT:
        raise CloseError(messages.BAD_REQUEST, "Invalid message received")
    try:
        return messages.decode_message(message.data)
    except ValueError as exc:
        raise CloseError(messages.BAD_REQUEST, "Invalid message received") from exc


def _authorization(payload: dict[str, object] | None) -> str | None:
    for name, value in (payload or {}).items():
        if name.lower() == "authorization":
            if not isinstance(value, str):
                raise CloseError(messages.FORBIDDEN, "Forbidden")
            return value
    return None


def _failure(exc: Exception, request_id: str) -> Answer:
    """Log what nobody expected and return what the client is told of it."""
    # No traceback: an exception's text may hold what the client sent.
    log.error("operation_failed", request_id=request_id, error=type(exc).__name__)
    return _request_error([internal_error(request_id).formatted()])


def _request_error(errors: list[dict[str, object]]) -> Answer:
    return Answer(body={"errors": errors}, is_request_error=True)
