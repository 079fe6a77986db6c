"""HTTP statuses: the one number that tells what happened."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from streams.domain.templates.lexicon import HTTP_METHODS
from streams.domain.templates.masking import NUMBER, WILDCARD

_STATUS_NAMES: Final = ("status", "code", "response", "returned", "http")


def find_status(masked_tokens: Sequence[str]) -> int | None:
    """Return the index of the token that holds an HTTP status, None when there is none."""
    is_request = any(
        token.startswith("HTTP/") or token.lstrip("\"'[") in HTTP_METHODS for token in masked_tokens
    )
    for index, token in enumerate(masked_tokens):
        if NUMBER in token:
            before = masked_tokens[max(index - 2, 0) : index]
            after = masked_tokens[index + 1 : index + 3]
            if _names_status(token, before) or (is_request and _stands_as_status(before, after)):
                return index
    return None


def _names_status(token: str, before: Sequence[str]) -> bool:
    name = token.partition(NUMBER)[0] or " ".join(before)
    return name.strip("\"'=:([").lower().endswith(("status", "status code", "statuscode"))


def _stands_as_status(before: Sequence[str], after: Sequence[str]) -> bool:
    """Say whether a number of a request line stands where access logs have the status."""
    if not before:
        return False
    previous = before[-1]
    if previous == "|" or previous.endswith(('"', "'", f"HTTP/{WILDCARD}")):
        return True
    if before[0] in HTTP_METHODS and len(before) > 1:
        return True
    return list(after) == [NUMBER, "-"] or previous.strip(":=").lower() in _STATUS_NAMES


_STATUS_CLASS: Final = re.compile(r"(?<![0-9])([1-5])[0-9]{2}(?=[^0-9]*$)")
_SERVER_ERROR: Final = re.compile(r"(?<![0-9])(5)[0-9]{2}(?=[^0-9]*$)")
_ANY_NUMBER: Final = re.compile("[0-9]+(?=[^0-9]*$)")
_CACHED_STATUSES: Final = 1_024


def mask_status(exact: str, previous: str) -> str:
    """Return the exact token with its HTTP status as a class: `4<*>`.

    A status in its place (`"GET / HTTP/1.1" 404`, `status=404`) shows each class. One that the
    text only mentions (`status: 404`) is a parameter unless the server failed.
    """
    is_mentioned = previous.endswith(":") and not previous.endswith(('":', "':"))
    return _classed(exact, _SERVER_ERROR if is_mentioned else _STATUS_CLASS)


@lru_cache(maxsize=_CACHED_STATUSES)
def _classed(exact: str, pattern: re.Pattern[str]) -> str:
    classed = pattern.sub(rf"\1{WILDCARD}", exact)
    return classed if classed != exact else _ANY_NUMBER.sub(WILDCARD, exact)
