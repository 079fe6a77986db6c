"""Tickets and feedback with defaults, for the tests of the triage."""

from typing import Any

from schemas.events import FeedbackEvent, TicketEvent


def ticket(title: str = "", body: str = "", **given: Any) -> TicketEvent:
    values: dict[str, Any] = {"ticket_id": "1", "project": "p", "title": title, "body": body}
    return TicketEvent(**{**values, **given})


def feedback(text: str, label: str, *, field: str = "category", **given: Any) -> FeedbackEvent:
    return FeedbackEvent(ticket=ticket(text, **given), labels={field: label})


STREAM = [
    feedback("printer does not print, paper jam", "Hardware"),
    feedback("please grant access to the shared drive", "Access"),
    feedback("new laptop docking station broken", "Hardware"),
    feedback("password reset for my account", "Access"),
    feedback("invoice for new licences", "Purchase"),
    feedback("monitor flickers since yesterday", "Hardware"),
    feedback("permission denied in the finance folder", "Access"),
    feedback("order ten headsets", "Purchase"),
]
