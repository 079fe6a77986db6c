"""Identical alerts within a window become one group with a count."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

import msgspec

from schemas.events import TicketEvent

_KEY_BYTES: Final = 16
_SEPARATOR: Final = "\x1f"
_ENCODER: Final = msgspec.msgpack.Encoder(order="deterministic")


class AlertGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Tickets of one project that say the same within one window [window_start_ns, +width).

    `first` is the ticket to triage: the earliest revision, by id where two are equal.
    """

    project: str
    key: str
    window_start_ns: int
    first: TicketEvent
    ticket_ids: tuple[str, ...]

    @property
    def count(self) -> int:
        """Return how many tickets the group stands for."""
        return len(self.ticket_ids)


def alert_key(ticket: TicketEvent) -> str:
    """Return what identical alerts share: the source's own key, else title and body to the letter.

    Digits count: in some monitors nothing else tells two alerts apart.
    """
    text = ticket.alert_key or _SEPARATOR.join((ticket.title, ticket.body))
    return blake2b(text.encode(errors="replace"), digest_size=_KEY_BYTES).hexdigest()


def group_alerts(tickets: Iterable[TicketEvent], *, window_ns: int) -> list[AlertGroup]:
    """Return the groups of some tickets, sorted by project, window and key.

    A function of the set of tickets: order and repetition do not matter. A ticket lies in the
    window of its creation, or of its first revision where the source gives no time of creation.
    """
    revisions: dict[tuple[str, str], TicketEvent] = {}
    for ticket in tickets:
        identity = (ticket.project, ticket.ticket_id)
        known = revisions.get(identity)
        if known is None or _order(ticket) < _order(known):
            revisions[identity] = ticket
    members: dict[tuple[str, int, str], list[TicketEvent]] = {}
    for ticket in revisions.values():
        start = _moment(ticket) // window_ns * window_ns
        members.setdefault((ticket.project, start, alert_key(ticket)), []).append(ticket)
    return [
        AlertGroup(
            project=project,
            key=key,
            window_start_ns=start,
            first=min(group, key=_order),
            ticket_ids=tuple(sorted(ticket.ticket_id for ticket in group)),
        )
        for (project, start, key), group in sorted(members.items(), key=lambda item: item[0])
    ]


def _moment(ticket: TicketEvent) -> int:
    return ticket.revision if ticket.created_ns is None else ticket.created_ns


def _order(ticket: TicketEvent) -> tuple[int, int, str, bytes]:
    return ticket.revision, _moment(ticket), ticket.ticket_id, _ENCODER.encode(ticket)
