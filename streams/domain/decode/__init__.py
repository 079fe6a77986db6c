"""Records into events: every shipper's and logger's format, without configuration."""

from streams.domain.decode.dispatch import Decoded, decode_record

__all__ = ["Decoded", "decode_record"]
