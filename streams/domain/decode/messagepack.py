"""MessagePack maps, read as the JSON objects they stand for."""

from typing import Any, Final

import msgspec

from schemas.errors import MalformedEventError
from streams.domain.decode.json_text import MAX_DEPTH, JsonObject

_MAP16_MAP32: Final = (0xDE, 0xDF)
_MAX_BYTES: Final = 4 * 1024 * 1024
"""A larger map may hold millions of lists, whose reading takes seconds."""
_SCALARS: Final = (str, bool, int, float)


def is_map(value: bytes) -> bool:
    """Tell whether the first byte is that of a map, of a size that somebody would log."""
    is_map_byte = 0x80 <= value[0] <= 0x8F or value[0] in _MAP16_MAP32
    return is_map_byte and len(value) <= _MAX_BYTES


def read_map(value: bytes) -> JsonObject | None:
    """Return the object that the whole value is, None when it is anything else.

    Raises:
        MalformedEventError: `json_too_deep`.
    """
    try:
        decoded = msgspec.msgpack.decode(value)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError, OverflowError):
        return None
    if not isinstance(decoded, dict) or not all(isinstance(key, str) for key in decoded):
        return None
    members = _as_json(decoded, 1)
    return members if isinstance(members, dict) else None


def _as_json(value: Any, depth: int) -> Any:
    """The value in JSON's types: bytes as text, extension types as null."""
    if depth > MAX_DEPTH + 1:
        raise MalformedEventError("json_too_deep", f"nesting deeper than {MAX_DEPTH}")
    if isinstance(value, dict):
        return {str(key): _as_json(member, depth + 1) for key, member in value.items()}
    if isinstance(value, list):
        return [_as_json(element, depth + 1) for element in value]
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, _SCALARS) else None
