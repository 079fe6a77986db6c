from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.changelog.dependencies import (
    DependencyUpdate,
    chain_updates,
    parse_dependency_update,
)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("bump boto from 1.0 to 1.1", ("boto", "1.0", "1.1")),
        ("Bumps `@acme/ui` from v1 to v2.0.0 in /web (#7)", ("@acme/ui", "v1", "v2.0.0")),
        ("update dependency vite to v5.1.2 [security]", ("vite", None, "v5.1.2")),
        ("upgrade brace-expansion version to 5.0.8 (#2863)", ("brace-expansion", None, "5.0.8")),
        ("update actions/checkout digest to 08c6903", ("actions/checkout", None, "08c6903")),
    ],
)
def test_the_usual_subjects_tell_name_and_versions(
    subject: str, expected: tuple[str, str | None, str]
) -> None:
    found = parse_dependency_update(subject)

    assert found is not None
    assert (found.name, found.old, found.new) == expected


@pytest.mark.parametrize(
    "subject",
    ["update docs to reflect it", "bump version", "update all dependencies", ""],
)
def test_other_subjects_update_no_dependency(subject: str) -> None:
    assert parse_dependency_update(subject) is None


@given(st.lists(st.integers(0, 99), min_size=2, max_size=8, unique=True))
def test_a_chain_is_one_step_from_its_first_version_to_its_last(versions: list[int]) -> None:
    steps = [
        (key, DependencyUpdate(name="x", old=str(old), new=str(new)))
        for key, (old, new) in enumerate(pairwise(versions))
    ]

    assert chain_updates(steps) == [
        ("x", str(versions[0]), str(versions[-1]), list(range(len(steps))))
    ]


def test_steps_that_do_not_meet_are_chains_of_their_own() -> None:
    steps = [
        (0, DependencyUpdate(name="x", old="1", new="2")),
        (1, DependencyUpdate(name="x", old="7", new="8")),
        (2, DependencyUpdate(name="x", old="1", new="2")),
    ]

    assert chain_updates(steps) == [("x", "1", "2", [0, 2]), ("x", "7", "8", [1])]
