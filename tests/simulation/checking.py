"""What must be true at each commit, and in the end: nothing lost, repeated, altered or foreign."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from aiokafka import TopicPartition

from schemas.records import SourceRecord
from schemas.topics import dead_letter_topic
from streams.batch_delivery import to_source_record
from tests.simulation.kafka import FakeKafka
from tests.simulation.numbers import EMPTY, UNWRITABLE, NumbersHandler
from tests.simulation.statements import BLOCKS, GAPS, LETTERS, NUMBERS, OFFSETS
from tests.simulation.tables import Changes, Row, Tables


class Checker:
    """Collects what is wrong."""

    def __init__(self, places: Sequence[TopicPartition]) -> None:
        self._places = places
        self.violations: list[str] = []

    def watch(self, tables: Tables, client: UUID, changes: Changes) -> None:
        """Look at a transaction about to be committed."""
        for key, row in changes.items():
            if key[0] != OFFSETS or row is None:
                continue
            before = tables.rows.get(key)
            if before is None or row["next_offset"] == before["next_offset"]:
                continue
            if row["next_offset"] < before["next_offset"]:
                self.violations.append(f"{key}: went back to {row['next_offset']}")
            if row["writer"] != client:
                self.violations.append(f"{key}: advanced by {client}, it is {row['writer']}'s")

    def is_caught_up(self, kafka: FakeKafka, tables: Tables) -> bool:
        """Tell whether all records are stored, or recorded as lost to retention."""
        return all(
            _next_offset(tables, place) > kafka.logs[place].history[-1].offset
            for place in self._places
            if kafka.logs[place].history
        )

    def check(self, kafka: FakeKafka, tables: Tables) -> list[str]:
        """Compare what is stored with the records; return all that is wrong."""
        for place in self._places:
            self.violations += [f"{place}: {one}" for one in _differences(kafka, tables, place)]
        return self.violations


def _next_offset(tables: Tables, place: TopicPartition) -> int:
    row = tables.rows.get((OFFSETS, *place))
    return -1 if row is None else int(row["next_offset"])


def _differences(kafka: FakeKafka, tables: Tables, place: TopicPartition) -> list[str]:
    stored = tables.rows.get((OFFSETS, *place))
    if stored is None:
        return []
    log = kafka.logs[place]
    gaps = [(row["from_offset"], row["to_offset"]) for row in _rows(tables, GAPS, place)]
    found = [f"a gap that is none: {gap}" for gap in gaps if gap[1] > log.beginning]
    skipped = {offset for first, end in gaps for offset in range(first, end)}
    records = [
        to_source_record(one)
        for one in log.history
        if one.offset >= stored["first_offset"] and one.offset not in skipped
    ]
    found += _different_numbers(records, tables, place)
    return found + _different_letters(records, kafka, tables, place)


def _rows(tables: Tables, table: str, place: TopicPartition) -> list[Row]:
    return [row for key, row in tables.of(table) if key[1:3] == tuple(place)]


def _different_numbers(
    records: Sequence[SourceRecord], tables: Tables, place: TopicPartition
) -> list[str]:
    prepared = [NumbersHandler().prepare(one) for one in records]
    expected = Counter(
        (one.offset, one.number) for one in prepared if one.number not in (None, UNWRITABLE)
    )
    written = Counter(
        (row["offset"], row["number"])
        for _, row in tables.of(NUMBERS)
        if (row["topic"], row["partition"]) == tuple(place)
    )
    found = [f"lost {one}" for one in sorted((expected - written).elements())]
    found += [f"repeated or foreign {one}" for one in sorted((written - expected).elements())]
    blocks = [(row["records"], row["total"]) for row in _rows(tables, BLOCKS, place)]
    true_block = (len(records), sum(number or 0 for _, number in expected))
    if (blocks or [(0, 0)]) != [true_block]:
        found.append(f"blocks {blocks}, not {true_block}")
    return found


def _different_letters(
    records: Sequence[SourceRecord], kafka: FakeKafka, tables: Tables, place: TopicPartition
) -> list[str]:
    prepared = [NumbersHandler().prepare(one) for one in records]
    expected = {
        one.offset for one in prepared if one.number in (None, UNWRITABLE) and one.dropped != EMPTY
    }
    noted = {row["offset"] for row in _rows(tables, LETTERS, place)}
    found = [f"letters noted wrongly {sorted(noted ^ expected)}"] if noted != expected else []
    sent = {
        int(headers["dlq.offset"])
        for one in kafka.logs[TopicPartition(dead_letter_topic(place.topic), 0)].history
        if (headers := dict(one.headers))["dlq.partition"] == str(place.partition).encode()
    }
    if not expected <= sent:
        found.append(f"letters never sent {sorted(expected - sent)}")
    return found
