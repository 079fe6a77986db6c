from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import TicketEvent
from streams.domain.triage.alerts import group_alerts
from tests.unit.streams.domain.triage.tickets import ticket

WINDOW_NS = 300 * 10**9


def alert(number: int, seconds: int, text: str = "disk full", **given: Any) -> TicketEvent:
    ns = seconds * 10**9
    return ticket(text, ticket_id=str(number), created_ns=ns, revision=ns, **given)


alerts = st.lists(
    st.builds(alert, st.integers(0, 5), st.integers(0, 900), st.sampled_from(["a", "b", "c"])),
    max_size=12,
)


def test_identical_alerts_in_one_window_are_one_group_with_a_count() -> None:
    groups = group_alerts([alert(1, 10), alert(2, 20), alert(3, 299)], window_ns=WINDOW_NS)

    assert [(group.count, group.first.ticket_id) for group in groups] == [(3, "1")]


def test_another_window_text_project_or_digit_is_another_group() -> None:
    others = [
        alert(2, 300),
        alert(3, 10, "disk full on db1"),
        alert(4, 10, "disk full on db2"),
        alert(5, 10, project="q"),
    ]

    assert len(group_alerts([alert(1, 10), *others], window_ns=WINDOW_NS)) == 5


def test_the_sources_own_key_counts_before_the_text() -> None:
    same = [alert(1, 1, "90 % full", alert_key="k"), alert(2, 2, "91 % full", alert_key="k")]

    assert [group.count for group in group_alerts(same, window_ns=WINDOW_NS)] == [2]


@given(alerts, st.randoms())
def test_order_and_repetition_of_tickets_do_not_matter(
    given_alerts: list[TicketEvent], random: Random
) -> None:
    shuffled = given_alerts * 2
    random.shuffle(shuffled)

    assert group_alerts(shuffled, window_ns=WINDOW_NS) == group_alerts(
        given_alerts, window_ns=WINDOW_NS
    )


@given(alerts)
def test_each_ticket_lies_in_exactly_one_group(given_alerts: list[TicketEvent]) -> None:
    groups = group_alerts(given_alerts, window_ns=WINDOW_NS)

    ids = sorted(ticket_id for group in groups for ticket_id in group.ticket_ids)

    assert ids == sorted({ticket.ticket_id for ticket in given_alerts})
