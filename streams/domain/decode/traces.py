"""Trace context: ids in every spelling, and the W3C traceparent."""

import re
from typing import Final

_HEX32: Final = re.compile(r"[0-9a-fA-F]{32}")
_HEX16: Final = re.compile(r"[0-9a-fA-F]{16}")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_X_RAY: Final = re.compile(r"(?:Root=)?1-([0-9a-fA-F]{8})-([0-9a-fA-F]{24})(?:;.*)?")
_GOOGLE: Final = re.compile(r"projects/[^/]{1,200}/traces/([0-9a-fA-F]{32})")
_TRACEPARENT: Final = re.compile(
    r"[0-9a-fA-F]{2}-([0-9a-fA-F]{32})-([0-9a-fA-F]{16})-[0-9a-fA-F]{2}(?:-.*)?"
)


def parse_trace_id(value: object) -> str | None:
    """Return 32 lower-case hex digits, None for zeros and for anything that is no trace id."""
    if not isinstance(value, str) or not 16 <= len(value) <= 300:
        return None
    digits = _trace_digits(value.strip())
    if digits is None or not digits.strip("0"):
        return None
    return digits.lower().rjust(32, "0")


def _trace_digits(text: str) -> str | None:
    if _HEX32.fullmatch(text) or _HEX16.fullmatch(text):
        return text
    if _UUID.fullmatch(text):
        return text.replace("-", "")
    match = _X_RAY.fullmatch(text)
    if match:
        return match[1] + match[2]
    match = _GOOGLE.fullmatch(text)
    return match[1] if match else None


def parse_span_id(value: object) -> str | None:
    """Return 16 lower-case hex digits, None for zeros and for anything that is no span id."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    if _HEX16.fullmatch(text) and text.strip("0"):
        return text.lower()
    return None


def parse_traceparent(value: object) -> tuple[str | None, str | None]:
    """Return the trace and span id of a W3C traceparent."""
    match = _TRACEPARENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None, None
    return parse_trace_id(match[1]), parse_span_id(match[2])
