"""JSON as it really arrives: broken UTF-8 and lone surrogates become U+FFFD, the rest is strict."""

import json
from typing import cast

import msgspec

from schemas.events import JsonValue


def decode_json(value: bytes) -> JsonValue:
    """Return the decoded value; every text in it can be encoded as UTF-8.

    Raises:
        ValueError: the bytes are not JSON, whatever their encoding.
    """
    try:
        return _decode(value)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def _decode(value: bytes) -> JsonValue:
    try:
        return cast("JsonValue", msgspec.json.decode(value))
    except msgspec.MsgspecError:
        text = value.decode("utf-8-sig", "replace")
        return _without_surrogates(json.loads(text, parse_constant=_refuse))


def replace_surrogates(text: str) -> str:
    """Return the text with each lone surrogate replaced by U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _refuse(constant: str) -> JsonValue:
    raise ValueError(f"{constant} is not JSON")


def _without_surrogates(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {replace_surrogates(name): _without_surrogates(item) for name, item in value.items()}
    return value
