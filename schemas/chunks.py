"""The chunk format: log lines as compressed columns.

A piece holds the lines of a run of offsets of one partition. Its bytes are a function of the lines
alone: MessagePack of the columns below, compressed by zstd with a fixed level. Repeated values
(services, hosts, severities, shapes) are dictionary-coded, offsets and times are differences, and a
record's raw text is kept as a prefix where it ends with the body. Integers of attributes beyond 64
bits become text.

Texts lie as they compress best: bodies by shape, each with its raw text where that is kept whole,
then the prefixes in the order of the lines. (Format 1, which is still read: body, raw, body, raw.)
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from operator import sub
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
import zstandard

from schemas.events import LogEvent
from schemas.ids import CHUNK_RECORDS, RecordId

FORMAT_VERSION: Final = 2
_INTERLEAVED: Final = 1
ZSTD_LEVEL: Final = 3
# An open chunk lies in pieces on these grids, coarsest first; the rest is its tail.
PIECE_GRIDS: Final = (CHUNK_RECORDS, 256, 16)
MAX_PIECE_BYTES: Final = 1 << 31

_MAX_BYTE_CODES: Final = 256
_RAW_ABSENT, _RAW_PREFIX, _RAW_WHOLE, _RAW_BASE64 = range(4)
_KEPT_WHOLE: Final = frozenset({_RAW_WHOLE, _RAW_BASE64})

_T = TypeVar("_T")


class RawText(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A record's original value: text, or base64 where the bytes are not valid UTF-8."""

    text: str
    is_base64: bool = False


class StoredLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event with its place, as it lies in a chunk.

    `raw` belongs to the record and stands at its first event (index 0) only; `headline` is None
    where the default form applies.
    """

    offset: int
    index: int
    record_ms: int
    event: LogEvent
    shape_id: int
    headline: str | None = None
    raw: RawText | None = None

    def record_id(self, topic: str, partition: int) -> RecordId:
        """Return the coordinates of this line."""
        return RecordId(topic, partition, self.offset, self.index)


class _Coded(msgspec.Struct, Generic[_T], array_like=True):
    """A dictionary-coded column: the distinct values in order of appearance, and their numbers."""

    values: list[_T]
    codes: bytes | list[int]


class _Packed(msgspec.Struct, array_like=True):
    version: int
    offset_steps: list[int]
    record_ms_steps: list[int]
    event_ns_steps: list[int]
    severity_numbers: bytes
    severity_texts: _Coded[str | None]
    services: _Coded[str | None]
    hosts: _Coded[str | None]
    shape_ids: _Coded[int]
    raw_forms: bytes
    texts: list[str]
    attributes: list[dict[str, Any] | None]
    # sparse: (line number, value)
    traces: list[tuple[int, str | None, str | None]]
    headlines: list[tuple[int, str]]


_PACKER: Final = msgspec.msgpack.Encoder()
_UNPACKER: Final = msgspec.msgpack.Decoder(_Packed)


def pack_lines(lines: Sequence[StoredLine]) -> bytes:
    """Return the bytes of a piece; `lines` are in order of offset and index.

    The same lines always give the same bytes.
    """
    events = [line.event for line in lines]
    shape_ids = _code([line.shape_id for line in lines])
    raw_forms, texts = _pack_texts(lines, shape_ids.codes)
    packed = _Packed(
        version=FORMAT_VERSION,
        offset_steps=_steps([line.offset for line in lines]),
        record_ms_steps=_steps([line.record_ms for line in lines]),
        event_ns_steps=_steps([event.timestamp_ns for event in events]),
        severity_numbers=bytes([event.severity_number for event in events]),
        severity_texts=_code([event.severity_text for event in events]),
        services=_code([event.service for event in events]),
        hosts=_code([event.host for event in events]),
        shape_ids=shape_ids,
        raw_forms=raw_forms,
        texts=texts,
        attributes=[event.attributes or None for event in events],
        traces=[
            (number, event.trace_id, event.span_id)
            for number, event in enumerate(events)
            if event.trace_id or event.span_id
        ],
        headlines=[
            (number, line.headline)
            for number, line in enumerate(lines)
            if line.headline is not None
        ],
    )
    try:
        plain = _PACKER.encode(packed)
    except OverflowError:
        packed.attributes = [_within_64_bits(one) for one in packed.attributes]
        plain = _PACKER.encode(packed)
    # A compressor is cheap and not safe to share between threads.
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(plain)


def _within_64_bits(value: Any) -> Any:
    """Return the JSON value with integers as text where MessagePack has no room for them."""
    if isinstance(value, dict):
        return {name: _within_64_bits(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_within_64_bits(member) for member in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    return value


class BodyLine(NamedTuple):
    """The text of a line with its event time (nanoseconds) and its place in the partition."""

    timestamp_ns: int
    offset: int
    event_index: int
    body: str


class PieceBodies:
    """The texts of a piece by shape: what summaries read, at a fraction of `unpack_lines`."""

    def __init__(self, payload: bytes) -> None:
        packed = _decode_payload(payload)
        self._offsets = list(_sums(packed.offset_steps))
        self._times = list(_sums(packed.event_ns_steps))
        self._bodies, _ = _unpack_texts(packed)
        self._rows_of: dict[int, list[int]] = {}
        for row, shape_id in enumerate(_decode(packed.shape_ids)):
            self._rows_of.setdefault(shape_id, []).append(row)

    def lines(self, shape_ids: Iterable[int]) -> Iterator[BodyLine]:
        """Yield the lines of the shapes, by shape."""
        for shape_id in shape_ids:
            for row in self._rows_of.get(shape_id, ()):
                yield BodyLine(
                    self._times[row], self._offsets[row], self._index_of(row), self._bodies[row]
                )

    def _index_of(self, row: int) -> int:
        first = row
        while first and self._offsets[first - 1] == self._offsets[row]:
            first -= 1
        return row - first


def unpack_lines(payload: bytes) -> list[StoredLine]:
    """Return the lines of a piece, in order.

    Raises:
        ValueError: the bytes are no piece of this format version.
    """
    return list(_lines(_decode_payload(payload)))


def _decode_payload(payload: bytes) -> _Packed:
    try:
        plain = zstandard.ZstdDecompressor().decompress(payload, max_output_size=MAX_PIECE_BYTES)
        packed = _UNPACKER.decode(plain)
    except (zstandard.ZstdError, msgspec.MsgspecError) as exc:
        raise ValueError("not a chunk piece") from exc
    if packed.version not in (_INTERLEAVED, FORMAT_VERSION):
        raise ValueError(f"chunk format {packed.version}, this program reads {FORMAT_VERSION}")
    return packed


def _lines(packed: _Packed) -> Iterator[StoredLine]:
    traces = {number: (trace, span) for number, trace, span in packed.traces}
    headlines = dict(packed.headlines)
    bodies, raws = _unpack_texts(packed)
    columns = zip(
        _sums(packed.offset_steps),
        _sums(packed.record_ms_steps),
        _sums(packed.event_ns_steps),
        packed.severity_numbers,
        _decode(packed.severity_texts),
        _decode(packed.services),
        _decode(packed.hosts),
        _decode(packed.shape_ids),
        packed.raw_forms,
        bodies,
        raws,
        packed.attributes,
        strict=True,
    )
    previous_offset, index = -1, 0
    for number, column in enumerate(columns):
        offset, ms, ns, severity, text, service, host, shape, form, body, raw, attributes = column
        index = index + 1 if offset == previous_offset else 0
        previous_offset = offset
        trace_id, span_id = traces.get(number, (None, None))
        yield StoredLine(
            offset=offset,
            index=index,
            record_ms=ms,
            event=LogEvent(
                timestamp_ns=ns,
                body=body,
                severity_number=severity,
                severity_text=text,
                service=service,
                host=host,
                attributes=attributes or {},
                trace_id=trace_id,
                span_id=span_id,
            ),
            shape_id=shape,
            headline=headlines.get(number),
            raw=_unpack_raw(form, raw, body),
        )


def _pack_texts(lines: Sequence[StoredLine], codes: Sequence[int]) -> tuple[bytes, list[str]]:
    """Return how each line's raw text is kept, and the texts; `codes` number the shapes."""
    forms = bytearray()
    wholes: dict[int, str] = {}
    prefixes: list[str] = []
    for number, line in enumerate(lines):
        body, raw = line.event.body, line.raw
        if raw is None:
            forms.append(_RAW_ABSENT)
        elif raw.is_base64 or not raw.text.endswith(body):
            forms.append(_RAW_BASE64 if raw.is_base64 else _RAW_WHOLE)
            wholes[number] = raw.text
        else:
            forms.append(_RAW_PREFIX)
            prefixes.append(raw.text[: len(raw.text) - len(body)])
    texts: list[str] = []
    for number in _by_shape(codes):
        texts.append(lines[number].event.body)
        if number in wholes:
            texts.append(wholes[number])
    return bytes(forms), texts + prefixes


def _unpack_texts(packed: _Packed) -> tuple[list[str], list[str]]:
    """Return the body of each line, and what is kept of its raw text: '' for nothing.

    Raises:
        ValueError: there are more texts than lines have, or fewer.
    """
    texts, forms = packed.texts, packed.raw_forms
    if packed.version == _INTERLEAVED:
        return texts[::2], texts[1::2]
    kept = len(forms) - forms.count(_RAW_ABSENT)
    if len(packed.shape_ids.codes) != len(forms) or len(texts) != len(forms) + kept:
        raise ValueError("not a chunk piece")
    bodies, raws = [""] * len(forms), [""] * len(forms)
    following = iter(texts)
    for number in _by_shape(packed.shape_ids.codes):
        bodies[number] = next(following)
        if forms[number] in _KEPT_WHOLE:
            raws[number] = next(following)
    for number, form in enumerate(forms):
        if form == _RAW_PREFIX:
            raws[number] = next(following)
    return bodies, raws


def _by_shape(codes: Sequence[int]) -> list[int]:
    """Return the numbers of the lines by shape, those of a shape in order."""
    return sorted(range(len(codes)), key=codes.__getitem__)


def _unpack_raw(form: int, text: str, body: str) -> RawText | None:
    if form == _RAW_ABSENT:
        return None
    if form == _RAW_PREFIX:
        return RawText(text + body)
    return RawText(text, is_base64=form == _RAW_BASE64)


def _steps(values: Sequence[int]) -> list[int]:
    """Return each value minus the one before it; the first stays."""
    return [*map(sub, values, chain((0,), values))]


def _sums(steps: Iterable[int]) -> Iterator[int]:
    return accumulate(steps)


def _code(column: Sequence[_T]) -> _Coded[_T]:
    values = list(dict.fromkeys(column))
    numbers = {value: number for number, value in enumerate(values)}
    codes = [numbers[value] for value in column]
    return _Coded(values, bytes(codes) if len(values) <= _MAX_BYTE_CODES else codes)


def _decode(column: _Coded[_T]) -> Iterator[_T]:
    values = column.values
    return (values[code] for code in column.codes)


def piece_bounds(chunk_start: int, next_offset: int) -> list[tuple[int, int]]:
    """Return the [first, end) offsets of the pieces that cover a chunk up to `next_offset`.

    The pieces depend on `next_offset` alone, so an open chunk lies the same way however its
    records arrived: full pieces on the grids of 256 and 16 offsets, then the tail; one piece once
    the chunk is full.
    """
    end = min(next_offset, chunk_start + CHUNK_RECORDS)
    bounds = []
    position = chunk_start
    for grid in PIECE_GRIDS:
        while end - position >= grid:
            bounds.append((position, position + grid))
            position += grid
    if position < end:
        bounds.append((position, end))
    return bounds
