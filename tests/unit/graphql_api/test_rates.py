"""Each sender spends from a bucket of its own."""

import pytest

from graphql_api.errors import ApiError
from graphql_api.rates import CostRates


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_sender_may_spend_ten_seconds_worth_and_then_waits() -> None:
    clock = Clock()
    rates = CostRates(100, clock)

    rates.spend("a", 1_000)
    with pytest.raises(ApiError) as refused:
        rates.spend("a", 200)
    clock.now = 2.0
    rates.spend("a", 200)

    assert refused.value.details["retryAfterSeconds"] == 2


def test_one_sender_does_not_spend_for_another() -> None:
    rates = CostRates(1, Clock())

    rates.spend("a", 10)
    rates.spend("b", 10)

    with pytest.raises(ApiError):
        rates.spend("a", 1)
