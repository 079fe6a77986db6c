"""A log event is always one line of JSON, whatever its values are."""

import json

import pytest

from schemas.telemetry import event_json


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
