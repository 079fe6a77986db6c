"""`aiops try summary`: Kafka records in, the summary of each service and window out."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Final

import click
import msgspec

from aiops.workbench.input_records import InputError, error_line, parse_record
from schemas.records import SourceRecord
from streams.domain.decode import decode_record
from streams.domain.summaries import encode_summary
from streams.domain.summaries.from_lines import SourceLine, summarize_lines
from streams.domain.windows import parse_width

_ENCODER: Final = msgspec.json.Encoder()
_NS_PER_MS: Final = 1_000_000


def _width_ns(_: click.Context, __: click.Parameter, text: str) -> int:
    try:
        return parse_width(text)
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc


@click.command()
@click.option(
    "--window", default="5m", show_default=True, callback=_width_ns, help="30s, 5m, 1h ..."
)
def command(window: int) -> None:
    """Read records as JSON Lines from stdin, write one summary a service and window.

    Records with the same topic, partition and offset are one, the first counts. Lines that are no
    record come first, as errors.
    """
    lines: list[SourceLine] = []
    for item in _events(sys.stdin.buffer):
        if isinstance(item, SourceLine):
            lines.append(item)
        else:
            _write(_ENCODER.encode(error_line(item)))
    for summary in summarize_lines(lines, window):
        _write(encode_summary(summary))


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")


def _events(lines: Iterable[bytes]) -> Iterator[SourceLine | InputError]:
    """Yield the events of each record once, and the errors of lines that are no record."""
    now_ms = time.time_ns() // _NS_PER_MS
    seen: set[tuple[str, int, int]] = set()
    for position, line in enumerate(lines):
        try:
            record = parse_record(line, position=position)
        except InputError as exc:
            yield exc
            continue
        place = (record.topic, record.partition, record.offset)
        if place not in seen:
            seen.add(place)
            yield from _source_lines(record, now_ms)


def _source_lines(record: SourceRecord, now_ms: int) -> Iterator[SourceLine]:
    for index, event in enumerate(decode_record(record, fallback_ms=now_ms).events):
        yield SourceLine(
            timestamp_ns=event.timestamp_ns,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            event_index=index,
            severity_number=event.severity_number,
            body=event.body,
            service=event.service,
            record_ns=max(record.timestamp_ms, 0) * _NS_PER_MS,
        )
