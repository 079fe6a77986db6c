import numpy as np
import pytest

from streams.domain.triage.arithmetic import Floats
from streams.domain.triage.prototypes import Prototypes
from streams.domain.triage.vocabulary import Rows, Values

LABELS = 3
ROWS = 40


def drawn(count: int) -> list[tuple[Rows, Values, int]]:
    """Return tickets of three labels, each with rows of its own and rows that all have."""
    rng = np.random.default_rng(3)
    tickets = []
    for number in range(count):
        column = number % LABELS
        own = rng.choice(np.arange(1 + column * 10, 11 + column * 10), 4, replace=False)
        common = rng.choice(np.arange(31, ROWS), 3, replace=False)
        rows = np.concatenate([own, common]).astype(np.int32)
        tickets.append((rows, rng.random(len(rows)).astype(np.float32), column))
    return tickets


def added(tickets: list[tuple[Rows, Values, int]]) -> Prototypes:
    prototypes = Prototypes()
    for _ in range(LABELS):
        prototypes.add_label()
    for rows, values, column in tickets:
        prototypes.add(rows, values, column)
    return prototypes


def margins_of(prototypes: Prototypes, rows: Rows, values: Values) -> Floats:
    return prototypes.margins(prototypes.shared(prototypes.sums_of(rows), values))


def centred_cosines(tickets: list[tuple[Rows, Values, int]]) -> np.ndarray:
    """Return the direction of each label's mean from the mean of all, by the definition."""
    dense = np.zeros((len(tickets), ROWS))
    for number, (rows, values, _) in enumerate(tickets):
        dense[number, rows] = values
    columns = np.array([column for _, _, column in tickets])
    means = np.array([dense[columns == column].mean(axis=0) for column in range(LABELS)])
    away = means - dense.mean(axis=0)
    return np.asarray(away / np.linalg.norm(away, axis=1, keepdims=True))


def test_margins_are_in_the_proportion_of_the_cosines_with_the_centred_means() -> None:
    tickets = drawn(60)
    prototypes = added(tickets)
    rows, values, _ = drawn(61)[-1]

    gained = margins_of(prototypes, rows, values) - prototypes.priors()

    expected = centred_cosines(tickets)[:, rows] @ values
    assert gained / gained[0] == pytest.approx(expected / expected[0], rel=1e-3)


def test_the_order_of_tickets_changes_no_margin() -> None:
    tickets = drawn(60)
    by_label = sorted(tickets, key=lambda ticket: ticket[2])
    rows, values, _ = tickets[7]

    mixed, ordered = (margins_of(added(one), rows, values) for one in (tickets, by_label))

    assert ordered == pytest.approx(mixed, rel=1e-4)


def test_leads_of_single_features_sum_to_the_lead() -> None:
    prototypes = added(drawn(60))
    rows, values, _ = drawn(60)[5]
    sums = prototypes.sums_of(rows)

    by_feature = [float((prototypes.leads(sums, c, 0) * values).sum()) for c in range(LABELS)]

    margins = margins_of(prototypes, rows, values) - prototypes.priors()
    assert by_feature == pytest.approx(list(margins - margins[0]), rel=1e-3, abs=1e-4)


def test_a_label_without_tickets_gains_nothing() -> None:
    prototypes = added([ticket for ticket in drawn(30) if ticket[2] != 1])
    rows, values, _ = drawn(30)[1]

    gained = margins_of(prototypes, rows, values) - prototypes.priors()

    assert gained[1] == 0


def test_they_count_less_with_every_answer() -> None:
    few, many = added(drawn(30)), added(drawn(30) * 20)
    rows, values, _ = drawn(30)[0]

    spread = [np.ptp(margins_of(p, rows, values) - p.priors()) for p in (few, many)]

    assert spread[1] < spread[0] / 5


def test_they_go_on_from_a_state() -> None:
    tickets = drawn(60)
    resumed = Prototypes.from_state(added(tickets[:30]).state())
    for rows, values, column in tickets[30:]:
        resumed.add(rows, values, column)

    assert resumed.state() == added(tickets).state()


def test_adding_returns_what_the_ticket_then_has_in_common_with_each_sum() -> None:
    prototypes = added(drawn(20))
    rows, values, column = drawn(21)[-1]

    shared = prototypes.add(rows, values, column)

    assert shared == pytest.approx(prototypes.shared(prototypes.sums_of(rows), values), abs=1e-4)
