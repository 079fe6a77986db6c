"""Every case of the shared corpus of wire formats, and the samples of our own."""

import calendar
import re
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiops.workbench.decode import answer
from tests.shared_data import SHARED, shared_file

CORPUS = SHARED / "data/wire/golden.jsonl"
SAMPLES = Path(__file__).resolve().parents[4] / "samples/logs.raw.jsonl"
COMPARED = ("severity_text", "severity_number", "service", "host", "trace_id", "span_id")


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines() if path.exists() else []


def _ns(text: str) -> int:
    match = re.fullmatch(r"(.{19})(?:\.(\d+))?Z", text)
    assert match
    seconds = calendar.timegm(time.strptime(match[1], "%Y-%m-%dT%H:%M:%S"))
    return seconds * 10**9 + int((match[2] or "0").ljust(9, "0"))


def _text(described: dict[str, Any], name: str) -> str:
    generator = described.get(f"{name}_gen")
    if generator is None:
        return str(described[name])
    return str(generator["prefix"] + generator["repeat"] * generator["count"] + generator["suffix"])


def _assert_event(event: dict[str, Any], expected: dict[str, Any], tolerance_ns: int) -> None:
    assert {name: event[name] for name in COMPARED} == {name: expected[name] for name in COMPARED}
    assert event["body"] == _text(expected, "body")
    assert abs(_ns(event["timestamp"]) - _ns(expected["timestamp"])) <= tolerance_ns
    attributes = event["attributes"]
    found = {name: attributes.get(name, "(absent)") for name in expected["attributes"]}
    assert found == expected["attributes"]
    for name, value in expected["attributes"].items():
        assert isinstance(found[name], bool) == isinstance(value, bool)


def _assert_case(line: bytes) -> None:
    case = msgspec.json.decode(line)
    output = answer(line, 0)
    assert output.get("dropped") == case.get("dropped")
    assert output.get("dead_letter") == case.get("dead_letter")
    assert len(output["events"]) == len(case["expected"])
    for event, expected in zip(output["events"], case["expected"], strict=True):
        _assert_event(event, expected, case.get("timestamp_tolerance_ns", 0))


def test_the_corpus_is_whole() -> None:
    path = shared_file("data/wire/golden.jsonl")

    assert len(_lines(path)) == 137


@pytest.mark.parametrize(
    "line", [pytest.param(line, id=msgspec.json.decode(line)["name"]) for line in _lines(CORPUS)]
)
def test_a_record_of_the_corpus_becomes_the_expected_events(line: bytes) -> None:
    _assert_case(line)


@pytest.mark.parametrize(
    "line", [pytest.param(line, id=msgspec.json.decode(line)["name"]) for line in _lines(SAMPLES)]
)
def test_a_sample_becomes_the_expected_events(line: bytes) -> None:
    _assert_case(line)


def test_there_are_good_and_bad_samples() -> None:
    cases = [msgspec.json.decode(line) for line in _lines(SAMPLES)]

    assert len([case for case in cases if case["expected"]]) >= 20
    assert len([case for case in cases if "dead_letter" in case]) >= 5
