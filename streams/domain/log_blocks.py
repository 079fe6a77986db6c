"""What is counted for a block (65,536 offsets of one partition): a function of its records."""

from collections import Counter
from collections.abc import Iterable
from typing import Final, TypeAlias

import msgspec

from schemas.ids import block_of
from streams.domain.log_lines import PreparedLine, PreparedRecord
from streams.domain.windows import MINUTE_NS, window_start

NS_PER_MS: Final = 1_000_000
MAX_EXAMPLE_CHARACTERS: Final = 2_048
# Part of an index key in Postgres, which takes no more than 2,704 bytes.
MAX_SERVICE_CHARACTERS: Final = 200

# Service or '', and minutes since 1970.
MinuteKey: TypeAlias = tuple[str, int]
# Shape id and severity number.
LineKind: TypeAlias = tuple[int, int]


class MinuteTally(msgspec.Struct, kw_only=True):
    """Lines of one service in one minute of event time.

    `late` of them are of records that reached Kafka more than a window after their window's end.
    """

    first_event_ns: int
    last_event_ns: int
    late: int = 0
    kinds: Counter[LineKind] = msgspec.field(default_factory=Counter)

    def add(self, kind: LineKind, timestamp_ns: int) -> None:
        """Count one more line."""
        self.kinds[kind] += 1
        self.first_event_ns = min(self.first_event_ns, timestamp_ns)
        self.last_event_ns = max(self.last_event_ns, timestamp_ns)

    def merge(self, other: "MinuteTally") -> None:
        """Add the counts of other lines of the same minute."""
        self.kinds.update(other.kinds)
        self.late += other.late
        self.first_event_ns = min(self.first_event_ns, other.first_event_ns)
        self.last_event_ns = max(self.last_event_ns, other.last_event_ns)


class ShapeSighting(msgspec.Struct, kw_only=True):
    """A shape in a block: how many lines, from when to when, and the line of the lowest offset."""

    service: str
    shape: str
    lines: int
    first_event_ns: int
    last_event_ns: int
    example_offset: int
    example_index: int
    example: str

    def add(self, timestamp_ns: int) -> None:
        """Count one more line; lines come in order of offset, so the example stays."""
        self.lines += 1
        self.first_event_ns = min(self.first_event_ns, timestamp_ns)
        self.last_event_ns = max(self.last_event_ns, timestamp_ns)


class BlockTally:
    """Counts over records of one block, added in order of offset."""

    def __init__(self, block: int, window_ns: int) -> None:
        self.block = block
        self.window_ns = window_ns
        self.records = 0
        self.events = 0
        self.dropped: Counter[str] = Counter()
        self.dead_lettered: Counter[str] = Counter()
        self.minutes: dict[MinuteKey, MinuteTally] = {}
        self.shapes: dict[int, ShapeSighting] = {}

    def add(self, prepared: PreparedRecord) -> None:
        """Count one record and its lines."""
        self.records += 1
        self.events += len(prepared.lines)
        if prepared.dropped is not None:
            self.dropped[prepared.dropped] += 1
        if prepared.rejection is not None:
            self.dead_lettered[prepared.rejection.reason] += 1
        for line in prepared.lines:
            self._add_line(line)

    def _add_line(self, line: PreparedLine) -> None:
        stored, event = line.stored, line.stored.event
        service = service_key(event.service)
        key = (service, event.timestamp_ns // MINUTE_NS)
        minute = self.minutes.get(key)
        if minute is None:
            minute = self.minutes[key] = MinuteTally(
                first_event_ns=event.timestamp_ns, last_event_ns=event.timestamp_ns
            )
        minute.add((stored.shape_id, event.severity_number), event.timestamp_ns)
        if is_late(event.timestamp_ns, stored.record_ms, self.window_ns):
            minute.late += 1
        sighting = self.shapes.get(stored.shape_id)
        if sighting is not None:
            sighting.add(event.timestamp_ns)
            return
        self.shapes[stored.shape_id] = ShapeSighting(
            service=service,
            shape=line.shape,
            lines=1,
            first_event_ns=event.timestamp_ns,
            last_event_ns=event.timestamp_ns,
            example_offset=stored.offset,
            example_index=stored.index,
            example=event.body[:MAX_EXAMPLE_CHARACTERS],
        )


def is_late(event_ns: int, record_ms: int, window_ns: int) -> bool:
    """Tell whether the record came more than a window after the event's window had ended."""
    return record_ms * NS_PER_MS > window_start(event_ns, window_ns) + 2 * window_ns


def service_key(service: str | None) -> str:
    """Return the text that stands for a service in keys: '' for none, cut, without NUL."""
    if service is None:
        return ""
    return service[:MAX_SERVICE_CHARACTERS].replace("\0", "")


def tally_blocks(records: Iterable[PreparedRecord], window_ns: int) -> list[BlockTally]:
    """Return the tallies of the blocks the records lie in; records come in order of offset."""
    tallies: dict[int, BlockTally] = {}
    for prepared in records:
        block = block_of(prepared.offset)
        tally = tallies.get(block)
        if tally is None:
            tally = tallies[block] = BlockTally(block, window_ns)
        tally.add(prepared)
    return list(tallies.values())
