"""Tickets as GraphQL has them: the newest revision, its triage, its alert group, the answers."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from enum import Enum
from typing import Annotated, Final, TypeAlias

import msgspec
import strawberry

from graphql_api.context import Info
from graphql_api.errors import ApiError, bad_input
from graphql_api.scalars import (
    Instant,
    Json,
    Long,
    instant_from_datetime,
    instant_from_ns,
)
from graphql_api.store.tickets import (
    AlertKey,
    AlertRow,
    AnswerRow,
    TicketKey,
    TicketRow,
    TriageRow,
)
from streams.domain.triage.triages import FieldTriage, Reason

_MAX_ID_CHARS: Final = 2_500


def encode_ticket_id(project: str, ticket_id: str) -> strawberry.ID:
    """Return the opaque id of a ticket: its project and its id there, packed."""
    packed = msgspec.msgpack.encode([project, ticket_id])
    return strawberry.ID(urlsafe_b64encode(packed).rstrip(b"=").decode("ascii"))


def decode_ticket_id(text: str, argument: str = "id") -> TicketKey:
    """Return the project and the ticket's id there.

    Raises:
        ApiError: the text is no ticket's id.
    """
    if len(text) > _MAX_ID_CHARS:
        raise _not_an_id(argument)
    try:
        packed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        key = msgspec.msgpack.decode(packed, type=tuple[str, str])
    except (Base64Error, ValueError, msgspec.MsgspecError) as exc:
        raise _not_an_id(argument) from exc
    if encode_ticket_id(*key) != text or "\0" in "".join(key):
        raise _not_an_id(argument)
    return key


def _not_an_id(argument: str) -> ApiError:
    return bad_input("not a ticket's id", argument)


Project: TypeAlias = Annotated[
    str | None, strawberry.argument(description="Only this project; null for all.")
]


@strawberry.enum(description="What speaks for an answer.")
class ReasonKind(Enum):
    """What speaks for an answer."""

    TERM = strawberry.enum_value("term", description="A word of the ticket.")
    META = strawberry.enum_value("meta", description="An entry of its metadata, `name=value`.")
    PRIOR = strawberry.enum_value("prior", description="How often the value is right.")
    TICKET = strawberry.enum_value("ticket", description="An earlier ticket.")


@strawberry.type(description="Why a value was given.")
class TriageReason:
    """Why a value was given."""

    kind: ReasonKind = strawberry.field(description="What speaks for it.")
    term: str = strawberry.field(description="The word or entry, as it stands in the ticket.")
    weight: float = strawberry.field(
        description="What it adds to the lead over the next best value."
    )

    @classmethod
    def from_reason(cls, reason: Reason) -> "TriageReason":
        """Return the reason of a triage."""
        return cls(kind=ReasonKind(reason.kind), term=reason.term, weight=reason.weight)


@strawberry.type(description="A value of a field, and how sure it is.")
class FieldCandidate:
    """A value of a field, and how sure it is."""

    value: str = strawberry.field(description="The value.")
    confidence: float = strawberry.field(description="How likely it is right, 0 to 1.")


@strawberry.type(description="What a field of a ticket is likely to be.")
class TriageField:
    """What a field of a ticket is likely to be."""

    field: str = strawberry.field(description="The field: category, priority, team ...")
    value: str | None = strawberry.field(
        description="The likeliest value; null while the field knows none."
    )
    confidence: float = strawberry.field(
        description="How often such answers turned out right, 0 to 1."
    )
    top: list[FieldCandidate] = strawberry.field(description="The likeliest values, best first.")
    reasons: list[TriageReason] = strawberry.field(description="Why, the strongest first.")
    needs_human: bool = strawberry.field(
        description="Whether answers as unsure as this were not right as often as is wanted."
    )
    owner: str | None = strawberry.field(description="Who takes tickets of this value.")

    @classmethod
    def from_triage(cls, name: str, triage: FieldTriage) -> "TriageField":
        """Return a field of a triage."""
        return cls(
            field=name,
            value=triage.value,
            confidence=triage.confidence,
            top=[FieldCandidate(value=value, confidence=share) for value, share in triage.top],
            reasons=[TriageReason.from_reason(reason) for reason in triage.reasons],
            needs_human=triage.needs_human,
            owner=triage.owner,
        )


@strawberry.type(description="What the model said of a ticket when it came in or was revised.")
class Triage:
    """What the model said of a ticket."""

    fields: list[TriageField] = strawberry.field(description="The fields of its project.")
    needs_human: bool = strawberry.field(description="Whether any field needs a person.")
    feedback_offset: Long = strawberry.field(
        description="The model had learned all feedback below this offset."
    )
    feedback_count: Long = strawberry.field(description="How much feedback that was.")
    triaged_at: Instant = strawberry.field(description="When.")

    @classmethod
    def from_row(cls, row: TriageRow) -> "Triage":
        """Return the triage in a row."""
        fields = row.triage.fields
        return cls(
            fields=[TriageField.from_triage(name, one) for name, one in fields.items()],
            needs_human=any(one.needs_human for one in fields.values()),
            feedback_offset=Long(row.feedback_offset),
            feedback_count=Long(row.triage.feedback_count),
            triaged_at=instant_from_datetime(row.triaged_at),
        )


@strawberry.type(description="A ticket that another one refers to.")
class TicketReference:
    """A ticket that another one refers to."""

    id: strawberry.ID = strawberry.field(description="Opaque; ask `ticket` for the rest.")
    ticket_id: str = strawberry.field(description="Its id in the project.")
    title: str = strawberry.field(description="Its title.")


@strawberry.type(description="Identical alerts of an hour: only the first is triaged.")
class AlertGroup:
    """Identical alerts of an hour: only the first is triaged."""

    key: str = strawberry.field(description="What they have in common.")
    window_start: Instant = strawberry.field(description="Where the hour starts.")
    count: Long = strawberry.field(description="How many there are.")
    leader: TicketReference = strawberry.field(description="The first one, which has the triage.")
    members: list[TicketReference] = strawberry.field(
        description="The first 100 in order of creation, the leader among them."
    )

    @classmethod
    def from_row(cls, key: AlertKey, row: AlertRow) -> "AlertGroup":
        """Return the group in a row; it has a member at least."""
        project, name, window_ns = key
        members = [
            TicketReference(
                id=encode_ticket_id(project, one.ticket_id),
                ticket_id=one.ticket_id,
                title=one.title,
            )
            for one in row.members
        ]
        return cls(
            key=name,
            window_start=instant_from_ns(window_ns),
            count=Long(row.count),
            leader=members[0],
            members=members,
        )


@strawberry.type(description="What a person said that a field is.")
class TriageAnswer:
    """What a person said that a field is."""

    field: str = strawberry.field(description="The field.")
    value: str = strawberry.field(description="What it is.")
    predicted: str | None = strawberry.field(description="What the model had said just before.")
    confidence: float = strawberry.field(description="How sure it had been.")
    is_confirmation: bool = strawberry.field(description="Whether the person agreed.")
    actor: str | None = strawberry.field(description="Who said it.")
    said_at: Instant | None = strawberry.field(description="When.")
    offset: Long = strawberry.field(description="Its place in the order of learning.")

    @classmethod
    def from_row(cls, row: AnswerRow) -> "TriageAnswer":
        """Return the answer in a row."""
        return cls(
            field=row.field,
            value=row.actual,
            predicted=row.predicted,
            confidence=row.confidence,
            is_confirmation=row.is_confirmation,
            actor=row.actor,
            said_at=_instant_or_none(row.timestamp_ns),
            offset=Long(row.offset),
        )


@strawberry.type(description="A ticket as its newest revision has it.")
class Ticket:
    """A ticket as its newest revision has it."""

    id: strawberry.ID = strawberry.field(description="Opaque; stays the same for good.")
    project: str = strawberry.field(description="The project it belongs to.")
    ticket_id: str = strawberry.field(description="Its id in the project.")
    title: str = strawberry.field(description="Its title.")
    body: str = strawberry.field(description="Its text.")
    status: str | None = strawberry.field(description="Its status, as the source has it.")
    reporter: str | None = strawberry.field(description="Who reported it.")
    url: str | None = strawberry.field(description="Where the source shows it.")
    created_at: Instant | None = strawberry.field(
        name="createdAt", description="When it came to be, if the source says so."
    )
    revised_at: Instant | None = strawberry.field(
        description="The time of this revision; null when the source has none."
    )
    source: str = strawberry.field(description="The kind of tracker it was recognised as.")
    labels: Json = strawberry.field(description="The values that the source gives to fields.")
    metadata: Json = strawberry.field(description="What else the source says, as text.")
    triage: Triage | None = strawberry.field(
        description="What the model said; null for alerts of which an earlier one is triaged."
    )
    alert: strawberry.Private[AlertKey | None] = None

    @strawberry.field(description="The group of identical alerts; null when it is no alert.")
    async def alert_group(self, info: Info) -> AlertGroup | None:
        """Return the alert group."""
        if self.alert is None:
            return None
        found = await info.context.ticket_loaders.alert_groups.load(self.alert)
        return AlertGroup.from_row(self.alert, found) if found and found.members else None

    @strawberry.field(description="What people said of it, the newest first.")
    async def answers(self, info: Info) -> list[TriageAnswer]:
        """Return the feedback of the ticket by field."""
        key = (self.project, self.ticket_id)
        rows = await info.context.ticket_loaders.answers.load(key)
        return [TriageAnswer.from_row(row) for row in rows]

    @classmethod
    def from_row(cls, row: TicketRow) -> "Ticket":
        """Return the ticket in a row."""
        return cls(
            id=encode_ticket_id(row.project, row.ticket_id),
            project=row.project,
            ticket_id=row.ticket_id,
            title=row.title,
            body=row.body,
            status=row.status,
            reporter=row.reporter,
            url=row.url,
            created_at=_instant_or_none(row.created_ns),
            revised_at=_instant_or_none(row.revision),
            source=row.source,
            labels=Json(row.labels),
            metadata=Json(row.metadata),
            triage=Triage.from_row(row.triage) if row.triage else None,
            alert=row.alert,
        )


def _instant_or_none(ns: int | None) -> Instant | None:
    """Return a time; 0 and None stand for one that is not known."""
    return instant_from_ns(ns) if ns else None
