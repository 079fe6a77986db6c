"""Input lines of the workbench that stand for Kafka records."""

import base64
import binascii
from typing import Annotated, Any, Final

import msgspec

from schemas.records import SourceRecord

DEFAULT_TOPIC: Final = "logs.raw"
MAX_GENERATED_CHARS: Final = 64 * 1024 * 1024


class InputError(ValueError):
    """An input line that stands for no record."""


class ValueGenerator(msgspec.Struct, frozen=True, kw_only=True):
    """A long value, described: prefix, repeated part, suffix."""

    prefix: str = ""
    repeat: str = ""
    count: Annotated[int, msgspec.Meta(ge=0)] = 0
    suffix: str = ""

    def text(self) -> str:
        """Return the value."""
        if len(self.repeat) * self.count > MAX_GENERATED_CHARS:
            raise InputError(f"value_gen is longer than {MAX_GENERATED_CHARS} characters")
        return self.prefix + self.repeat * self.count + self.suffix


class InputRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One input line; members that are not listed here are ignored."""

    value: str | None = None
    value_b64: str | None = None
    value_gen: ValueGenerator | None = None
    key: str | None = None
    headers: dict[str, str | None] | None = None
    record_timestamp_ms: int | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None


_DECODER: Final = msgspec.json.Decoder(InputRecord)


def parse_record(line: bytes | str, *, position: int) -> SourceRecord:
    """Return the record of an input line; `position` is its offset if it names none.

    Raises:
        InputError: the line stands for no record.
    """
    try:
        given = _DECODER.decode(line)
    except msgspec.MsgspecError as exc:
        raise InputError(str(exc)) from exc
    except (UnicodeError, RecursionError) as exc:
        raise InputError(f"not readable as JSON: {exc}") from exc
    headers = (given.headers or {}).items()
    return SourceRecord(
        topic=given.topic or DEFAULT_TOPIC,
        partition=given.partition or 0,
        offset=position if given.offset is None else given.offset,
        value=_value_of(given),
        key=None if given.key is None else given.key.encode(),
        headers=tuple((name, (value or "").encode()) for name, value in headers),
        timestamp_ms=-1 if given.record_timestamp_ms is None else given.record_timestamp_ms,
    )


def _value_of(given: InputRecord) -> bytes | None:
    if given.value_gen is not None:
        return given.value_gen.text().encode()
    if given.value_b64 is not None:
        try:
            return base64.b64decode(given.value_b64, validate=True)
        except (binascii.Error, ValueError) as exc:
            raise InputError(f"value_b64: {exc}") from exc
    return None if given.value is None else given.value.encode()


def error_line(problem: Exception) -> dict[str, Any]:
    """Return what is printed in the place of a line that could not be read."""
    return {"error": str(problem)}
