"""Which of a record's times is the event's: classes A to F of the candidates."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from streams.domain.decode.levels import Level, Moment
from streams.domain.decode.times import DAY_NS, SECOND_NS, YEAR_2000_NS, date_ns

_MINUTES_AHEAD_NS: Final = 5 * 60 * SECOND_NS
MS_NS: Final = 1_000_000


class Reference(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the Kafka record itself says, for events that do not say it better.

    `ns` is the record's timestamp, or the clock when the record has none.
    """

    ns: int
    service: str | None = None
    host: str | None = None
    trace_id: str | None = None
    span_id: str | None = None


def choose_time(levels: list[Level], reference: Reference) -> tuple[int, str | None]:
    """Return the event time, and the text of the first candidate that was rejected for it."""
    latest = reference.ns + DAY_NS
    rejected: str | None = None
    for level in reversed(levels):
        applied = level.applied
        if applied is None or not applied.is_zoned:
            continue
        if YEAR_2000_NS <= applied.ns <= latest:
            return _refined(applied, levels, latest), rejected
        rejected = rejected or applied.text
    for moment in _emitted(levels):
        if YEAR_2000_NS <= moment.ns <= latest:
            return moment.ns, rejected
        rejected = rejected or moment.text
    return _choose_unzoned(levels, reference, rejected)


def _choose_unzoned(
    levels: list[Level], reference: Reference, rejected: str | None
) -> tuple[int, str | None]:
    """Classes C to F: a time without a zone must not be later than the line was collected."""
    collected = [level.collected for level in levels if level.collected is not None]
    latest = reference.ns + DAY_NS
    valid = next((moment for moment in collected if YEAR_2000_NS <= moment.ns <= latest), None)
    reference_ns = reference.ns if valid is None else valid.ns
    for moment in _unzoned(levels):
        ns = _in_year(moment, reference_ns) if moment.month else moment.ns
        if ns is not None and YEAR_2000_NS <= ns <= reference_ns + _MINUTES_AHEAD_NS:
            return ns, rejected
        rejected = rejected or moment.text
    if valid is None and collected:
        rejected = rejected or collected[0].text
    return reference_ns, rejected


def _unzoned(levels: list[Level]) -> Iterator[Moment]:
    """Application times without a zone, the innermost first."""
    for level in reversed(levels):
        if level.applied is not None and not level.applied.is_zoned:
            yield level.applied


def _emitted(levels: list[Level]) -> Iterator[Moment]:
    """The transport's stamps: the container runtime's first, then from the outside in."""
    for level in levels:
        if level.runtime_stamp is not None:
            yield level.runtime_stamp
    for level in levels:
        yield from level.emitted


def _refined(moment: Moment, levels: list[Level], latest: int) -> int:
    """A time in whole seconds gives way to the transport's finer stamp of the same second."""
    if moment.has_fraction:
        return moment.ns
    for emitted in _emitted(levels):
        if YEAR_2000_NS <= emitted.ns <= latest:
            is_same = emitted.ns // SECOND_NS == moment.ns // SECOND_NS
            return emitted.ns if is_same else moment.ns
    return moment.ns


def _in_year(moment: Moment, reference_ns: int) -> int | None:
    """A time without a year: in the latest year that is at most a day after the reference."""
    seconds = min(max(reference_ns // SECOND_NS, 0), _MAX_SECONDS)
    year = datetime.fromtimestamp(seconds, UTC).year
    for candidate in (year + 1, year, year - 1):
        day = date_ns(candidate, moment.month, moment.day)
        if day is not None and day + moment.ns <= reference_ns + DAY_NS:
            return day + moment.ns
    return None


_MAX_SECONDS: Final = 253_000_000_000
"""Within the year 9987, so that the next year still exists."""
