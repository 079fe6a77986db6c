"""Mutations over triages: what people say of them goes onto the topic, and is learned."""

import time
from collections.abc import Sequence
from typing import Annotated

import msgspec
import strawberry
from msgspec import structs

from graphql_api.context import Info, RequestContext
from graphql_api.errors import ApiError, ErrorCode, bad_input
from graphql_api.scalars import Long
from graphql_api.store.tickets import (
    AlertMember,
    TicketKey,
    TicketRow,
    select_alert_groups,
    select_answers,
    select_triaged,
)
from graphql_api.submissions import Submission, submit
from graphql_api.ticket_input import labels_of
from graphql_api.ticket_queries import FieldValueInput, key_of, require_ticket
from graphql_api.ticket_records import TicketRecordStatus, refused, status_of
from graphql_api.tickets import Ticket, TriageAnswer, encode_ticket_id
from schemas.errors import AiOpsError
from schemas.events import FeedbackEvent, TicketEvent
from schemas.records import SourceRecord
from schemas.topics import TRIAGE_FEEDBACK
from streams.domain.tickets.prepared import prepare_feedback
from streams.domain.triage.features import (
    MAX_BODY_HEAD_CHARS,
    MAX_BODY_TAIL_CHARS,
    MAX_TITLE_CHARS,
)
from streams.domain.triage.triages import Triage

_ENCODER = msgspec.json.Encoder(order="deterministic")


@strawberry.type(description="Feedback on a triage: the next ticket's triage follows it.")
class TriageFeedback:
    """Feedback on a triage."""

    status: TicketRecordStatus = strawberry.field(
        description="DONE: the model has learned it, or does so before its next ticket."
    )
    offset: Long = strawberry.field(description="Its place in the order of learning.")
    ticket: Ticket = strawberry.field(description="The ticket, its triage unchanged.")
    answers: list[TriageAnswer] = strawberry.field(
        description="What was said by field, beside what the model said; empty while pending."
    )


@strawberry.type
class TriageMutation:
    """Mutations over triages."""

    @strawberry.mutation(
        description="Say what fields of a ticket are; the next ticket's triage follows it. "
        "A later correction of the same ticket counts more."
    )
    async def correct_triage(
        self,
        info: Info,
        values: Annotated[
            list[FieldValueInput],
            strawberry.argument(description="What the fields are: 1 to 20."),
        ],
        id: Annotated[
            strawberry.ID | None, strawberry.argument(description="The ticket's opaque id.")
        ] = None,
        project: Annotated[
            str | None, strawberry.argument(description="Its project, with ticketId.")
        ] = None,
        ticket_id: Annotated[
            str | None, strawberry.argument(description="Its id in the project.")
        ] = None,
    ) -> TriageFeedback:
        """Write a correction to the topic."""
        labels = labels_of(values)
        judged = await _judged(info.context, key_of(id, project, ticket_id))
        feedback = FeedbackEvent(ticket=judged.ticket, labels=labels)
        return await _say(info.context, judged, feedback, str(info.path.key))

    @strawberry.mutation(
        description="Say that a ticket's triage is right: all fields that have a value, or some."
    )
    async def confirm_triage(
        self,
        info: Info,
        fields: Annotated[
            list[str] | None,
            strawberry.argument(description="The fields that are right; null for all."),
        ] = None,
        id: Annotated[
            strawberry.ID | None, strawberry.argument(description="The ticket's opaque id.")
        ] = None,
        project: Annotated[
            str | None, strawberry.argument(description="Its project, with ticketId.")
        ] = None,
        ticket_id: Annotated[
            str | None, strawberry.argument(description="Its id in the project.")
        ] = None,
    ) -> TriageFeedback:
        """Write a confirmation to the topic."""
        judged = await _judged(info.context, key_of(id, project, ticket_id))
        labels = _confirmed(judged.triage, fields)
        feedback = FeedbackEvent(ticket=judged.ticket, labels=labels, is_confirmation=True)
        return await _say(info.context, judged, feedback, str(info.path.key))


def _confirmed(triage: Triage, fields: list[str] | None) -> dict[str, str]:
    """Return what the triage said of these fields.

    Raises:
        ApiError: it said nothing of them.
    """
    said = {name: one.value for name, one in triage.fields.items() if one.value is not None}
    unknown = sorted(set(fields or ()) - set(said))
    if unknown or not said or fields == []:
        names = ", ".join(unknown[:5])
        raise bad_input(f"the triage has no value of: {names or 'any field'}", "fields")
    return said if fields is None else {name: said[name] for name in sorted(set(fields))}


class _Judged(msgspec.Struct, frozen=True):
    """A ticket now, and as it was triaged, cut to what the model reads of it."""

    row: TicketRow
    ticket: TicketEvent
    triage: Triage


async def _judged(context: RequestContext, key: TicketKey) -> _Judged:
    """Return a ticket with its triage.

    Raises:
        ApiError: there is no such ticket, or another alert of its group is triaged.
    """
    row = await require_ticket(context, key)
    found = await select_triaged(context.services.database, *key)
    if found is None:
        raise await _untriaged(context, row)
    return _Judged(row, _as_read(found[0]), found[1])


async def _untriaged(context: RequestContext, row: TicketRow) -> ApiError:
    members = await _alert_members(context, row)
    # Since it was read the ticket may have left its group, or have become the first of it.
    if not members or members[0].ticket_id == row.ticket_id:
        return ApiError(ErrorCode.CONFLICT, "the ticket is not triaged yet")
    return ApiError(
        ErrorCode.CONFLICT,
        "an earlier alert of its group is triaged instead",
        leader=encode_ticket_id(row.project, members[0].ticket_id),
    )


async def _alert_members(context: RequestContext, row: TicketRow) -> Sequence[AlertMember]:
    if row.alert is None:
        return ()
    return (await select_alert_groups(context.services.database, [row.alert]))[row.alert].members


def _as_read(ticket: TicketEvent) -> TicketEvent:
    """Return the ticket with no more text than is read of it: both ends of a long body.

    What is cut is read as the whole would be, and the record stays small.
    """
    title, body = ticket.title[:MAX_TITLE_CHARS], ticket.body
    if len(body) > MAX_BODY_HEAD_CHARS + MAX_BODY_TAIL_CHARS:
        body = f"{body[:MAX_BODY_HEAD_CHARS]}\n{body[-MAX_BODY_TAIL_CHARS:]}"
    return structs.replace(ticket, title=title, body=body)


async def _say(
    context: RequestContext, judged: _Judged, feedback: FeedbackEvent, slot: str
) -> TriageFeedback:
    """Write feedback to the topic and wait until the stream has taken it.

    Raises:
        ApiError: the stream would refuse it, or the broker is away.
    """
    said = structs.replace(feedback, actor=context.principal.name)
    value = _ENCODER.encode(structs.replace(said, timestamp_ns=time.time_ns()))
    _require_sound(value)
    # The time is not part of the request: a retry says the same at another time.
    request = _ENCODER.encode(said)
    submission = Submission(topic=TRIAGE_FEEDBACK.name, value=value, request=request)
    record_id = await submit(context, submission, slot)
    return TriageFeedback(
        status=await status_of(context, record_id),
        offset=Long(record_id.offset),
        ticket=Ticket.from_row(judged.row),
        answers=await _answers(context, judged.row, record_id.offset),
    )


def _require_sound(value: bytes) -> None:
    record = SourceRecord(topic=TRIAGE_FEEDBACK.name, partition=0, offset=0, value=value)
    prepared = prepare_feedback(record)
    if prepared.feedback is None:
        raise refused(prepared.rejection, "values")


async def _answers(context: RequestContext, row: TicketRow, offset: int) -> list[TriageAnswer]:
    key = (row.project, row.ticket_id)
    try:
        found = await select_answers(context.services.database, [key])
    except AiOpsError:
        # It is on the topic: its offset must reach the client even if Postgres went away.
        return []
    return [TriageAnswer.from_row(one) for one in found.get(key, []) if one.offset == offset]
