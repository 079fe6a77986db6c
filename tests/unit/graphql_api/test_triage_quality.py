"""Quality from the counts by tenth of confidence."""

import msgspec
import pytest

from graphql_api.store.triage_quality import DecileRow
from graphql_api.triage_quality import TriageQuality

ROW = DecileRow(
    project="shop",
    field="team",
    decile=9,
    outcomes=10,
    right=9,
    confidence_sum=9.5,
    for_humans=0,
    automatic_right=9,
    confirmations=4,
)
UNSURE = msgspec.structs.replace(
    ROW, decile=3, outcomes=30, right=9, confidence_sum=10.5, for_humans=30, automatic_right=0
)


def test_shares_are_over_all_judged_answers() -> None:
    quality = TriageQuality.from_rows([UNSURE, ROW])

    assert (quality.outcomes, quality.confirmations) == (40, 8)
    assert quality.accuracy == 18 / 40
    assert quality.human_share == 30 / 40
    assert quality.automatic_accuracy == 0.9


def test_the_calibration_error_weighs_each_tenth_by_its_answers() -> None:
    quality = TriageQuality.from_rows([UNSURE, ROW])

    assert quality.calibration_error == pytest.approx((0.5 + 1.5) / 40)
    assert [one.lower for one in quality.deciles] == [0.3, 0.9]
    assert quality.deciles[0].mean_confidence == 0.35


def test_nothing_is_said_of_automatic_answers_where_there_are_none() -> None:
    assert TriageQuality.from_rows([UNSURE]).automatic_accuracy is None
