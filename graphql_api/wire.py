"""Bodies as JSON."""

from typing import Any, Final

import msgspec


def _plain(value: Any) -> str:
    """Return texts of types of their own as the texts they are."""
    if isinstance(value, str):
        return "".join((value,))
    raise TypeError(f"{type(value).__name__} is not JSON")


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_plain)


def encoded(body: object) -> bytes:
    """Return a body as JSON; numbers may be beyond 64 bits, as those in attributes may."""
    return _ENCODER.encode(body)
