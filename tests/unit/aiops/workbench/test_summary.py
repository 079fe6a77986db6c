import json
from typing import Any

from click.testing import CliRunner

from aiops.workbench.summary import command


def record(text: str, **members: object) -> str:
    base: dict[str, object] = {"value": text, "record_timestamp_ms": 1_773_475_260_000}
    return json.dumps(base | members)


def run(*lines: str, window: str = "5m") -> list[dict[str, Any]]:
    result = CliRunner().invoke(command, ["--window", window], input="\n".join(lines) + "\n")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def test_records_become_one_line_a_service_and_window_the_nameless_service_first() -> None:
    lines = [
        record('{"message": "b", "service": "web", "level": "error"}'),
        record("just text"),
        record('{"message": "a", "service": "api", "level": "info"}'),
        record('{"message": "a", "service": "api"}', record_timestamp_ms=1_773_475_860_000),
    ]

    documents = run(*lines)

    assert [(one["service"], one["window_start"]) for one in documents] == [
        (None, "2026-03-14T08:00:00Z"),
        ("api", "2026-03-14T08:00:00Z"),
        ("api", "2026-03-14T08:10:00Z"),
        ("web", "2026-03-14T08:00:00Z"),
    ]
    assert documents[3]["severity_counts"] == {"ERROR": 1}


def test_records_at_the_same_place_are_one_and_the_first_counts() -> None:
    place = {"topic": "logs.raw", "partition": 1, "offset": 7}

    documents = run(record("first", **place), record("second", **place), record("third"))

    assert [one["lines"] for one in documents] == [2]
    assert {top["template"] for top in documents[0]["top_templates"]} == {"first", "third"}


def test_a_line_that_is_no_record_is_an_error_and_the_others_are_summarized() -> None:
    documents = run("{not json", record("text"))

    assert "error" in documents[0]
    assert documents[1]["lines"] == 1


def test_a_batch_counts_each_of_its_events() -> None:
    batch = json.dumps([{"message": f"item {i}"} for i in range(5)])

    assert [one["lines"] for one in run(record(batch))] == [5]


def test_the_window_width_can_be_chosen() -> None:
    assert run(record("text"), window="1m")[0]["window_end"] == "2026-03-14T08:02:00Z"


def test_a_wrong_width_is_a_usage_error() -> None:
    result = CliRunner().invoke(command, ["--window", "soon"], input="")

    assert result.exit_code == 2
    assert "is no window width" in result.output
