"""Records of the tickets topic into events: our own JSON and the usual trackers' webhooks."""

from streams.domain.tickets.decoding import DecodedTickets, decode_ticket

__all__ = ["DecodedTickets", "decode_ticket"]
