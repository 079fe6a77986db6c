"""Text as people read it: no escape sequences, no control characters, bounded in size."""

import re
from typing import Final

MAX_BODY_BYTES: Final = 262_144
REPLACEMENT: Final = "\ufffd"
MAX_QUICK_CHARS: Final = 65_536
"""Up to here `isprintable` says quickest that nothing is to be removed; it is slow by the byte."""

_UNCLEAN_ASCII: Final = bytes((*range(9), *range(11, 32), 127))
_UNCLEAN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# CSI, OSC, then any other escape. The classes exclude ESC, so no character is looked at twice.
_ESCAPES: Final = re.compile(
    "(?:\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[ -/]*[0-~]))++"
)
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]+")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Return the text without ANSI escapes and control characters (TAB and LF stay), trimmed."""
    if len(text) <= MAX_QUICK_CHARS and text.isprintable():
        return text.strip()
    if _is_unclean(text):
        text = _remove_controls(text)
    text = text.strip()
    if text.startswith("\ufeff"):
        text = text.lstrip("\ufeff").strip()
    return text


def _is_unclean(text: str) -> bool:
    if text.isascii():
        octets = text.encode()
        return len(octets.translate(None, _UNCLEAN_ASCII)) < len(octets)
    return _UNCLEAN.search(text) is not None


def _remove_controls(text: str) -> str:
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return replace_surrogates(_CONTROLS.sub("", text))


def replace_surrogates(text: str) -> str:
    """Return the text with each half of a surrogate pair replaced by U+FFFD."""
    return _SURROGATES.sub(REPLACEMENT, text)


def cut_body(body: str) -> tuple[str, int | None]:
    """Return the body cut to the limit, and its length in bytes if it was cut, else None."""
    if len(body) * 4 <= MAX_BODY_BYTES:
        return body, None
    encoded = body.encode()
    if len(encoded) <= MAX_BODY_BYTES:
        return body, None
    return encoded[:MAX_BODY_BYTES].decode(errors="ignore"), len(encoded)
