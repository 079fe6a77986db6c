import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import SourceRecord
from streams.domain.tickets import decode_ticket
from streams.domain.triage.model import TriageModel

SAMPLES = [
    json.loads(line)
    for line in (Path(__file__).parents[4] / "samples" / "tickets.raw.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]

member_names = st.sampled_from(
    [
        *("title", "body", "message", "labels", "meta", "id", "project", "issue", "fields"),
        *("repository", "object_kind", "ticket", "detail", "alerts", "startsAt", "status"),
        *("result", "short_description", "messages", "event", "data", "incident", "updated_at"),
        *("summary", "description", "content", "text", "name"),
    ]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(member_names, inner, max_size=5),
    max_leaves=25,
)


def record(value: bytes | None, **given_members: object) -> SourceRecord:
    members: dict[str, object] = {"topic": "tickets.raw", "partition": 0, "offset": 7}
    members |= {"timestamp_ms": 1_767_323_045_000, "value": value}
    return SourceRecord(**{**members, **given_members})  # type: ignore[arg-type]  # real members


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample["name"] for sample in SAMPLES])
def test_each_sample_becomes_what_it_says(sample: dict[str, Any]) -> None:
    decoded = decode_ticket(record(sample["value"].encode()))

    rejected = decoded.rejection.reason if decoded.rejection else None
    first = msgspec.to_builtins(decoded.events[0]) if decoded.events else {}

    assert (decoded.dropped, rejected) == (sample.get("dropped"), sample.get("rejected"))
    assert {name: first[name] for name in sample.get("expect", {})} == sample.get("expect", {})
    assert len(decoded.events) == (sample.get("count", 1) if "expect" in sample else 0)


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample["name"] for sample in SAMPLES])
def test_each_sample_that_is_a_ticket_can_be_triaged(sample: dict[str, Any]) -> None:
    model = TriageModel()

    for event in decode_ticket(record(sample["value"].encode())).events:
        assert model.predict(event).fields["category"].value in {"bug", "feature", "question"}


@given(st.binary(max_size=300))
def test_any_bytes_are_answered(value: bytes) -> None:
    decoded = decode_ticket(record(value))

    assert bool(decoded.events) + bool(decoded.dropped) + bool(decoded.rejection) == 1


@given(st.dictionaries(member_names, json_values, max_size=6))
def test_any_object_is_answered(payload: dict[str, Any]) -> None:
    decoded = decode_ticket(record(json.dumps(payload).encode()))

    assert bool(decoded.events) + bool(decoded.dropped) + bool(decoded.rejection) == 1


def test_a_ticket_without_an_id_bears_its_records_coordinates() -> None:
    value = b'{"message": "x"}'
    ids = {decode_ticket(record(value, offset=offset)).events[0].ticket_id for offset in (7, 7, 8)}

    assert len(ids) == 2


def test_the_key_is_the_project_where_the_payload_names_none() -> None:
    decoded = decode_ticket(record(b'{"message": "x"}', key=b"shop"))

    assert decoded.events[0].project == "shop"


def test_a_tombstone_is_dropped() -> None:
    assert decode_ticket(record(None)).dropped == "tombstone"


def test_a_value_beyond_the_limit_is_rejected() -> None:
    decoded = decode_ticket(record(b" " * (8 * 1024 * 1024 + 1)))

    assert decoded.rejection is not None
    assert decoded.rejection.reason == "too_large"
