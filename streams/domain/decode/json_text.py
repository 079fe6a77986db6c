"""JSON read leniently: one or more documents, raw control characters, NaN, lost surrogates."""

import re
from collections.abc import Iterator
from itertools import accumulate
from json import JSONDecoder
from typing import Any, Final, NamedTuple

import msgspec

from schemas.errors import MalformedEventError
from schemas.events import JsonValue
from streams.domain.decode.cleaning import replace_surrogates
from streams.domain.decode.numbers import Number

MAX_DEPTH: Final = 100
MAX_EVENTS: Final = 10_000

JsonObject = dict[str, JsonValue]


class Document(NamedTuple):
    """One JSON object of a value, and its text when it stands alone."""

    members: JsonObject
    text: str | None


def _nothing(_: str) -> None:
    """NaN and the infinities have no value here."""


_STRICT: Final = msgspec.json.Decoder(float_hook=Number)
_STRICT_BULK: Final = msgspec.json.Decoder()
_LENIENT: Final = JSONDecoder(strict=False, parse_float=Number, parse_constant=_nothing)
_LENIENT_BULK: Final = JSONDecoder(strict=False, parse_constant=_nothing)
# int() refuses more than 4,300 digits: then integers are read as numbers with digits too.
_LENIENT_LONG: Final = JSONDecoder(
    strict=False, parse_float=Number, parse_int=Number, parse_constant=_nothing
)
_BULK_CHARS: Final = 1_000_000
_BULK_FLOATS: Final = 100_000
"""More floats than this in a large text are read as doubles: their digits would take seconds."""
_MAX_BRACKETS: Final = 1_000_000
"""A text with more objects and lists than this is taken as text: reading it would take seconds."""
_MAX_MEMBERS: Final = 500_000
"""The same for members: ten thousand OTLP records, the most that one value may hold, have fewer."""
_MAX_LENIENT_COMMAS: Final = 1_000_000
"""A text with more is JSON only if it is so strictly: repairing it would take seconds."""
_PREFIX_OF_MANY: Final = 2_000_000
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_PREFIX_CHARS: Final = 65_536
_SEPARATORS: Final = re.compile(r"[\s,\x1e]*")
_STRINGS: Final = re.compile(b'"[^"]*"?')
_BRACKETS: Final = bytes.maketrans(b"{[}]", b"\x01\x01\xff\xff")
_NEITHER: Final = bytes(set(range(256)) - set(b'{[}]"'))


def read_documents(text: str) -> list[Document] | None:
    """Return the objects of a text that starts with `{` or `[`, None when it is not all JSON.

    Raises:
        MalformedEventError: nested too deep, or too many objects.
    """
    bracket_count = text.count("{") + text.count("[")
    if bracket_count > MAX_DEPTH:
        # Of very many brackets no more is read than a prefix.
        check_depth(text if bracket_count <= _MAX_BRACKETS else text[:_PREFIX_OF_MANY])
    if bracket_count > _MAX_BRACKETS or _has_too_many_members(text):
        _refuse_many(text)
        return None
    is_bulk = _is_bulk(text)
    try:
        value = (_STRICT_BULK if is_bulk else _STRICT).decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        documents = _read_lines(text)
        if documents is None and text.count(",") <= _MAX_LENIENT_COMMAS:
            documents = _read_leniently(text, is_bulk=is_bulk)
        return documents
    return [Document(value, text)] if type(value) is dict else collect_documents([(value, text)])


def _refuse_many(text: str) -> None:
    """Refuse very many objects without building them; anything else of that size is text."""
    try:
        found = (
            len(_ELEMENTS.decode(text)) if text[0] == "[" and text[1:].lstrip()[:1] == "{" else 0
        )
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        found = 0
    if not found:
        documents = _read_leniently(text[:_PREFIX_OF_MANY], is_bulk=True)
        found = len(documents or ())
    if found > MAX_EVENTS:
        raise MalformedEventError("too_many_events", f"over {MAX_EVENTS} JSON objects")


def _has_too_many_members(text: str) -> bool:
    return len(text) > _BULK_CHARS and text.count('":') > _MAX_MEMBERS


def _is_bulk(text: str) -> bool:
    return len(text) > _BULK_CHARS and text.count(".") > _BULK_FLOATS


def read_object(text: str) -> JsonObject | None:
    """Return the one object that the text is, None when it is anything else or too deep."""
    try:
        documents = read_documents(text)
    except MalformedEventError:
        return None
    if documents is None or len(documents) != 1 or not text.startswith("{"):
        return None
    return documents[0].members


def read_string(text: str) -> str | None:
    """Return the content of a text that is one JSON string, else None."""
    try:
        content, end = _LENIENT.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, str) or (end < len(text) and not text[end:].isspace()):
        return None
    return replace_surrogates(content)


def check_depth(text: str) -> None:
    """Refuse a text nested deeper than 100, whether or not it is JSON.

    Raises:
        MalformedEventError: `json_too_deep`.
    """
    # A prefix may end inside a string, which then counts as one: it is never deeper than the whole.
    if _depth(text[:_PREFIX_CHARS]) > MAX_DEPTH or (
        len(text) > _PREFIX_CHARS and _depth(text) > MAX_DEPTH
    ):
        raise MalformedEventError("json_too_deep", f"nesting deeper than {MAX_DEPTH}")


def _depth(text: str) -> int:
    """The greatest number of brackets that are open at once, outside of strings."""
    octets = text.encode(errors="replace")
    if b"\\" in octets:
        octets = octets.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes that meet are an empty string, or two strings that may as well be one.
    octets = octets.translate(None, _NEITHER).replace(b'""', b"")
    if b'"' in octets:
        octets = _STRINGS.sub(b"", octets)
    steps = memoryview(octets.translate(_BRACKETS)).cast("b")
    return max(accumulate(steps), default=0)


def compact_json(value: object) -> str:
    """Return a value as JSON text: `,` and `:`, order and digits kept, nothing escaped to ASCII."""
    return _COMPACT.encode(value).decode()


def _encode_number(value: object) -> msgspec.Raw:
    if isinstance(value, Number):
        return msgspec.Raw(value.digits.encode())
    raise NotImplementedError(f"{type(value).__name__} is not JSON")


_COMPACT: Final = msgspec.json.Encoder(enc_hook=_encode_number)


def _read_lines(text: str) -> list[Document] | None:
    """One document a line; None when a line is no document, or there is only one line."""
    lines = [line for line in text.split("\n", MAX_EVENTS + 1) if line.strip()]
    if len(lines) < 2:
        return None
    try:
        values = [(_STRICT.decode(line), line) for line in lines[: MAX_EVENTS + 1]]
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return collect_documents(values)


def collect_documents(values: list[tuple[Any, str]]) -> list[Document] | None:
    """Return the objects among parsed documents, None when one is neither object nor array of them.

    Raises:
        MalformedEventError: `too_many_events`.
    """
    documents: list[Document] = []
    for value, text in values:
        if type(value) is dict:
            documents.append(Document(value, text))
        elif type(value) is list and all(type(element) is dict for element in value):
            documents.extend(Document(element, None) for element in value)
        else:
            return None
    if len(documents) > MAX_EVENTS:
        raise MalformedEventError("too_many_events", f"{len(documents)} JSON objects")
    return documents


def _read_leniently(text: str, *, is_bulk: bool) -> list[Document] | None:
    for decoder in (_LENIENT_BULK if is_bulk else _LENIENT, _LENIENT_LONG):
        try:
            return collect_documents(list(_scan(decoder, text)))
        except ValueError as exc:
            # A syntax error is final; the other ValueError is the limit on an integer's digits.
            if type(exc) is not ValueError:
                return None
        except RecursionError:
            return None
    return None


def _scan(decoder: JSONDecoder, text: str) -> Iterator[tuple[Any, str]]:
    repair = replace_in if "\\u" in text else None
    position = _end_of_separators(text, 0)
    found = 0
    while position < len(text) and found <= MAX_EVENTS:
        value, end = decoder.raw_decode(text, position)
        yield (repair(value) if repair else value), text[position:end]
        found += 1
        position = _end_of_separators(text, end)


def _end_of_separators(text: str, position: int) -> int:
    match = _SEPARATORS.match(text, position)
    return match.end() if match else position


def replace_in(value: Any) -> Any:
    """Return a JSON value with half surrogate pairs replaced, in names and texts alike."""
    if type(value) is str:
        return replace_surrogates(value)
    if type(value) is list:
        return [replace_in(element) for element in value]
    if type(value) is dict:
        return {replace_surrogates(name): replace_in(member) for name, member in value.items()}
    return value
