"""What is counted for a block (65,536 offsets of one partition): a function of its records."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import groupby
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
# Service, minute, severity number and shape id.
_GroupKey: TypeAlias = tuple[str | None, int, int, int]


class MinuteTally(msgspec.Struct, kw_only=True):
    """Lines of one service in one minute of event time.

    `late` of them are of records that reached Kafka more than a window after their window's end.
    """

    first_event_ns: int
    last_event_ns: int
    late: int = 0
    kinds: Counter[LineKind] = msgspec.field(default_factory=Counter)

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

    def add(self, records: Iterable[PreparedRecord]) -> None:
        """Count records and their lines."""
        # Lines that count for the same numbers, in order of the first of each group.
        groups: defaultdict[_GroupKey, list[PreparedLine]] = defaultdict(list)
        for record in records:
            self.records += 1
            if record.dropped is not None:
                self.dropped[record.dropped] += 1
            if record.rejection is not None:
                self.dead_lettered[record.rejection.reason] += 1
            for line in record.lines:
                stored, event = line.stored, line.stored.event
                minute = event.timestamp_ns // MINUTE_NS
                groups[event.service, minute, event.severity_number, stored.shape_id].append(line)
        for (service, minute, severity_number, _), lines in groups.items():
            self._add_group((service_key(service), minute), severity_number, lines)

    def _add_group(self, key: MinuteKey, severity_number: int, lines: list[PreparedLine]) -> None:
        self.events += len(lines)
        times = [line.stored.event.timestamp_ns for line in lines]
        first_ns, last_ns = min(times), max(times)
        shape_id = lines[0].stored.shape_id
        tally = MinuteTally(
            first_event_ns=first_ns,
            last_event_ns=last_ns,
            late=_count_late(lines, first_ns, self.window_ns),
            kinds=Counter({(shape_id, severity_number): len(lines)}),
        )
        minute = self.minutes.setdefault(key, tally)
        if minute is not tally:
            minute.merge(tally)
        self._add_sighting(key[0], lines, first_ns, last_ns)

    def _add_sighting(
        self, service: str, lines: list[PreparedLine], first_ns: int, last_ns: int
    ) -> None:
        line = lines[0]
        seen = self.shapes.get(line.stored.shape_id)
        if seen is not None:
            # Groups come in order of their first lines, so the example stays.
            seen.lines += len(lines)
            seen.first_event_ns = min(seen.first_event_ns, first_ns)
            seen.last_event_ns = max(seen.last_event_ns, last_ns)
            return
        self.shapes[line.stored.shape_id] = ShapeSighting(
            service=service,
            shape=line.shape,
            lines=len(lines),
            first_event_ns=first_ns,
            last_event_ns=last_ns,
            example_offset=line.stored.offset,
            example_index=line.stored.index,
            example=line.stored.event.body[:MAX_EXAMPLE_CHARACTERS],
        )


def _count_late(lines: list[PreparedLine], first_ns: int, window_ns: int) -> int:
    newest_ms = max(line.stored.record_ms for line in lines)
    # No window begins a whole width before its lines: mostly none can be late.
    if newest_ms * NS_PER_MS <= first_ns + window_ns:
        return 0
    return sum(
        is_late(line.stored.event.timestamp_ns, line.stored.record_ms, window_ns) for line in lines
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
    tallies = []
    for block, of_block in groupby(records, key=lambda record: block_of(record.offset)):
        tally = BlockTally(block, window_ns)
        tally.add(of_block)
        tallies.append(tally)
    return tallies
