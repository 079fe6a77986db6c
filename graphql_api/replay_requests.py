"""Mutations over replays: requests go onto the topic, and are acted upon in their order."""

from enum import Enum
from typing import Annotated, Final

import msgspec
import strawberry

from graphql_api.auth.audit import insert_audit
from graphql_api.context import Info, RequestContext
from graphql_api.errors import ApiError, ErrorCode, bad_input
from graphql_api.replays import Replay, ReplayId, ReplayState
from graphql_api.store.logs import RecordFate, select_record_fate
from graphql_api.store.replays import StoredReplay, select_replay
from graphql_api.submissions import Submission, submit
from schemas.errors import AiOpsError
from schemas.events import ReplayCancelEvent, ReplayStartEvent
from schemas.ids import RecordId, encode_record_id
from schemas.records import SourceRecord
from schemas.topics import REPLAYABLE_TOPICS, REPLAYS_REQUESTED
from streams.domain.replays import BadReplayRequestError, check_request, prepare_request

_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_ENDED: Final = (ReplayState.DONE, ReplayState.REFUSED)


@strawberry.enum(description="What has become of a request over replays.")
class ReplayRequestStatus(Enum):
    """What has become of a request over replays."""

    DONE = strawberry.enum_value("DONE", description="It is taken: `replay` is what it is about.")
    PENDING = strawberry.enum_value(
        "PENDING", description="It is written to the topic and not taken yet; ask `replay` later."
    )
    DEAD_LETTER = strawberry.enum_value("DEAD_LETTER", description="It could not be taken.")


# Any other fate: the stream has passed it, and it is no dead letter.
_STATUS_OF_FATE: Final = {
    RecordFate.DEAD_LETTER: ReplayRequestStatus.DEAD_LETTER,
    RecordFate.PENDING: ReplayRequestStatus.PENDING,
    RecordFate.UNKNOWN_PARTITION: ReplayRequestStatus.PENDING,
}


@strawberry.type(description="A replay that was asked for, or asked to end.")
class RequestedReplay:
    """A replay that was asked for, or asked to end."""

    id: strawberry.ID = strawberry.field(description="The replay's id, also while pending.")
    status: ReplayRequestStatus = strawberry.field(description="What has become of the request.")
    replay: Replay | None = strawberry.field(
        description="The replay as it stands now; null where the stream has not taken it."
    )


@strawberry.type
class ReplayMutation:
    """Mutations over replays."""

    @strawberry.mutation(
        description="Read a topic again with today's rules, in the background, beside the live "
        "stream; the range grows to whole blocks. An Idempotency-Key header makes a retry safe."
    )
    async def start_replay(  # noqa: PLR0913 - one argument a choice
        self,
        info: Info,
        *,
        topic: Annotated[str, strawberry.argument(description="The topic to read again.")],
        from_bound: Annotated[
            str | None,
            strawberry.argument(
                name="from",
                description="The first offset, or the time of the first record (RFC 3339); null "
                "for all that is stored.",
            ),
        ] = None,
        to_bound: Annotated[
            str | None,
            strawberry.argument(
                name="to", description="The offset or time behind the last record."
            ),
        ] = None,
        partition: Annotated[
            int | None, strawberry.argument(description="Only this partition; null for all.")
        ] = None,
        retriage: Annotated[
            bool, strawberry.argument(description="Triage tickets again with today's model.")
        ] = False,
        dry_run: Annotated[
            bool, strawberry.argument(description="Only tell what would change.")
        ] = False,
    ) -> RequestedReplay:
        """Write a request to the topic."""
        context = info.context
        asked = ReplayStartEvent(
            topic=topic,
            partition=partition,
            from_bound=from_bound,
            to_bound=to_bound,
            is_retriage=retriage,
            is_dry_run=dry_run,
            requested_by=context.principal.name,
        )
        _require_sound(context, asked)
        await _audit(context, "start_replay", _target(asked))
        record_id = await _ask(context, asked, str(info.path.key))
        return await _requested(context, record_id, encode_record_id(record_id))

    @strawberry.mutation(
        description="End a replay before its next block; what is done stays. One that is "
        "cancelled already stays so."
    )
    async def cancel_replay(self, info: Info, id: ReplayId) -> RequestedReplay:
        """Write a cancellation to the topic."""
        context = info.context
        found = await select_replay(context.services.database, id)
        if found is None:
            raise ApiError(ErrorCode.NOT_FOUND, "there is no such replay, or not yet")
        state = ReplayState(found.state.upper())
        if state in _ENDED:
            raise ApiError(ErrorCode.CONFLICT, "the replay has ended", state=state.value)
        await _audit(context, "cancel_replay", id)
        cancelled = ReplayCancelEvent(run_id=id, requested_by=context.principal.name)
        record_id = await _ask(context, cancelled, str(info.path.key))
        return await _requested(context, record_id, id)


def _require_sound(context: RequestContext, asked: ReplayStartEvent) -> None:
    """Raise unless the stream takes the request, and the topic is one of ours.

    Raises:
        ApiError: it would refuse it.
    """
    topics = {spec.name for spec in REPLAYABLE_TOPICS}
    if asked.topic not in topics.union(context.services.settings.log_topic_names):
        raise bad_input("no stream reads this topic", "topic")
    if asked.partition is not None and asked.partition < 0:
        raise bad_input("partition must not be negative", "partition")
    try:
        check_request(asked)
    except BadReplayRequestError as exc:
        raise bad_input(exc.problem, exc.argument) from exc
    # The same code on the same record; what is refused here has a long or unprintable text.
    record = SourceRecord(
        topic=REPLAYS_REQUESTED.name, partition=0, offset=0, value=_ENCODER.encode(asked)
    )
    rejection = prepare_request(record).rejection
    if rejection is not None:
        raise ApiError(ErrorCode.BAD_USER_INPUT, rejection.detail, reason=rejection.reason)


def _target(asked: ReplayStartEvent) -> str:
    """Return what is replayed, in words, for the audit log."""
    place = asked.topic if asked.partition is None else f"{asked.topic}[{asked.partition}]"
    chosen = [
        word
        for word, is_chosen in (("retriage", asked.is_retriage), ("dry run", asked.is_dry_run))
        if is_chosen
    ]
    return ", ".join([f"{place} from {asked.from_bound} to {asked.to_bound}", *chosen])


async def _audit(context: RequestContext, operation: str, target: str) -> None:
    """Note who asks for what; before the request is written, so that none goes unnoticed."""
    async with context.services.database.write() as connection:
        await insert_audit(
            connection,
            actor=context.principal,
            origin=context.origin,
            operation=operation,
            target=target,
            outcome="requested",
        )


async def _ask(
    context: RequestContext, event: ReplayStartEvent | ReplayCancelEvent, slot: str
) -> RecordId:
    value = _ENCODER.encode(event)
    submission = Submission(topic=REPLAYS_REQUESTED.name, value=value, request=value)
    return await submit(context, submission, slot)


async def _requested(context: RequestContext, record_id: RecordId, run_id: str) -> RequestedReplay:
    """Wait until the stream has passed the request, and return the replay as it stands then."""
    services = context.services
    await services.listener.wait_until_passed(record_id, services.settings.submit_timeout_s)
    found: StoredReplay | None = None
    try:
        fate = await select_record_fate(services.database, record_id)
        status = _STATUS_OF_FATE.get(fate, ReplayRequestStatus.DONE)
        found = await select_replay(services.database, run_id)
    except AiOpsError:
        # It is on the topic: its id must reach the client even if Postgres went away.
        status = ReplayRequestStatus.PENDING
    return RequestedReplay(
        id=strawberry.ID(run_id),
        status=status,
        replay=Replay.from_row(found) if found else None,
    )
