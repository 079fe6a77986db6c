import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import CommitEvent, OverrideEvent, ReleaseEvent, TagEvent
from schemas.records import SourceRecord
from streams.domain.commits.own_json import ChangelogEvent
from streams.domain.commits.prepared import make_statement, prepare_commits, read_statement

EVENTS: st.SearchStrategy[ChangelogEvent] = st.one_of(
    st.from_type(CommitEvent),
    st.from_type(TagEvent),
    st.from_type(ReleaseEvent),
    st.from_type(OverrideEvent),
)


def record(value: bytes | None) -> SourceRecord:
    return SourceRecord(
        topic="commits.raw", partition=2, offset=7, value=value, key=b"acme/rocket", timestamp_ms=0
    )


@given(EVENTS)
def test_a_statement_is_read_back_as_the_event_it_was_made_of(event: ChangelogEvent) -> None:
    statement = make_statement(event)

    assert read_statement(statement.kind, statement.payload) == event
    assert statement.repository == event.repository


@given(EVENTS, EVENTS)
def test_only_equal_events_have_equal_hashes(one: ChangelogEvent, other: ChangelogEvent) -> None:
    hashes = {make_statement(one).content_hash, make_statement(other).content_hash}

    assert len(hashes) == len({one, other})


def test_a_tag_and_a_release_with_the_same_members_are_two_statements() -> None:
    members = {"repository": "r", "name": "v1", "sha": "a" * 40, "timestamp_s": 1}
    tag, cut = TagEvent(**members), ReleaseEvent(**members)  # type: ignore[arg-type]

    assert make_statement(tag).content_hash != make_statement(cut).content_hash


def test_a_record_has_a_statement_for_each_of_its_events() -> None:
    commit = {"sha": "a" * 40, "message": "feat: x"}
    batch = {
        "kind": "batch",
        "commits": [commit, commit],
        "tags": [{"name": "v1", "sha": "a" * 40}],
    }

    prepared = prepare_commits(record(msgspec.json.encode(batch)))

    assert [one.kind for one in prepared.statements] == ["commit", "commit", "tag"]
    assert prepared.statements[0] == prepared.statements[1]
    assert (prepared.offset, prepared.dropped, prepared.dead_letter) == (7, None, None)


@pytest.mark.parametrize(
    ("value", "dropped", "rejected"), [(None, "tombstone", None), (b"{", None, "not_json")]
)
def test_a_record_without_statements_says_why(
    value: bytes | None, dropped: str | None, rejected: str | None
) -> None:
    prepared = prepare_commits(record(value))

    assert prepared.statements == ()
    assert prepared.dropped == dropped
    assert (prepared.rejection and prepared.rejection.reason) == rejected


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(value: bytes) -> None:
    prepared = prepare_commits(record(value))

    assert bool(prepared.statements) + bool(prepared.dropped) + prepared.is_rejected == 1
