"""What one level of a record says: a transport's envelope, or the line inside it."""

from typing import Final

import msgspec

from schemas.events import JsonValue

Attributes = dict[str, JsonValue]
Ranked = tuple[int, str]
"""A name with the rank of the rule that found it; the lowest rank wins."""


class Moment(msgspec.Struct, frozen=True, gc=False):
    """A time as it was written.

    `ns` counts from 1970-01-01 UTC, a time without a zone being read as UTC. When `month` is not
    0 the year is unknown: then `ns` counts from midnight and (`month`, `day`) is the date.
    """

    ns: int
    text: str
    is_zoned: bool = True
    has_fraction: bool = True
    month: int = 0
    day: int = 0


class Severity(msgspec.Struct, frozen=True, gc=False):
    """An OpenTelemetry severity number and the source's own word for it."""

    number: int
    text: str | None = None


class Level(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One level of a record, before the levels are merged.

    `applied` is the application's or an unzoned syslog time, `emitted` the stamps of the transport
    (`runtime_stamp`, that of the container runtime, is the best of them), `collected` the time of
    collection. `weak_severity` counts only if no level has a severity of its own.
    `promoted` is an object that stands where the body is expected: the next level.
    """

    body: str | None = None
    severity: Severity | None = None
    weak_severity: Severity | None = None
    applied: Moment | None = None
    runtime_stamp: Moment | None = None
    emitted: tuple[Moment, ...] = ()
    collected: Moment | None = None
    service: Ranked | None = None
    host: Ranked | None = None
    has_container: bool = False
    trace_id: str | None = None
    span_id: str | None = None
    attributes: Attributes = {}
    promoted: dict[str, JsonValue] | None = None
    is_exception: bool = False
    is_sealed: bool = False


MAX_UNWRAPPED: Final = 3
"""How many levels below the outermost one are looked into."""
