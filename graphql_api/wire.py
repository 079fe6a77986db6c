"""Bodies as JSON."""

import msgspec
import orjson


def encoded(body: object) -> bytes:
    """Return a body as JSON; numbers beyond 64 bits, which attributes may hold, too."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return msgspec.json.encode(body)
