import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.events import CommitEvent, OverrideEvent, ReleaseEvent, TagEvent
from schemas.records import SourceRecord
from streams.domain.changelog.documents import canonical_json
from streams.domain.changelog.releases import build_releases
from streams.domain.commits.decoding import DecodedCommits, decode_commit_record

SAMPLES = Path(__file__).resolve().parents[4] / "samples" / "commits.raw.jsonl"
ROWS = [json.loads(line) for line in SAMPLES.read_text(encoding="utf-8").splitlines()]


def record(value: bytes | None, key: str | None = "acme/rocket") -> SourceRecord:
    return SourceRecord(
        topic="commits.raw",
        partition=0,
        offset=0,
        value=value,
        key=None if key is None else key.encode(),
        timestamp_ms=1_700_000_000_000,
    )


def decode(payload: object, key: str | None = "acme/rocket") -> DecodedCommits:
    return decode_commit_record(record(json.dumps(payload).encode(), key))


def decode_row(row: dict[str, Any]) -> DecodedCommits:
    if "text" in row:
        text = row["text"]
        return decode_commit_record(record(None if text is None else text.encode(), row["key"]))
    return decode(row["value"], row["key"])


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
def test_each_sample_becomes_what_it_should(row: dict[str, Any]) -> None:
    decoded = decode_row(row)
    expected = row["expect"]

    assert [type(event).__name__ for event in decoded.events] == expected.get("events", [])
    assert decoded.dropped == expected.get("dropped")
    assert (decoded.rejection and decoded.rejection.reason) == expected.get("rejected")
    assert all(event.repository == "acme/rocket" for event in decoded.events)


def test_the_samples_read_twice_give_the_same_releases() -> None:
    events = [event for row in ROWS for event in decode_row(row).events]

    def releases(found: list[Any]) -> bytes:
        return canonical_json(
            build_releases(
                [event for event in found if isinstance(event, CommitEvent)],
                [event for event in found if isinstance(event, TagEvent)],
                [event for event in found if isinstance(event, ReleaseEvent)],
                [event for event in found if isinstance(event, OverrideEvent)],
            )
        )

    assert releases(events) == releases([*reversed(events), *events])


def test_an_impossible_date_is_noted_and_the_commit_kept() -> None:
    payload = {"sha": "a" * 40, "message": "fix: x", "date": "2026-02-30T00:00:00Z"}
    (event,) = decode(payload).events

    assert isinstance(event, CommitEvent)
    assert (event.timestamp_s, event.problems) == (None, ("bad_date",))


def test_a_tag_without_a_date_is_dated_by_its_record() -> None:
    (event,) = decode({"kind": "tag", "name": "v1", "sha": "a" * 40}).events

    assert event.timestamp_s == 1_700_000_000


def test_a_push_of_an_annotated_tag_points_at_the_commit() -> None:
    payload = {
        "ref": "refs/tags/v1",
        "after": "b" * 40,
        "head_commit": {"id": "a" * 40},
        "repository": {"full_name": "acme/rocket"},
    }

    assert decode(payload).events[0].sha == "a" * 40


@pytest.mark.parametrize("name", ["", "v1\0", "v" * 501, "\u00e9" * 251])
@pytest.mark.parametrize("kind", ["tag", "release"])
def test_a_name_that_no_index_holds_is_rejected(kind: str, name: str) -> None:
    tag = decode({"kind": kind, "name": name, "sha": "a" * 40})
    tagged = decode({"sha": "a" * 40, "message": "x", "tags": [name]})

    assert [one.rejection and one.rejection.reason for one in (tag, tagged)] == ["bad_name"] * 2


def test_a_name_of_five_hundred_bytes_is_taken() -> None:
    (event,) = decode({"kind": "tag", "name": "\u00e9" * 250, "sha": "a" * 40}).events

    assert isinstance(event, TagEvent)
    assert event.name == "\u00e9" * 250


def test_a_value_over_the_limit_is_rejected() -> None:
    decoded = decode_commit_record(record(b" " * (8 * 1024 * 1024 + 1)))

    assert decoded.rejection is not None
    assert decoded.rejection.reason == "too_large"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["kind", "sha", "message", "parents", "date", "tags", "commits", "ref", "repository",
             "object_kind", "project", "full_name", "after", "id", "author", "name", "files"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON | st.sampled_from([row.get("value") for row in ROWS]))
@example({"kind": []})
def test_any_json_is_answered_in_exactly_one_way(payload: object) -> None:
    decoded = decode(payload)

    assert [bool(decoded.events), bool(decoded.dropped), bool(decoded.rejection)].count(True) == 1


@given(st.binary())
def test_bytes_that_are_no_json_object_are_rejected(value: bytes) -> None:
    decoded = decode_commit_record(record(b"\xff" + value))

    assert decoded.rejection is not None
    assert decoded.rejection.reason == "not_json"
