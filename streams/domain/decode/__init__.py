"""Records into events: every shipper's and logger's format, without configuration."""

from streams.domain.decode.dispatch import (
    Decoded,
    decode_by_formats,
    decode_record,
    read_plain_record,
    record_time_ms,
)

__all__ = [
    "Decoded",
    "decode_by_formats",
    "decode_record",
    "read_plain_record",
    "record_time_ms",
]
