"""Record coordinates <-> opaque ids.

An id is known as soon as Kafka acknowledges a produce, is the same after a replay and needs no
look-up table: it is the record's coordinates, packed, in URL-safe base64 without padding.
"""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Final

import msgspec

BLOCK_RECORDS: Final = 65_536
CHUNK_RECORDS: Final = 4_096

_VERSION: Final = 1
_HEAD: Final = struct.Struct(">BIQH")
_MAX_ID_LENGTH: Final = 400


class InvalidIdError(ValueError):
    """The text is not an id this service has ever given out."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__("not a valid id")


class RecordId(msgspec.Struct, frozen=True, order=True, gc=False):
    """Where an event came from: its record, and its index within the record."""

    topic: str
    partition: int
    offset: int
    index: int = 0


def encode_record_id(record_id: RecordId) -> str:
    """Return the opaque text of a record's coordinates.

    Raises:
        ValueError: a coordinate is negative or too large to pack.
    """
    try:
        head = _HEAD.pack(_VERSION, record_id.partition, record_id.offset, record_id.index)
    except struct.error as exc:
        raise ValueError(f"{record_id} is out of range") from exc
    return urlsafe_b64encode(head + record_id.topic.encode()).rstrip(b"=").decode("ascii")


def decode_record_id(text: str) -> RecordId:
    """Return the coordinates packed into `text`.

    Raises:
        InvalidIdError: `text` is not an id; only the canonical spelling is one.
    """
    if len(text) > _MAX_ID_LENGTH:
        raise InvalidIdError(text)
    try:
        packed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        version, partition, offset, index = _HEAD.unpack_from(packed)
        topic = packed[_HEAD.size :].decode()
    except (Base64Error, struct.error, UnicodeError, ValueError) as exc:
        raise InvalidIdError(text) from exc
    record_id = RecordId(topic, partition, offset, index)
    if version != _VERSION or not topic or encode_record_id(record_id) != text:
        raise InvalidIdError(text)
    return record_id


def block_of(offset: int) -> int:
    """Return the number of the block of 65,536 offsets that holds `offset`."""
    return offset // BLOCK_RECORDS


def chunk_of(offset: int) -> int:
    """Return the number of the chunk of 4,096 offsets that holds `offset`."""
    return offset // CHUNK_RECORDS
