"""How far the streams have come: offsets, lag, watermark, gaps, dead letters."""

from base64 import b64encode
from typing import Annotated

import strawberry

from graphql_api.connections import After, Connection, First, connection_of
from graphql_api.context import Info, RequestContext
from graphql_api.pagination import (
    checked_page_size,
    decode_cursor,
    encode_cursor,
    split_page,
)
from graphql_api.scalars import (
    Instant,
    Long,
    instant_from_datetime,
    instant_from_ms,
    instant_from_ns,
)
from graphql_api.store.pipeline import (
    PartitionProgress,
    StoredDeadLetter,
    count_dead_letters,
    select_dead_letters,
    select_gaps,
    select_oldest_line,
    select_progress,
)


@strawberry.type(description="How far a partition has come.")
class PartitionStatus:
    """How far a partition has come."""

    topic: str = strawberry.field(description="The topic.")
    partition: int = strawberry.field(description="The partition.")
    next_offset: Long = strawberry.field(description="The first offset not processed yet.")
    end_offset: Long | None = strawberry.field(
        description="The first offset not written yet; null while the broker is away."
    )
    lag: Long | None = strawberry.field(
        description="Records to be processed; null while the broker is away."
    )
    watermark: Instant | None = strawberry.field(description="The newest event's time.")
    updated_at: Instant = strawberry.field(description="When a batch was last written.")


@strawberry.type(description="Records that were lost before they could be read.")
class OffsetGap:
    """Records that were lost before they could be read."""

    topic: str = strawberry.field(description="The topic.")
    partition: int = strawberry.field(description="The partition.")
    from_offset: Long = strawberry.field(description="The first lost offset.")
    to_offset: Long = strawberry.field(description="The first offset after the gap.")
    reason: str = strawberry.field(description="Why.")


@strawberry.type(description="How many records of a partition were refused for a reason.")
class DeadLetterCount:
    """How many records of a partition were refused for a reason."""

    topic: str = strawberry.field(description="The topic.")
    partition: int = strawberry.field(description="The partition.")
    reason: str = strawberry.field(description="Why they were refused.")
    count: Long = strawberry.field(description="How many, those redriven since left out.")


@strawberry.type(description="How far the streams have come.")
class PipelineStatus:
    """How far the streams have come."""

    partitions: list[PartitionStatus] = strawberry.field(description="Every partition read.")
    gaps: list[OffsetGap] = strawberry.field(description="Records lost to retention.")
    dead_letters: list[DeadLetterCount] = strawberry.field(description="Refused records.")
    is_broker_reachable: bool = strawberry.field(description="Whether the broker answered.")
    watermark: Instant | None = strawberry.field(description="The newest event of all.")

    @strawberry.field(
        description="When the oldest log line that is kept was written to its topic: how far back "
        "retention reaches. Null when none is."
    )
    async def oldest_line_at(self, info: Info) -> Instant | None:
        """Return the time of the oldest kept line."""
        oldest_ms = await select_oldest_line(info.context.services.database)
        return None if oldest_ms is None else instant_from_ms(oldest_ms)


@strawberry.type(description="A record that was refused.")
class DeadLetter:
    """A record that was refused."""

    topic: str = strawberry.field(description="The topic it came from.")
    partition: int = strawberry.field(description="The partition it came from.")
    offset: Long = strawberry.field(description="Its offset there.")
    reason: str = strawberry.field(description="Why, as a code.")
    detail: str = strawberry.field(description="Why, in words.")
    value_head: str = strawberry.field(description="The first 256 bytes of its value, as base64.")
    value_bytes: Long = strawberry.field(description="The length of its value.")
    first_failed_at: Instant = strawberry.field(description="When it was refused first.")
    redriven_at: Instant | None = strawberry.field(description="When it was sent again.")

    @classmethod
    def from_stored(cls, stored: StoredDeadLetter) -> "DeadLetter":
        """Return the dead letter in a row."""
        redriven = stored.redriven_at
        return cls(
            topic=stored.topic,
            partition=stored.partition,
            offset=Long(stored.offset),
            reason=stored.reason,
            detail=stored.detail,
            value_head=b64encode(stored.value_head).decode("ascii"),
            value_bytes=Long(stored.value_bytes),
            first_failed_at=instant_from_datetime(stored.first_failed_at),
            redriven_at=instant_from_datetime(redriven) if redriven else None,
        )


@strawberry.type
class PipelineQuery:
    """Queries over the pipeline itself."""

    @strawberry.field(description="How far the streams have come, by topic and partition.")
    async def pipeline_status(self, info: Info) -> PipelineStatus:
        """Return the state of every partition."""
        return await _status(info.context)

    @strawberry.field(description="Refused records, in the order of their coordinates.")
    async def dead_letters(
        self,
        info: Info,
        topic: Annotated[
            str | None, strawberry.argument(description="Only those of this topic.")
        ] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[DeadLetter]:
        """Return a page of dead letters."""
        size = checked_page_size(first, "first")
        place = None if after is None else decode_cursor(after, tuple[str, int, int])
        found = await select_dead_letters(info.context.services.database, topic, place, size + 1)
        rows, has_next = split_page(found, size)
        return connection_of(
            [DeadLetter.from_stored(row) for row in rows],
            [encode_cursor([row.topic, row.partition, row.offset]) for row in rows],
            has_next=has_next,
            after=after,
        )


async def _status(context: RequestContext) -> PipelineStatus:
    database = context.services.database
    progress = await select_progress(database)
    places = [(one.topic, one.partition) for one in progress]
    ends = await context.services.end_offsets.get(places, timeout_s=2.0) if places else {}
    newest = max((one.max_event_ns for one in progress), default=0)
    return PipelineStatus(
        partitions=[
            _partition_status(one, ends.get((one.topic, one.partition))) for one in progress
        ],
        gaps=[
            OffsetGap(
                topic=gap.topic,
                partition=gap.partition,
                from_offset=Long(gap.from_offset),
                to_offset=Long(gap.to_offset),
                reason=gap.reason,
            )
            for gap in await select_gaps(database)
        ],
        dead_letters=[
            DeadLetterCount(
                topic=one.topic,
                partition=one.partition,
                reason=one.reason,
                count=Long(one.count),
            )
            for one in await count_dead_letters(database)
        ],
        is_broker_reachable=bool(ends) or not places,
        watermark=instant_from_ns(newest) if newest else None,
    )


def _partition_status(progress: PartitionProgress, end_offset: int | None) -> PartitionStatus:
    lag = None if end_offset is None else max(0, end_offset - progress.next_offset)
    return PartitionStatus(
        topic=progress.topic,
        partition=progress.partition,
        next_offset=Long(progress.next_offset),
        end_offset=None if end_offset is None else Long(end_offset),
        lag=None if lag is None else Long(lag),
        watermark=instant_from_ns(progress.max_event_ns) if progress.max_event_ns else None,
        updated_at=instant_from_datetime(progress.updated_at),
    )
