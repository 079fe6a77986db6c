"""`aiops try decode`: JSON Lines in, JSON Lines out."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from aiops.workbench.decode import command
from aiops.workbench.input_records import InputError, parse_record


def _run(*lines: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(command, input="\n".join(lines) + "\n")
    assert result.exit_code == 0
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_input_line_gets_one_output_line_in_order() -> None:
    lines = ['{"value":"WARN a","record_timestamp_ms":1773476814100}', "{", '{"value":null}', "[]"]

    outputs = _run(*lines)

    assert outputs[0]["events"][0]["body"] == "a"
    assert outputs[0]["events"][0]["timestamp"] == "2026-03-14T08:26:54.1Z"
    assert "error" in outputs[1]
    assert outputs[2] == {"events": [], "dropped": "tombstone"}
    assert "error" in outputs[3]


def test_a_rejected_record_names_its_reason() -> None:
    (output,) = _run('{"value_b64":"iVBORw0KGgoAAAANSUhEUg=="}')

    assert (output["events"], output["dead_letter"]) == ([], "binary")


def test_raw_is_base64_when_the_value_is_not_text() -> None:
    (output,) = _run('{"value_b64":"Y2Fm6SBvcGVu"}')

    assert output["events"][0]["raw"] == "Y2Fm6SBvcGVu"


def test_coordinates_key_and_headers_are_taken_over() -> None:
    line = (
        '{"value":"x","key":"k","headers":{"a":"b"},"topic":"t","partition":2,"offset":7,"note":1}'
    )

    record = parse_record(line, position=5)

    assert (record.topic, record.partition, record.offset) == ("t", 2, 7)
    assert (record.key, record.headers, record.timestamp_ms) == (b"k", (("a", b"b"),), -1)


def test_a_generated_value_is_built() -> None:
    line = '{"value_gen":{"prefix":"<","repeat":"ab","count":2,"suffix":">"}}'

    record = parse_record(line, position=5)

    assert (record.value, record.offset) == (b"<abab>", 5)


@pytest.mark.parametrize(
    "line",
    ["", "5", '{"value":5}', '{"value_b64":"?"}', '{"value_gen":{"repeat":"a","count":999999999}}',
     '{"value_gen":{"repeat":"a","count":-1}}', '{"headers":[]}'],
)  # fmt: skip
def test_a_line_that_is_no_record_is_an_error(line: str) -> None:
    with pytest.raises(InputError):
        parse_record(line, position=0)
