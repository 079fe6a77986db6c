"""Messages of graphql-transport-ws: what a client may send, and frames to send to it."""

from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

PROTOCOL: Final = "graphql-transport-ws"

BAD_REQUEST: Final = 4400
UNAUTHORIZED: Final = 4401
FORBIDDEN: Final = 4403
SUBPROTOCOL_NOT_ACCEPTABLE: Final = 4406
INIT_TIMEOUT: Final = 4408
SUBSCRIBER_EXISTS: Final = 4409
TOO_MANY_INITS: Final = 4429
TRY_AGAIN_LATER: Final = 1013

_SMALL: Final = 126
_MEDIUM: Final = 65_536
_TEXT_FRAME: Final = 0x81


class ConnectionInit(msgspec.Struct, frozen=True, tag="connection_init"):
    """The first message, with the token in its payload."""

    payload: dict[str, Any] | None = None


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Asks for a pong with the same payload."""

    payload: dict[str, Any] | None = None


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    """Answers a ping."""

    payload: dict[str, Any] | None = None


class SubscribePayload(msgspec.Struct, frozen=True, rename="camel"):
    """An operation."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe"):
    """Starts an operation under an id."""

    id: Annotated[str, Meta(min_length=1)]
    payload: SubscribePayload


class Complete(msgspec.Struct, frozen=True, tag="complete"):
    """Ends an operation."""

    id: Annotated[str, Meta(min_length=1)]


ClientMessage: TypeAlias = ConnectionInit | Ping | Pong | Subscribe | Complete
_DECODER: Final = msgspec.json.Decoder(ClientMessage)


def decode_message(text: str) -> ClientMessage:
    """Return a client's message.

    Raises:
        ValueError: it is none.
    """
    try:
        message: ClientMessage = _DECODER.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as exc:
        raise ValueError("not a message of the protocol") from exc
    return message


def next_message(operation_id: str, payload: bytes) -> bytes:
    """Return a `next` message around a payload that is JSON already."""
    return b'{"id":%b,"type":"next","payload":%b}' % (msgspec.json.encode(operation_id), payload)


def text_frame(message: bytes) -> bytes:
    """Return the WebSocket frame of a message from a server: one, final, not masked."""
    size = len(message)
    if size < _SMALL:
        return bytes((_TEXT_FRAME, size)) + message
    if size < _MEDIUM:
        return bytes((_TEXT_FRAME, _SMALL)) + size.to_bytes(2, "big") + message
    return bytes((_TEXT_FRAME, _SMALL + 1)) + size.to_bytes(8, "big") + message
