import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import OverrideEvent, TagEvent
from streams.domain.changelog.config import ChangelogConfig
from streams.domain.changelog.ranges import Events, RangeError, build_range, sort_events
from streams.domain.changelog.releases import build_releases
from streams.domain.commits.own_json import ChangelogEvent
from tests.unit.streams.domain.changelog.histories import REPOSITORY, commit, line, sha, subjects

CONFIG = ChangelogConfig()
COMMITS = [
    *line("feat: a", "fix: b", "feat: c", "fix: d", "feat: e", tags={1: "v1.0.0", 3: "v1.1.0"}),
    commit("side", "fix: on the side", "1", at=2),
    commit("merge", "Merge branch 'side'", f"{4} side", at=9, author="Bob <b@example.org>"),
]
TAG = TagEvent(repository=REPOSITORY, name="v2.0.0", sha=sha("merge"), timestamp_s=1_700_000_020)
REPAIR = OverrideEvent(repository=REPOSITORY, sha=sha("4"), subject="said better")
EVENTS = sort_events([*COMMITS, TAG, REPAIR])


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, "v1.0.0", "01"),
        ("v1.0.0", "v1.1.0", "23"),
        ("v1.0.0", "v2.0.0", ["2", "3", "4", "side", "merge"]),
        ("v1.1.0", None, ["4", "side", "merge"]),
        (sha("0"), sha("2")[:7], "12"),
        (None, None, ["0", "1", "2", "3", "4", "side", "merge"]),
    ],
)
def test_a_range_holds_what_its_end_contains_and_its_start_does_not(
    since: str | None, until: str | None, expected: list[str]
) -> None:
    document = build_range(EVENTS, since, until, CONFIG)

    assert set(document.commits) == {sha(name) for name in expected}


def test_repairs_and_first_contributions_count_in_a_range() -> None:
    document = build_range(EVENTS, "v1.1.0", "v2.0.0", CONFIG)

    assert "said better" in subjects(document)
    assert {one.name.split()[0]: one.first_time for one in document.contributors} == {
        "Anna": False,
        "Bob": True,
    }


def test_a_range_between_neighbours_reads_as_the_release() -> None:
    release = build_releases(EVENTS.commits, EVENTS.tags, (), EVENTS.overrides)[1]

    document = build_range(EVENTS, "v1.0.0", "v1.1.0", CONFIG)

    assert (document.markdown, document.bump) == (release.markdown, release.bump)


@given(st.randoms(use_true_random=False))
def test_the_order_of_what_was_said_changes_no_byte(rng: random.Random) -> None:
    shuffled: list[ChangelogEvent] = [*COMMITS, TAG, REPAIR, *rng.sample(COMMITS, 3)]
    rng.shuffle(shuffled)

    documents = [
        build_range(events, "v1.0.0", "v2.0.0", CONFIG)
        for events in (EVENTS, sort_events(shuffled))
    ]

    assert documents[0] == documents[1]


@pytest.mark.parametrize(
    ("since", "until", "end"),
    [
        ("v9", None, "from"),
        (None, "v9", "to"),
        (None, sha("0")[:6], "to"),
        ("v1.1.0", "v1.0.0", "from"),
        ("v1.1.0", "v1.1.0", "from"),
        ("v1.1.0", sha("3"), "from"),
    ],
)
def test_what_is_no_range_names_its_wrong_end(
    since: str | None, until: str | None, end: str
) -> None:
    with pytest.raises(RangeError) as failure:
        build_range(EVENTS, since, until, CONFIG)

    assert failure.value.end == end


def test_a_repository_without_commits_has_no_range() -> None:
    with pytest.raises(RangeError):
        build_range(Events(tags=(TAG,)), "v2.0.0", None, CONFIG)


def test_nothing_said_is_an_empty_range() -> None:
    assert build_range(Events(), None, None, CONFIG).commits == ()
