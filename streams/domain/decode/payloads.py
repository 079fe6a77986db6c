"""Bytes into text: gzip, schema registry framing, encodings, and the test for binary content."""

import zlib
from codecs import getincrementaldecoder
from typing import Final, NamedTuple

from schemas.errors import MalformedEventError
from streams.domain.decode.cleaning import MAX_QUICK_CHARS, REPLACEMENT

MAX_VALUE_BYTES: Final = 16 * 1024 * 1024
MAX_INFLATED_BYTES: Final = 64 * 1024 * 1024
GZIP_MAGIC: Final = b"\x1f\x8b\x08"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_FRAME_BYTES: Final = 5
_CHUNK_BYTES: Final = 65_536
_BINARY_SHARE: Final = 0.3
# C0 controls without TAB LF CR ESC, and DEL.
_CONTROLS: Final = bytes(code for code in (*range(32), 127) if code not in (9, 10, 13, 27))
_UTF8_BOM: Final = b"\xef\xbb\xbf"
_UTF16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_REPLACEMENT_BYTES: Final = REPLACEMENT.encode()


def gunzip(value: bytes) -> bytes:
    """Return the content of all concatenated gzip members.

    Raises:
        MalformedEventError: `gzip_too_large` above 64 MiB, `gzip_corrupt` when damaged or cut.
    """
    parts: list[bytes] = []
    room = MAX_INFLATED_BYTES
    while value.startswith(GZIP_MAGIC) or not parts:
        member = zlib.decompressobj(_GZIP_WINDOW)
        try:
            part = member.decompress(value, room + 1)
        except zlib.error as exc:
            raise MalformedEventError("gzip_corrupt", str(exc)) from exc
        room -= len(part)
        if room < 0:
            raise MalformedEventError("gzip_too_large", f"over {MAX_INFLATED_BYTES} bytes")
        if not member.eof:
            raise MalformedEventError("gzip_corrupt", "the stream is cut short")
        parts.append(part)
        value = member.unused_data
        if not value:
            break
    if value.strip(b"\0"):
        raise MalformedEventError("gzip_corrupt", "bytes after the last member")
    return b"".join(parts)


def unframe(value: bytes) -> bytes:
    """Return the JSON behind Confluent's five bytes, or the value when it has no such bytes.

    Raises:
        MalformedEventError: `schema_registry` when the payload is Avro, Protobuf or broken JSON.
    """
    if value[:1] != b"\0" or len(value) < _FRAME_BYTES or not value[:_FRAME_BYTES].strip(b"\0"):
        return value
    schema_id = int.from_bytes(value[1:_FRAME_BYTES], "big")
    if value[_FRAME_BYTES : _FRAME_BYTES + 1] in (b"{", b"["):
        return value[_FRAME_BYTES:]
    raise MalformedEventError("schema_registry", f"schema {schema_id} is not JSON")


class Text(NamedTuple):
    """A decoded value, and how many of its characters do not belong into a text."""

    content: str
    foreign_count: int


def decode_clean(value: bytes) -> str | None:
    """Return a value that begins and goes on as text in UTF-8 with nothing to remove, else None.

    Such a value begins with no space, as no encoding, and with no byte order mark.
    """
    if not b"!" <= value[:1] <= b"~" or len(value) > MAX_QUICK_CHARS:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def decode_text(value: bytes) -> Text:
    """Return the value as text: UTF-16 by its BOM, else UTF-8 with U+FFFD for what is invalid."""
    if value.startswith(_UTF16_BOMS):
        return _decode_utf16(value)
    value = value.strip(b"\0").removeprefix(_UTF8_BOM).strip(b"\0")
    try:
        text = value.decode()
        if len(value) <= MAX_QUICK_CHARS and text.isprintable():
            return Text(text, 0)
        foreign = len(value) - len(value.translate(None, _CONTROLS))
    except UnicodeDecodeError:
        text = value.decode(errors="replace")
        foreign = len(value) - len(value.translate(None, _CONTROLS))
        foreign += text.count(REPLACEMENT) - value.count(_REPLACEMENT_BYTES)
    return Text(text, foreign)


def _decode_utf16(value: bytes) -> Text:
    replaced = 0
    try:
        text = value.decode("utf-16")
    except UnicodeDecodeError:
        text, replaced = _replace_in_utf16(value)
    text = text.strip("\0")
    return Text(text, replaced + sum(text.count(chr(code)) for code in _CONTROLS))


def _replace_in_utf16(value: bytes) -> tuple[str, int]:
    """Decode with U+FFFD for what is invalid, and stop as soon as it is too much to be text."""
    decoder = getincrementaldecoder("utf-16")(errors="replace")
    parts: list[str] = []
    replaced = 0
    for start in range(0, len(value), _CHUNK_BYTES):
        end = start + _CHUNK_BYTES
        parts.append(decoder.decode(value[start:end], final=end >= len(value)))
        replaced += parts[-1].count(REPLACEMENT)
        if replaced > _BINARY_SHARE * len(value) / 2:
            break
    return "".join(parts), replaced


def refuse_binary(text: Text, value: bytes) -> None:
    """Refuse content that is not text.

    Raises:
        MalformedEventError: `binary`.
    """
    limit = 0.0 if value[:1] == b"\n" else _BINARY_SHARE * len(text.content)
    if text.foreign_count > limit:
        detail = f"{text.foreign_count} of {len(text.content)} characters are not text"
        raise MalformedEventError("binary", detail)
