"""A log event is always one line of JSON, whatever its values are."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.telemetry import Timestamps, event_json

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    ["text", "two\nlines", "half \ud800", "\x1b[31m", 2**70, 1.5, None, [1, "a"], {"a": {"b": 1}}],
    ids=ascii,
)
def test_json_values_come_back(value: object) -> None:
    line = event_json({"event": "x", "value": value}, default=repr)

    assert json.loads(line) == {"event": "x", "value": value}
    assert "\n" not in line


@pytest.mark.parametrize(
    "value", [object, {1, 2}, b"bytes", ValueError("no"), {(1, 2): 3}], ids=repr
)
def test_other_values_are_told_in_some_way(value: object) -> None:
    line = event_json({"event": "x", "value": [value]}, default=repr)

    assert json.loads(line)["event"] == "x"


@given(st.lists(st.integers(0, 4 * 10**18)))
def test_events_have_the_time_of_the_clock(times_ns: list[int]) -> None:
    stamp = Timestamps(iter(times_ns).__next__)
    told = [stamp(None, "info", {"event": "x"})["timestamp"] for _ in times_ns]

    for text, time_ns in zip(told, times_ns, strict=True):
        assert datetime.fromisoformat(text) == EPOCH + timedelta(microseconds=time_ns // 1_000)
