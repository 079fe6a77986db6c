"""The shape of a line: a stateless fingerprint, with bounded caches to make it fast."""

import re
from hashlib import blake2b
from typing import Final

import msgspec

from streams.domain.caches import BoundedCache, ComputingCache
from streams.domain.templates.http_status import find_status, mask_status
from streams.domain.templates.line_rules import mask_line
from streams.domain.templates.masking import (
    CLEAN,
    FIRST,
    NUMBER,
    WEAK,
    WILDCARD,
    exact_weak,
    fold_digits,
    fold_ids,
    fold_numbers,
    mask_token,
    split_tokens,
)

MAX_LINE_CHARS: Final = 2_000
MAX_LINE_TOKENS: Final = 100
MAX_WEAK_TOKENS: Final = 4

_CACHED_LINES: Final = 8_192
_CACHED_LINE_CHARS: Final = 600
_CACHED_TOKENS: Final = 16_384
_CACHED_TOKEN_CHARS: Final = 40
_CACHED_SHAPES: Final = 8_192
_CACHED_VARIANTS: Final = 256
_TRACE_SCAN_CHARS: Final = 65_536

_THROWN: Final = re.compile(
    r"^(?:Caused by: )?"
    r"((?:[A-Za-z_$][\w$]*\.)*[A-Z][\w$]*(?:Exception|Error|Throwable))(?=[:\s]|$)",
    re.M,
)


def shape_id(service: str | None, shape: str) -> int:
    """Return the signed 64-bit id of a shape of a service: the same everywhere, always."""
    named = f"{service or ''}\0{shape}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(named, digest_size=8).digest(), "big", signed=True)


def shape_text(body: str) -> str:
    """Return the text of a body that its shape is made of: one line, single blanks.

    What a shape leaves out of a long line stands apart at the end, at most as long again.
    """
    first, _, rest = body.lstrip("\r\n").partition("\n")
    seen, unseen = first[:MAX_LINE_CHARS], first[MAX_LINE_CHARS : 2 * MAX_LINE_CHARS]
    tokens = split_tokens(seen.translate(CLEAN)) + unseen.translate(CLEAN).split()
    return " ".join([*tokens, *filter(None, [_thrown(first, rest)])])


def _thrown(first: str, rest: str) -> str:
    """Return the exception class a stack trace below the first line names, else nothing."""
    thrown = _THROWN.search(rest, 0, _TRACE_SCAN_CHARS) if rest else None
    if thrown is None or thrown.group(1) in first:
        return ""
    return thrown.group(1)


class _Variants(msgspec.Struct, frozen=True):
    """Lines that are equal but for digits that matter: which tokens hold them, shapes so far."""

    masked_tokens: list[str]
    weak_indices: tuple[int, ...]
    status_index: int | None
    shapes: dict[tuple[str, ...], str]


class ShapeCache:
    """Turn bodies into shapes. What it remembers makes it fast and changes no answer."""

    def __init__(self) -> None:
        self._lines: BoundedCache[bytes, str | _Variants] = BoundedCache(_CACHED_LINES)
        self._unified: BoundedCache[bytes, str | _Variants] = BoundedCache(_CACHED_LINES)
        self._tokens = ComputingCache(_CACHED_TOKENS, mask_token, max_key_chars=_CACHED_TOKEN_CHARS)
        self._masked: BoundedCache[str, str | _Variants] = BoundedCache(_CACHED_SHAPES)

    def shape(self, body: str) -> str:
        """Return the shape of a body: of its first line, and the exception class of a trace."""
        if "\n" in body or len(body) > MAX_LINE_CHARS:
            return self._long_shape(body)
        return self._line_shape(body)

    def entry_count(self) -> int:
        """Return how many entries the caches hold: for a gauge, and to see that it is bounded."""
        return len(self._tokens) + len(self._lines) + len(self._unified) + len(self._masked)

    def _long_shape(self, body: str) -> str:
        first, _, rest = body.lstrip("\r\n").partition("\n")
        shape = self._line_shape(first[:MAX_LINE_CHARS])
        if len(first) > MAX_LINE_CHARS and not shape.endswith(WILDCARD):
            shape = f"{shape} {WILDCARD}"
        thrown = _thrown(first, rest)
        return f"{shape} {thrown}" if thrown else shape

    def _line_shape(self, line: str) -> str:
        folded = fold_digits(line)
        found = self._lines.newer.get(folded) or self._lines.get(folded) or self._find(folded)
        return found if isinstance(found, str) else _variant_shape(found, line)

    def _find(self, folded: bytes) -> str | _Variants:
        """Look again without ids and numbers; a line with an id is not worth remembering."""
        without_ids = fold_ids(folded)
        unified = fold_numbers(without_ids)
        found = self._unified.get(unified)
        if found is None:
            found = self._learn(unified.decode("utf-8", "surrogatepass"))
            self._unified.put(unified, found)
        if without_ids == folded and len(folded) <= _CACHED_LINE_CHARS:
            self._lines.put(folded, found)
        return found

    def _learn(self, folded: str) -> str | _Variants:
        tokens = split_tokens(folded)
        if not tokens:
            return ""
        if len(tokens) > MAX_LINE_TOKENS:
            del tokens[MAX_LINE_TOKENS:]
            tokens.append(WILDCARD)
        tokens[0] = FIRST + tokens[0]
        cache = self._tokens
        masked = [cache[token] for token in tokens]
        joined = " ".join(masked)
        found = self._masked.get(joined)
        if found is None:
            found = _plan(masked, joined)
            self._masked.put(joined, found)
        return found


def _plan(masked: list[str], joined: str) -> str | _Variants:
    weak = tuple(i for i, token in enumerate(masked) if WEAK in token)[:MAX_WEAK_TOKENS]
    status = find_status(masked) if NUMBER in joined else None
    if weak or status is not None:
        return _Variants(masked, weak, status, {})
    return mask_line(joined)


def _variant_shape(variants: _Variants, line: str) -> str:
    # A printable line has none of the characters that CLEAN is about.
    exact = split_tokens(line if line.isprintable() else line.translate(CLEAN))
    masked = variants.masked_tokens
    kept = {index: exact_weak(masked[index], exact[index]) for index in variants.weak_indices}
    status = variants.status_index
    if status is not None:
        kept[status] = mask_status(exact[status], exact[status - 1] if status else "")
    key = tuple(kept.values())
    found = variants.shapes.get(key)
    if found is None:
        masked = list(masked)
        for index, token in kept.items():
            masked[index] = token
        found = mask_line(" ".join(masked))
        if len(variants.shapes) < _CACHED_VARIANTS:
            variants.shapes[key] = found
    return found
