"""Dead letters as they lie on their topic, read back."""

from typing import Annotated, Final

import msgspec

from schemas.records import Headers, SourceRecord

HEADER_PREFIX: Final = "dlq."

# As Kafka has them; -1 milliseconds: the record had no time.
Partition = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
Offset = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Milliseconds = Annotated[int, msgspec.Meta(ge=-1, le=2**63 - 1)]


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A record of a dead letter topic, and what its headers say about the rejected one."""

    record: SourceRecord
    reason: str
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    is_truncated: bool

    @property
    def place(self) -> tuple[int, int]:
        """Return partition and offset of the rejected record."""
        return self.partition, self.offset


def parse_letter(record: SourceRecord) -> Letter | None:
    """Return the letter that the record is, None when its headers are not those of one."""
    if record.value is None:
        return None
    # Of two headers of one name the later is ours: the record may have had such a header itself.
    texts = {
        name: (value or b"").decode(errors="replace")
        for name, value in record.headers
        if name.startswith(HEADER_PREFIX)
    }
    try:
        return Letter(
            record=record,
            reason=texts["dlq.reason"],
            topic=texts["dlq.topic"],
            partition=msgspec.convert(texts["dlq.partition"], Partition, strict=False),
            offset=msgspec.convert(texts["dlq.offset"], Offset, strict=False),
            timestamp_ms=msgspec.convert(texts["dlq.timestamp_ms"], Milliseconds, strict=False),
            is_truncated=texts.get("dlq.truncated") == "true",
        )
    except (KeyError, msgspec.ValidationError):
        return None


def original_headers(headers: Headers) -> Headers:
    """Return the headers that the record had before it became a dead letter."""
    return tuple(header for header in headers if not header[0].startswith(HEADER_PREFIX))
