"""Sends files, standard input or a git repository onto the topics."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import click
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.errors import TransientError
from schemas.topics import MAX_RECORD_BYTES

BATCH_BYTES: Final = 256 * 1024
LINGER_MS: Final = 20


class LineReader:
    """Reads lines of files and tells how many bytes it has read."""

    def __init__(self, names: Iterable[str], stdin: BinaryIO) -> None:
        self._names = list(names)
        self._stdin = stdin
        self.read_bytes = 0

    @property
    def total_bytes(self) -> int | None:
        """All bytes there are to read, None where standard input is among them."""
        if "-" in self._names:
            return None
        return sum(Path(name).stat().st_size for name in self._names)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines without their ends; empty ones are left out."""
        for name in self._names:
            if name == "-":
                yield from self._lines_of(self._stdin)
            else:
                with Path(name).open("rb") as file:
                    yield from self._lines_of(file)

    def _lines_of(self, file: BinaryIO) -> Iterator[bytes]:
        for line in file:
            self.read_bytes += len(line)
            stripped = line.rstrip(b"\r\n")
            if stripped:
                yield stripped


async def produce_lines(bootstrap: str, topic: str, reader: LineReader) -> int:
    """Produce each line as a record, with a progress bar on a terminal; return how many.

    Returns when the broker has acknowledged them all.

    Raises:
        TransientError: the broker does not answer or refused a record.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        compression_type="lz4",
        linger_ms=LINGER_MS,
        max_batch_size=BATCH_BYTES,
        max_request_size=MAX_RECORD_BYTES,
    )
    try:
        try:
            await producer.start()
            return await _produce_all(producer, topic, reader)
        finally:
            await producer.stop()
    except KafkaError as exc:
        raise TransientError(f"Kafka at {bootstrap} did not take the records: {exc!r}") from exc


async def _produce_all(producer: AIOKafkaProducer, topic: str, reader: LineReader) -> int:
    sent = 0
    last = None
    with click.progressbar(
        length=reader.total_bytes or 0, label=f"sending to {topic}", hidden=not reader.total_bytes
    ) as bar:
        shown = 0
        for line in reader.lines():
            last = await producer.send(topic, line)
            sent += 1
            bar.update(reader.read_bytes - shown)
            shown = reader.read_bytes
    await producer.flush()
    if last is not None:
        await last
    return sent
