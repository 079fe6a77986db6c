"""Quix Streams with its PostgreSQL sink, a row a line: run by `bench.peers` in an own environment.

Quix Streams wants an older confluent-kafka than this project: it is no dependency of ours.
"""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from quixstreams import Application, message_context  # type: ignore[import-not-found]
from quixstreams.sinks.community.postgresql import PostgreSQLSink  # type: ignore[import-not-found]

BATCH_RECORDS = 5_000


def row_of(value: bytes, _key: object, timestamp_ms: int, _headers: object) -> dict[str, Any]:
    """Return the columns of `peer_rows`."""
    event_time, level, body = value.decode().split(" ", 2)
    context = message_context()
    return {
        "partition": context.partition,
        "offset": context.offset,
        "record_ms": timestamp_ms,
        "event_time": event_time,
        "level": level,
        "body": body,
    }


def main() -> None:
    bootstrap, dsn, topic = sys.argv[1:]
    address = urlsplit(dsn)
    app = Application(
        bootstrap,
        consumer_group=f"{topic}.quix",
        auto_offset_reset="earliest",
        auto_create_topics=False,
        commit_every=BATCH_RECORDS,
        state_dir=Path(sys.prefix) / "state",
        loglevel="WARNING",
    )
    sink = PostgreSQLSink(
        host=address.hostname,
        port=address.port,
        dbname=address.path.lstrip("/"),
        user=address.username,
        password=address.password or "",
        table_name="peer_rows",
        schema_auto_update=False,
        on_conflict_do_nothing=True,
        include_metadata=False,
    )
    app.dataframe(app.topic(topic, value_deserializer="bytes")).apply(row_of, metadata=True).sink(
        sink
    )
    app.run()


main()
