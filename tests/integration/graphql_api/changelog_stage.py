"""What the tests of changelogs share: say something as the stream does, read what it made of it."""

import json
from collections.abc import Sequence
from typing import Any

from schemas.db.pool import Connection
from streams.changelog_writer import ChangelogWriter
from streams.offsets import OffsetSpan
from streams.store.commits import append_statements
from tests.commit_records import TOPIC, Payload, prepare_payloads


async def say(
    connection: Connection, writer: ChangelogWriter, payloads: Sequence[Payload], first: int = 0
) -> None:
    """Store what payloads say, and the changelogs made of it, as the workers do."""
    span = OffsetSpan(topic=TOPIC, partition=0, first=first, end=first + len(payloads))
    async with connection.transaction():
        await append_statements(connection, span, prepare_payloads(payloads, first_offset=first))
    await writer.run_cycle()


async def document_of(connection: Connection, release: str) -> dict[str, Any]:
    """Return the stored document of a release, '' for what is not released."""
    stored = await connection.fetchval(
        "SELECT document FROM changelogs WHERE release = $1", release
    )
    document: dict[str, Any] = json.loads(stored)
    return document
