from hypothesis import given
from hypothesis import strategies as st

from schemas.events import CommitEvent
from streams.domain.changelog.merging import merge_pair

TEXTS = st.sampled_from(["", "a", "b"])
PAYLOADS = st.builds(
    CommitEvent,
    repository=st.just("r"),
    sha=st.just("f" * 40),
    message=TEXTS,
    author=TEXTS,
    timestamp_s=st.none() | st.integers(0, 2),
    parents=st.none() | st.sampled_from([(), ("a" * 40,), ("b" * 40,)]),
    tags=st.sampled_from([(), ("v1",), ("v2",)]),
    files=st.sampled_from([(), ("a.py",)]),
)


@given(PAYLOADS, PAYLOADS)
def test_the_order_of_two_payloads_does_not_matter(one: CommitEvent, other: CommitEvent) -> None:
    assert merge_pair(one, other) == merge_pair(other, one)
    assert merge_pair(one, one) == one


@given(PAYLOADS, PAYLOADS)
def test_what_only_one_payload_knows_is_kept_and_only_contradictions_are_flagged(
    one: CommitEvent, other: CommitEvent
) -> None:
    merged = merge_pair(one, other)
    known = [(one.parents, other.parents), (one.timestamp_s, other.timestamp_s)]
    contradicts = one.message != other.message or any(
        first is not None and second is not None and first != second for first, second in known
    )

    assert merged.conflict == contradicts
    assert set(merged.tags) == {*one.tags, *other.tags}
    assert (merged.parents is None) == (one.parents is None and other.parents is None)


@given(PAYLOADS, PAYLOADS, PAYLOADS)
def test_three_payloads_merge_the_same_way_round(
    one: CommitEvent, two: CommitEvent, three: CommitEvent
) -> None:
    assert merge_pair(merge_pair(one, two), three) == merge_pair(one, merge_pair(two, three))


@given(PAYLOADS, PAYLOADS)
def test_an_empty_message_never_wins(one: CommitEvent, other: CommitEvent) -> None:
    assert bool(merge_pair(one, other).message) == bool(one.message or other.message)
