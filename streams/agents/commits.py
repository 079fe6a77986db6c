"""The commits stream: record -> statements about repositories."""

from collections.abc import Sequence

from schemas.db.pool import Connection
from schemas.records import Rejection, SourceRecord
from streams.domain.commits.prepared import PreparedCommits, prepare_commits
from streams.offsets import OffsetSpan
from streams.store.commits import append_statements, replace_statements


class CommitsHandler:
    """Prepares commit records and writes them; changelogs are made by the finalizer."""

    def prepare(self, record: SourceRecord) -> PreparedCommits:
        """Return the statements of the record, or why there are none."""
        return prepare_commits(record)

    def reject(self, record: SourceRecord, rejection: Rejection) -> PreparedCommits:
        """Return the record as rejected."""
        return PreparedCommits(record=record, rejection=rejection)

    def newest_event_ns(self, records: Sequence[PreparedCommits]) -> int:
        """Return 0: commits close no window."""
        return 0

    async def append(
        self, connection: Connection, span: OffsetSpan, records: Sequence[PreparedCommits]
    ) -> None:
        """Write the statements of records never stored before."""
        await append_statements(connection, span, records)

    async def replace(
        self, connection: Connection, span: OffsetSpan, records: Sequence[PreparedCommits]
    ) -> bool:
        """Write a block in place of what is stored for it; tell whether anything differs."""
        return await replace_statements(connection, span, records)
