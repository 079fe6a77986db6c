"""Sends lines of files or a git repository onto the topics."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import click
import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from aiops.git_history import count_commits, read_commits, read_tags
from schemas.errors import TransientError
from schemas.events import CommitEvent, TagEvent
from schemas.topics import MAX_RECORD_BYTES

BATCH_BYTES: Final = 256 * 1024
LINGER_MS: Final = 20
MAX_UNACKNOWLEDGED: Final = 20_000


class Outgoing(NamedTuple):
    """A record to send."""

    value: bytes
    key: bytes | None = None


class LineReader:
    """Reads lines of files and tells how many bytes it has read."""

    def __init__(self, names: Iterable[str], stdin: BinaryIO) -> None:
        self._names = list(names)
        self._stdin = stdin
        self.read_bytes = 0

    @property
    def total_bytes(self) -> int:
        """All bytes there are to read, 0 where standard input is among them: nobody knows."""
        if "-" in self._names:
            return 0
        return sum(Path(name).stat().st_size for name in self._names)

    def records(self) -> Iterator[Outgoing]:
        """Yield each line without its end as a record; empty ones are left out."""
        for name in self._names:
            if name == "-":
                yield from self._records_of(self._stdin)
            else:
                with Path(name).open("rb") as file:
                    yield from self._records_of(file)

    def _records_of(self, file: BinaryIO) -> Iterator[Outgoing]:
        for line in file:
            self.read_bytes += len(line)
            stripped = line.rstrip(b"\r\n")
            if stripped:
                yield Outgoing(stripped)


class RepositoryReader:
    """Reads the commits and tags of a git repository as records keyed by the repository's name."""

    def __init__(self, path: Path, name: str, since: str | None) -> None:
        self._path = path
        self._name = name
        self._since = since
        self.read_count = 0

    @property
    def total_count(self) -> int:
        """How many commits and tags there are.

        Raises:
            GitError: not a repository, no commit in it, or no such tag.
        """
        return count_commits(self._path, self._since) + len(read_tags(self._path, self._name))

    def records(self) -> Iterator[Outgoing]:
        """Yield a record for each commit, then for each tag; sending them again changes nothing.

        Raises:
            GitError: not a repository, no commit in it, or no such tag.
        """
        for commit in read_commits(self._path, self._name, self._since):
            yield self._outgoing(commit_payload(commit))
        for tag in read_tags(self._path, self._name):
            yield self._outgoing(tag_payload(tag))

    def _outgoing(self, payload: dict[str, object]) -> Outgoing:
        self.read_count += 1
        return Outgoing(msgspec.json.encode(payload), self._name.encode())


def commit_payload(commit: CommitEvent) -> dict[str, object]:
    """Return the commit in the JSON that the commits topic takes."""
    return {
        "kind": "commit",
        "repository": commit.repository,
        "sha": commit.sha,
        "parents": commit.parents,
        "author": commit.author,
        "date": _date(commit.timestamp_s),
        "message": commit.message,
        "files": commit.files,
    }


def tag_payload(tag: TagEvent) -> dict[str, object]:
    """Return the tag in the JSON that the commits topic takes."""
    return {
        "kind": "tag",
        "repository": tag.repository,
        "name": tag.name,
        "sha": tag.sha,
        "date": _date(tag.timestamp_s),
    }


def _date(timestamp_s: int | None) -> str | None:
    return None if timestamp_s is None else datetime.fromtimestamp(timestamp_s, UTC).isoformat()


async def produce_records(
    bootstrap: str,
    topic: str,
    records: Iterable[Outgoing],
    *,
    total: int,
    progress: Callable[[], int],
) -> int:
    """Produce the records, with a progress bar on a terminal; return how many.

    `progress` tells how far of `total` (0: unknown) the reading is. Returns when the broker has
    acknowledged them all.

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
            with click.progressbar(
                length=total, label=f"sending to {topic}", hidden=not total
            ) as bar:
                return await _produce_all(
                    producer, topic, records, lambda: bar.update(progress() - bar.pos)
                )
        finally:
            await producer.stop()
    except KafkaError as exc:
        raise TransientError(f"Kafka at {bootstrap} did not take the records: {exc!r}") from exc


async def _produce_all(
    producer: AIOKafkaProducer,
    topic: str,
    records: Iterable[Outgoing],
    show_progress: Callable[[], None],
) -> int:
    waiting: deque[Awaitable[object]] = deque()
    sent = 0
    for record in records:
        waiting.append(await producer.send(topic, record.value, key=record.key))
        sent += 1
        show_progress()
        if len(waiting) > MAX_UNACKNOWLEDGED:
            await waiting.popleft()
    while waiting:
        await waiting.popleft()
    return sent
