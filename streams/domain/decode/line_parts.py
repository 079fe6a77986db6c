"""What several line formats share: level words, tags, separators, requests."""

import re
from typing import Final

from streams.domain.decode.levels import Attributes
from streams.domain.decode.tables import names

LEVEL: Final = "(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|CRITICAL|FATAL)"
_WORDS: Final = names(
    "trace debug info information notice warn warning error err severe critical crit alert emerg"
    " emergency fatal panic"
)
LEVEL_WORDS: Final = frozenset(_WORDS)
ANY_CASE_LEVEL: Final = "(?i:" + "|".join(sorted(_WORDS, key=len, reverse=True)) + ")"
UPPER_LEVEL: Final = "(?:" + "|".join(sorted(_WORDS, key=len, reverse=True)).upper() + ")"

# A minus sign that belongs to what follows (`-1`, `--force`) is no separator.
SEPARATORS: Final = re.compile(r"(?:[\s|,:]++|-++(?=[\s|,:]|$)){0,32}+")
TAG: Final = re.compile(r"([\w./-]{1,200})(?:\[([^\]\s]{1,64})\]:?|:)(?=\s|$)", re.ASCII)
_REQUEST: Final = re.compile(r"([A-Z][A-Z_-]{0,30}) (\S{1,65536})(?: HTTP/(\d(?:\.\d)?))?")
_ESCAPED: Final = re.compile(r"(?:\\x[0-9a-fA-F]{2})+|\\[\"\\]")


def after_separators(text: str, position: int) -> str:
    """Return what follows the separators at the position."""
    match = SEPARATORS.match(text, position)
    return text[match.end() if match else position :]


def unescape(text: str) -> str:
    r"""Undo the `\xHH`, `\"` and `\\` of access logs; the bytes are UTF-8."""
    return _ESCAPED.sub(_unescaped, text) if "\\" in text else text


def _unescaped(match: re.Match[str]) -> str:
    escape = match[0]
    if escape[1] != "x":
        return escape[1]
    return bytes.fromhex(escape.replace("\\x", "")).decode(errors="replace")


def set_request(attributes: Attributes, request: str) -> None:
    """Set method, URL and protocol version of a request line, in place."""
    match = _REQUEST.fullmatch(unescape(request))
    if match is None:
        return
    attributes["http.request.method"] = match[1]
    attributes["url.original"] = match[2]
    if match[3]:
        attributes["network.protocol.version"] = match[3]


def set_text(attributes: Attributes, name: str, value: str | None) -> None:
    """Set an attribute from a text that may be absent (`-`), in place."""
    if value and value != "-":
        attributes[name] = unescape(value)


def set_integer(attributes: Attributes, name: str, value: str | None) -> None:
    """Set an attribute from digits that may be absent, in place."""
    if value and value.isdecimal() and len(value) <= 18:
        attributes[name] = int(value)
