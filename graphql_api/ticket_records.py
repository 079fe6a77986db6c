"""The mutation `submitTicket`: onto the topic, then wait until the stream has triaged it."""

from enum import Enum
from typing import Annotated, Final

import strawberry

from graphql_api.context import Info, RequestContext
from graphql_api.errors import ApiError, ErrorCode, bad_input
from graphql_api.store.logs import RecordFate, select_record_fate
from graphql_api.store.tickets import TicketKey, select_ticket
from graphql_api.submissions import Submission, submit
from graphql_api.ticket_input import TicketInput, value_of
from graphql_api.tickets import Ticket, encode_ticket_id
from schemas.errors import AiOpsError
from schemas.events import TicketEvent
from schemas.ids import RecordId, encode_record_id
from schemas.records import Rejection, SourceRecord
from schemas.topics import TICKETS_RAW
from streams.domain.tickets.decoding import decode_ticket


@strawberry.enum(description="What has become of something said about a ticket.")
class TicketRecordStatus(Enum):
    """What has become of something said about a ticket."""

    DONE = strawberry.enum_value("DONE", description="It is processed.")
    PENDING = strawberry.enum_value(
        "PENDING", description="It is written to the topic and not processed yet; ask again."
    )
    DEAD_LETTER = strawberry.enum_value("DEAD_LETTER", description="It could not be processed.")


_STATUS_OF_FATE: Final = {
    # There is no line in the log tables, and it is no dead letter: it is processed.
    RecordFate.DROPPED: TicketRecordStatus.DONE,
    RecordFate.EXPIRED: TicketRecordStatus.DONE,
    RecordFate.DEAD_LETTER: TicketRecordStatus.DEAD_LETTER,
    RecordFate.PENDING: TicketRecordStatus.PENDING,
    RecordFate.UNKNOWN_PARTITION: TicketRecordStatus.PENDING,
}


@strawberry.type(description="A submitted ticket.")
class SubmittedTicket:
    """A submitted ticket."""

    id: strawberry.ID = strawberry.field(description="The ticket's opaque id, also while pending.")
    record_id: strawberry.ID = strawberry.field(description="The id of the record on the topic.")
    project: str = strawberry.field(description="Its project.")
    ticket_id: str = strawberry.field(description="Its id in the project.")
    status: TicketRecordStatus = strawberry.field(description="What has become of the record.")
    ticket: Ticket | None = strawberry.field(
        description="The ticket with its triage; null while it is pending."
    )


@strawberry.type
class TicketMutation:
    """Mutations over tickets."""

    @strawberry.mutation(
        description="Submit a ticket and wait for its triage; after the time limit the status is "
        "PENDING, and `ticket` gives it later. An Idempotency-Key header makes a retry safe."
    )
    async def submit_ticket(
        self,
        info: Info,
        ticket: Annotated[TicketInput, strawberry.argument(description="The ticket.")],
    ) -> SubmittedTicket:
        """Write a ticket to the topic."""
        context, value = info.context, value_of(ticket)
        key = ticket.project.strip().encode()
        _decoded(RecordId(TICKETS_RAW.name, 0, 0), key, value)
        submission = Submission(topic=TICKETS_RAW.name, key=key, value=value, request=value)
        record_id = await submit(context, submission, str(info.path.key))
        # The same code on the same record: the stream will call the ticket so too.
        event = _decoded(record_id, key, value)
        return await _submitted(context, record_id, (event.project, event.ticket_id))


def _decoded(record_id: RecordId, key: bytes, value: bytes) -> TicketEvent:
    """Return what the stream makes of a submitted ticket.

    Raises:
        ApiError: it would refuse it.
    """
    record = SourceRecord(
        topic=record_id.topic,
        partition=record_id.partition,
        offset=record_id.offset,
        key=key,
        value=value,
    )
    decoded = decode_ticket(record)
    if not decoded.events:
        raise refused(decoded.rejection, "ticket")
    return decoded.events[0]


def refused(rejection: Rejection | None, argument: str) -> ApiError:
    """Return the error for what the stream would reject."""
    if rejection is None:
        return bad_input("there is nothing to triage", argument)
    return ApiError(
        ErrorCode.BAD_USER_INPUT, rejection.detail, argument=argument, reason=rejection.reason
    )


async def _submitted(
    context: RequestContext, record_id: RecordId, key: TicketKey
) -> SubmittedTicket:
    status = await status_of(context, record_id)
    found = None
    if status is TicketRecordStatus.DONE:
        try:
            found = await select_ticket(context.services.database, *key)
        except AiOpsError:
            # It is on the topic: its id must reach the client even if Postgres went away.
            status = TicketRecordStatus.PENDING
    return SubmittedTicket(
        id=encode_ticket_id(*key),
        record_id=strawberry.ID(encode_record_id(record_id)),
        project=key[0],
        ticket_id=key[1],
        status=status,
        ticket=Ticket.from_row(found) if found else None,
    )


async def status_of(context: RequestContext, record_id: RecordId) -> TicketRecordStatus:
    """Wait until the stream has passed a record, and return what became of it."""
    services = context.services
    await services.listener.wait_until_passed(record_id, services.settings.submit_timeout_s)
    try:
        return _STATUS_OF_FATE[await select_record_fate(services.database, record_id)]
    except AiOpsError:
        return TicketRecordStatus.PENDING
