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


def _decode_strictly(text: str) -> Any:
    return _STRICT.decode(text)


_STRICT: Final = msgspec.json.Decoder(float_hook=Number)
_LENIENT: Final = JSONDecoder(strict=False, parse_float=Number, parse_constant=_nothing)
# int() refuses more than 4,300 digits: then integers are read as numbers with digits too.
_LENIENT_LONG: Final = JSONDecoder(
    strict=False, parse_float=Number, parse_int=Number, parse_constant=_nothing
)
_SEPARATORS: Final = re.compile(r"[\s,\x1e]*")
# Possessive: a string that never ends is one match, not one attempt for each of its quotes.
_STRINGS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKETS: Final = bytes.maketrans(b"{[}]", b"\x01\x01\xff\xff")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"{[}]"))


def read_documents(text: str) -> list[Document] | None:
    """Return the objects of a text that starts with `{` or `[`, None when it is not all JSON.

    Raises:
        MalformedEventError: nested too deep, or too many objects.
    """
    documents = _read_strictly(text)
    if documents is None:
        check_depth(text)
        documents = _read_leniently(text)
    return documents


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
    if not isinstance(content, str) or _SEPARATORS.fullmatch(text, end) is None:
        return None
    return replace_surrogates(content)


def check_depth(text: str) -> None:
    """Refuse a text nested deeper than 100, whether or not it is JSON.

    Raises:
        MalformedEventError: `json_too_deep`.
    """
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return
    outside = _STRINGS.sub(b"", text.encode(errors="replace"))
    steps = memoryview(outside.translate(_BRACKETS, _NO_BRACKETS)).cast("b")
    if max(accumulate(steps), default=0) > MAX_DEPTH:
        raise MalformedEventError("json_too_deep", f"nesting deeper than {MAX_DEPTH}")


def compact_json(value: object) -> str:
    """Return a value as JSON text: `,` and `:`, order and digits kept, nothing escaped to ASCII."""
    return _COMPACT.encode(value).decode()


def _encode_number(value: object) -> msgspec.Raw:
    if isinstance(value, Number):
        return msgspec.Raw(value.digits.encode())
    raise NotImplementedError(f"{type(value).__name__} is not JSON")


_COMPACT: Final = msgspec.json.Encoder(enc_hook=_encode_number)


def _read_strictly(text: str) -> list[Document] | None:
    """One document, or one a line: what nearly every shipper writes."""
    try:
        value = _decode_strictly(text)
    except (msgspec.MsgspecError, UnicodeError):
        return _read_lines(text)
    except RecursionError:
        return None
    if text.count("{") + text.count("[") > MAX_DEPTH:
        check_depth(text)
    return collect_documents([(value, text)])


def _read_lines(text: str) -> list[Document] | None:
    lines = text.split("\n", MAX_EVENTS + 1)
    if len(lines) < 2:
        return None
    try:
        values = [(_decode_strictly(line), line) for line in lines if line.strip()]
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    check_depth(text)
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


def _read_leniently(text: str) -> list[Document] | None:
    for decoder in (_LENIENT, _LENIENT_LONG):
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
