"""Lines as many programs write them: what is read of each, and which of them are one template.

A sample is `= SEVERITY | service | time of the first | template`, then its records: `> ` begins
one, `. ` goes on with it. `-` is no service; a record without a time of its own has Kafka's.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from schemas.events import LogEvent
from schemas.severity import severity_name
from streams.domain.decode.times import match_iso
from streams.domain.templates import ResolvedTemplate, ShapeCache, TemplateSet, shape_id
from tests.unit.streams.domain.decode.builders import event_of

FOLDER = Path(__file__).resolve().parents[3] / "samples/lines"
KINDS = sorted(path.stem for path in FOLDER.glob("*.txt"))
RECORD_MS = 1773478800000
"""2026-03-14T09:00:00Z."""
RECORDS = 491


class Sample(NamedTuple):
    """Records of one statement, and what must be read of them."""

    severity: str
    service: str | None
    first_time: str
    template: str
    records: list[str]


def read_samples(kind: str) -> list[Sample]:
    samples: list[Sample] = []
    for line in (FOLDER / f"{kind}.txt").read_text(encoding="utf-8").splitlines():
        mark, text = line[:2], line[2:]
        if mark == "= ":
            severity, service, first_time, template = text.split(" | ", 3)
            named = None if service == "-" else service
            samples.append(Sample(severity, named, first_time, template, []))
        elif mark == "> ":
            samples[-1].records.append(text)
        else:
            assert mark == ". "
            samples[-1].records[-1] += f"\n{text}"
    return samples


def read_events(sample: Sample) -> list[LogEvent]:
    return [event_of(record, timestamp_ms=RECORD_MS) for record in sample.records]


def shaped(events: Iterable[LogEvent]) -> Iterator[tuple[str | None, str, int]]:
    cache = ShapeCache()
    for event in events:
        shape = cache.shape(event.body)
        yield event.service, shape, shape_id(event.service, shape)


def resolved(events: Sequence[LogEvent]) -> list[ResolvedTemplate]:
    """Return the template of each event, as its service's lines make it."""
    sets: defaultdict[str | None, TemplateSet] = defaultdict(TemplateSet)
    shapes = list(shaped(events))
    for service, shape, identity in shapes:
        sets[service].add(identity, shape)
    return [sets[service].resolve()[identity] for service, _, identity in shapes]


def test_the_samples_are_whole() -> None:
    assert len(KINDS) == 18
    assert sum(len(s.records) for kind in KINDS for s in read_samples(kind)) == RECORDS


@pytest.mark.parametrize("kind", KINDS)
def test_severity_and_service_are_read(kind: str) -> None:
    for sample in read_samples(kind):
        for event in read_events(sample):
            found = severity_name(event.severity_number), event.service

            assert found == (sample.severity, sample.service), event.body


@pytest.mark.parametrize("kind", KINDS)
def test_the_time_is_read(kind: str) -> None:
    for sample in read_samples(kind):
        timed = match_iso(sample.first_time)

        assert timed is not None
        assert read_events(sample)[0].timestamp_ns == timed[0].ns, sample.records[0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_records_of_a_statement_are_one_template_and_no_others(kind: str) -> None:
    samples = read_samples(kind)
    templates = resolved([event for sample in samples for event in read_events(sample)])
    statements = [sample.template for sample in samples for _ in sample.records]
    groups: defaultdict[str, set[ResolvedTemplate]] = defaultdict(set)
    for statement, template in zip(statements, templates, strict=True):
        groups[statement].add(template)

    assert {s: {t.text for t in found} for s, found in groups.items()} == {s: {s} for s in groups}
    assert all(len(found) == 1 for found in groups.values())


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_records_changes_no_template(kind: str) -> None:
    events = [event for sample in read_samples(kind) for event in read_events(sample)]
    expected = resolved(events)
    order = list(range(len(events)))
    for seed in range(5):
        random.Random(seed).shuffle(order)
        found = resolved([events[index] for index in order])

        assert [found[order.index(index)] for index in range(len(events))] == expected
