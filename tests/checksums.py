"""Checksums of the derived tables, to tell whether two ways of writing gave the same."""

from typing import Final

import msgspec

from schemas.db.pool import Connection

# The derived tables with their bookkeeping columns: those tell when and how often something was
# written, by whom, and are no function of the records.
BOOKKEEPING: Final[dict[str, tuple[str, ...]]] = {
    "stream_offsets": ("topic_id", "writer", "updated_at"),
    "dead_letters": ("first_failed_at", "redriven_at"),
    "log_blocks": ("shelf",),
    "log_chunks": ("shelf",),
    "log_counts": (),
    "log_block_shapes": (),
    "log_shape_totals": (),
    "log_shape_templates": (),
    "log_templates": (),
    "log_window_summaries": ("revision", "updated_at"),
    "commit_contents": (),
    "commit_events": (),
    "commits": (),
    "changelogs": ("revision", "updated_at"),
    "ticket_events": (),
    "tickets": (),
    "ticket_triages": ("triaged_at",),
    "triage_fields": (),
    "feedback_events": (),
    "triage_outcomes": (),
    "triage_snapshots": (),
}
FINALIZED: Final = ("log_shape_templates", "log_templates", "log_window_summaries")

SELECT_CHECKSUM: Final = """
SELECT count(*) AS rows, coalesce(md5(string_agg(row_hash, '' ORDER BY row_hash)), '') AS hash
FROM (SELECT md5((to_jsonb(stored) - $1::text[])::text) AS row_hash FROM {table} AS stored) AS rows
"""


class Checksum(msgspec.Struct, frozen=True):
    """How many rows a table has, and a hash over all of them in any order."""

    rows: int
    hash: str


async def table_checksums(
    connection: Connection, *, without: tuple[str, ...] = ()
) -> dict[str, Checksum]:
    """Return the checksum of each derived table, its bookkeeping columns left out."""
    sums = {}
    for table, columns in BOOKKEEPING.items():
        if table in without:
            continue
        row = await connection.fetchrow(SELECT_CHECKSUM.format(table=table), list(columns))
        assert row is not None
        sums[table] = Checksum(row["rows"], row["hash"])
    return sums
